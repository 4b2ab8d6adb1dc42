"""The full screen: a pure model, keys as data, pure layout, and a thin shell that draws with urwid inside trio."""

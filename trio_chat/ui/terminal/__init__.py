"""The terminal: its modes, its signals, the width of text and how it is painted."""

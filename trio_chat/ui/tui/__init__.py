"""The full screen: a pure model, a controller for keys and lines, widgets that draw, and the session."""

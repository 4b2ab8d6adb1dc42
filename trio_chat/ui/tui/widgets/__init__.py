"""Drawing the full screen: its parts as rows of styled text, and the whole screen through urwid."""

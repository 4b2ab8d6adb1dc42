"""What is drawn: each part of the screen as rows of styled text, and the whole of it as one urwid widget."""

"""The terminal: its modes and signals, escape sequences, the width and layout of text, painting."""

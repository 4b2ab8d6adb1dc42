"""The state of the full screen, with its keys and themes as data. Pure: no terminal, no clock, no connection."""

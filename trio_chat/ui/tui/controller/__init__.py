"""What keys and the mouse do in the full screen."""

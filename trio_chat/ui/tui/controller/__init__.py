"""Keys, mouse events and typed lines of the full screen, and the parts that run them."""

"""The interfaces: line mode and the full screen, and the parts that they share."""

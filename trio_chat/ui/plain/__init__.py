"""Line mode: a prompt on a terminal, pipes and JSON elsewhere."""

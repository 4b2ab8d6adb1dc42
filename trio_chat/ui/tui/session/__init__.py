"""One run of the full screen: options, login and connection, the queue of actions, requests beside it, saved state."""

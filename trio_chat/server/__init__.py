"""The connected sessions: listeners, connections, the hub, and the way of bytes to the peers."""

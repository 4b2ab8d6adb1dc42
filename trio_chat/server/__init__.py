"""Who is connected: listeners, connections, the hub, and how bytes get out."""

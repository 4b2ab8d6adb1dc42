"""One connection: its transport, its frames, its outbox, and the gate that counts connections."""

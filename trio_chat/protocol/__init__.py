"""The protocol: requests, events, names and addressing, and how they become bytes. Pure."""

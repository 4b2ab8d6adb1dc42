"""The facts of the chat that both interfaces share, and the words for them. Pure."""

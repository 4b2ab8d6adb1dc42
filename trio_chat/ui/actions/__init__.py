"""What a person can do: each action as a value, and how it is carried out over the client library."""

"""The actions of a person, as values, and the functions that carry them out over the client library."""

"""The server's WebSocket against a public conformance suite."""

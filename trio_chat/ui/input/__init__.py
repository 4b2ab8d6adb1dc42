"""The input line: decoding keys, key bindings, the editor and its motions. Pure."""

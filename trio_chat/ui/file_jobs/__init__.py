"""Carrying out transfers of files for both interfaces: in the background, with progress, questions and an end."""

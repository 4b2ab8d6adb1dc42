"""The protocols by which people and programs get in: one small file for each door."""

"""The slash commands: their table, their parsing and their completion. Pure."""

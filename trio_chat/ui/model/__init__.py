"""What both interfaces know of the chat and how they say it in words. Pure."""

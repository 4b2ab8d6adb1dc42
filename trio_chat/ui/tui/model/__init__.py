"""What is shown, what is unread, what a key means now: no terminal, no clock, no connection in here."""

"""The hub: the task that decides, stores and delivers. It knows no protocol, no connection and no socket."""

"""The hub: the task that decides, stores and delivers. It knows no protocol and no socket."""

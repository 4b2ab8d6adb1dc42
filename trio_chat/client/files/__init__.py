"""Files of a chat on the client's side: sending them by tus 1.0.0, fetching them, and saving them on this machine.

Layers, from the bottom up: ``transfer_connection`` asks the server and does not give up at once; ``upload`` sends the
bytes of one file, ``download`` fetches them; ``sources`` reads what is to be sent, ``saving`` puts what was fetched
into a folder; ``journal`` keeps what is not sent yet over a restart; ``sending`` makes of all this one message with
files.
"""

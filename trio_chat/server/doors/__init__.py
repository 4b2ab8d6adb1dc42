"""The ways into the server.

:mod:`~trio_chat.server.doors.websocket` is the door of the chat: credentials and the upgrade. Its sessions speak the
native protocol in :mod:`~trio_chat.server.doors.native_peer`, the peer that the hub sees.
:mod:`~trio_chat.server.doors.http_door` answers everything else on the same port, and
:mod:`~trio_chat.server.doors.control` is the operator's socket. ``tests/server/text_door.py`` is a complete example of
another protocol.
"""

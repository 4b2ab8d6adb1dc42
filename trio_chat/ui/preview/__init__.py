"""Images shown in the terminal: decoded in a process of their own, then drawn by our own code.

Theory of operation. The bytes of an image come from a stranger, and decoders of images are where strangers get in. So
they are decoded in a child process that can do nothing (:mod:`trio_chat.ui.preview.decoder`), which hands back a few
raw pixels, as many as asked for. From these, and from nothing else, is made what the terminal gets: graphics of kitty
(:mod:`~trio_chat.ui.preview.kitty`) or sixels (:mod:`~trio_chat.ui.preview.sixel`), where the terminal answers that it
understands them (:mod:`~trio_chat.ui.preview.graphics`), otherwise characters with two pixels each
(:mod:`~trio_chat.ui.preview.half_blocks`).
"""

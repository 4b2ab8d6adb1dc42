"""/send, /save, /open, /transfers, /cancel and /files: what their arguments mean."""

from __future__ import annotations

import pytest

from tests.ui.commands.test_messages import in_ops
from tests.ui.typed import interpret
from tests.ui.with_files import info, message
from trio_chat.protocol.events import Error
from trio_chat.protocol.query import Query
from trio_chat.ui.actions.files import CancelTransfer, ListTransfers, SaveFiles, SendFiles
from trio_chat.ui.actions.messages import SearchMessages
from trio_chat.ui.actions.moderation import ConfigureRoom
from trio_chat.ui.commands.files import parse_size
from trio_chat.ui.model.place import Place

A, B, C = info("a"), info("b"), info("c d")


def with_files() -> Place:
    """#ops with message 3, which has two files, and message 5, which has one."""
    place = in_ops()
    place.take(message(3, A, B))
    place.take(message(5, C))
    return place


def test_what_is_behind_send_is_kept_as_it_is() -> None:
    assert interpret("/send 'my file.png' look,  at  this", in_ops()) == SendFiles(
        "#ops", "'my file.png' look,  at  this"
    )
    for nothing in ("/send", "/send   "):
        assert isinstance(interpret(nothing, in_ops()), Error)


@pytest.mark.parametrize(
    ("line", "action"),
    [
        ("/save", SaveFiles("#ops", (C,), 5)),
        ("/save 1", SaveFiles("#ops", (C,), 5)),
        ("/save 3", SaveFiles("#ops", (A,), 3)),
        ("/save #3", SaveFiles("#ops", (A, B), 3)),
        ("/save #3.2", SaveFiles("#ops", (B,), 3, 2)),
        ("/save #99", SaveFiles("#ops", (), 99)),
        ("/save #99.2", SaveFiles("#ops", (), 99, 2)),
        ("/save ~/logs", SaveFiles("#ops", (C,), 5, path="~/logs")),
        ("/save 2 'a b'", SaveFiles("#ops", (B,), 3, path="a b")),
        ("/save '2'", SaveFiles("#ops", (C,), 5, path="2")),
        ("/open", SaveFiles("#ops", (C,), 5, opens=True)),
        ("/open 2", SaveFiles("#ops", (B,), 3, opens=True)),
        ("/transfers", ListTransfers()),
        ("/cancel", CancelTransfer()),
        ("/cancel 2", CancelTransfer(2)),
        ("/files", SearchMessages(Query(room="#ops", has_file=True))),
        ("/files off", ConfigureRoom("#ops", files=False)),
        ("/files on", ConfigureRoom("#ops", files=True, max_file=0)),
        ("/files 20M", ConfigureRoom("#ops", files=True, max_file=20 * 1024 * 1024)),
    ],
)
def test_lines_become_actions(line: str, action: object) -> None:
    assert interpret(line, with_files()) == action


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("/save 4", "Only 3 files were shown in #ops."),
        ("/save #3.3", "Message 3 has fewer than 3 files."),
        ("/save a b", "Put a path with spaces in quotes."),
        ("/open a", "That is no file of this room."),
        ("/cancel x", "Which transfer?"),
        ("/files 0", "Write on, off, or the largest size"),
        ("/files lots", "Write on, off, or the largest size"),
    ],
)
def test_other_lines_are_explained(line: str, why: str) -> None:
    meaning = interpret(line, with_files())
    assert isinstance(meaning, Error)
    assert why in meaning.message


def test_where_no_file_was_shown_there_is_none_to_save() -> None:
    for line in ("/save", "/save 1", "/save ~/logs", "/open"):
        meaning = interpret(line, in_ops())
        assert isinstance(meaning, Error)
        assert meaning.message == "No file was shown in this room."


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("500", 500),
        ("500K", 512_000),
        ("1.5 GiB", 1_610_612_736),
        ("2mb", 2_097_152),
        ("10 bytes", 10),
        ("1t", 2**40),
        ("9999999999T", None),
        ("-1", None),
        ("K", None),
        ("1e3", None),
        ("٣", None),
    ],
)
def test_sizes(text: str, size: int | None) -> None:
    assert parse_size(text) == size

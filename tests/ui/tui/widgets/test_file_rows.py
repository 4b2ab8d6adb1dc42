"""Messages with files on the full screen: rows at each width, and what changes them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from tests.ui.followed import FollowedModel
from tests.ui.with_files import TIME, info, message
from trio_chat.protocol.events import Deleted, Edited, RoomInfo
from trio_chat.protocol.files import with_file_lines
from trio_chat.ui.terminal.graphemes import text_width
from trio_chat.ui.tui.model.log import about
from trio_chat.ui.tui.widgets.bars import prompt, status_row
from trio_chat.ui.tui.widgets.conversation import ConversationLayout, ConversationStyle, file_rows, plain_text

LOG, PICTURE = info(), info("a.png", 2048, "image/png", 64, 32)


def room_with(*events: object) -> FollowedModel:
    """Ada in #ops, where this happened."""
    model = FollowedModel()
    model.begin(RoomInfo(name="#ops"), lobby="#ops")
    model.room.fetching = ""
    for event in events:
        model.take(event, 0.0, 0.0)  # type: ignore[arg-type]
    return model


def rows(model: FollowedModel, columns: int = 80) -> list[str]:
    """The rows of the conversation, without its date."""
    look = ConversationStyle(model.place, time_format="%H")
    view = ConversationLayout().view(model.room, columns, 12, look)
    return [text for row in view.rows if (text := plain_text(row)) and "─" not in text]


def test_a_row_for_each_file_is_under_the_caption() -> None:
    shown = rows(room_with(message(1, LOG, PICTURE, caption="it failed")))
    assert [row.split(maxsplit=2)[-1] if "bob" in row else row.strip() for row in shown] == [
        "it failed",
        "↓ build.log  12.3 KiB  text",
        "↓ a.png  2.0 KiB  PNG image, 64 x 32",
    ]


def test_a_narrow_row_has_the_kind_of_an_image_without_its_measures() -> None:
    model = room_with(message(1, PICTURE, caption="look"))
    found = (
        next(row for row in rows(model, columns) if "a.png" in row).strip().removesuffix(" ✓")
        for columns in range(60, 8, -1)
    )
    assert list(dict.fromkeys(found))[:3] == [
        "↓ a.png  2.0 KiB  PNG image, 64 x 32",
        "↓ a.png  2.0 KiB  PNG image",
        "↓ a.png  2.0 KiB",
    ]


def test_with_a_message_selected_the_prompt_names_what_its_files_allow() -> None:
    model = room_with(message(1, LOG), message(2, PICTURE), message(3, caption="no file"))
    said = {}
    for seq in (1, 2, 3):
        model.room.selected = seq
        (row, _) = prompt(model)
        said[seq] = plain_text(row)
        assert text_width(said[seq]) <= 80
    assert "Enter save, O open, r reply" in said[1]
    assert "Enter save, O open, p preview, r reply" in said[2]
    assert "save" not in said[3]


def test_without_a_caption_the_file_stands_beside_the_name() -> None:
    (row,) = rows(room_with(message(1, LOG)))
    assert row.endswith("bob  ↓ build.log  12.3 KiB  text")


@pytest.mark.parametrize("columns", [20, 25, 36, 44, 60, 80, 120, 200])
@pytest.mark.parametrize("caption", ["", "it failed"])
def test_a_long_name_keeps_its_end_and_its_row(columns: int, caption: str) -> None:
    long = info("minutes of the meeting of the whole department " * 4 + ".pdf", 3 * 2**20, "application/pdf")
    shown = rows(room_with(message(1, long, caption=caption)), columns)
    assert all(text_width(row) <= columns for row in shown)
    assert len(shown) == 1 + bool(caption)
    assert ".pdf" in shown[-1]
    assert "3.0 MiB" in shown[-1] or columns < 44


@pytest.mark.parametrize(
    ("shown", "less"),
    [("↓ build.log  12.3 KiB  text", "↓ build.log  12.3 KiB"), ("↓ build.log  12.3 KiB", "↓ build.log")],
)
def test_the_kind_and_the_size_are_shown_as_long_as_every_letter_has_a_column(shown: str, less: str) -> None:
    entry = room_with(message(1, LOG, caption="it failed")).room.log.find(1)
    assert entry is not None
    for columns, text in ((text_width(shown), shown), (text_width(shown) - 1, less)):
        assert [plain_text(row) for row in file_rows(entry, columns, 0)] == [text]


def test_an_edit_keeps_the_files_and_a_deletion_removes_them() -> None:
    text = with_file_lines("it works", (LOG,))
    edit = Edited(room="#ops", seq=2, time=TIME, sender="bob", sender_id=2, target=1, text=text)
    model = room_with(message(1, LOG, caption="it failed"), edit)
    caption, file = rows(model)
    assert caption.endswith("it works (edited)")
    assert file.endswith("↓ build.log  12.3 KiB  text")
    entry = model.room.log.find(1)
    assert entry is not None
    assert entry.text == "it works"
    model.take(Deleted(room="#ops", seq=3, time=TIME, sender="bob", sender_id=2, target=1), 0.0, 0.0)
    assert rows(model)[-1].endswith("(deleted)")
    assert entry.files == ()


def test_an_edit_of_a_message_without_a_caption_shows_it_is_edited() -> None:
    (row,) = rows(room_with(replace(message(1, LOG), edited=TIME)))
    assert row.endswith("text (edited)")


def test_a_reply_and_an_excerpt_name_the_file() -> None:
    reply = replace(message(2, caption="thanks"), sender="eve", sender_id=3, reply_to=1)
    shown = rows(room_with(message(1, LOG), reply))
    assert any("┌ bob: [file] build.log, 12.3 KiB" in row for row in shown)
    entry = room_with(message(1, LOG, caption="see\nthis")).room.log.find(1)
    assert entry is not None
    assert entry.excerpt == "see this [file] build.log, 12.3 KiB"
    lines = about(entry, room_with().place)
    assert "file      build.log, 12.3 KiB, text/plain" in lines
    assert f"  SHA-256 {'ab' * 32}" in lines


def test_the_status_line_has_the_transfers() -> None:
    model = room_with()
    assert "↑" not in plain_text(status_row(model, 80, 0.0, 0))
    one = model.transfers.begin("send", "build.log", 200, 0.0)
    for second in range(5):
        model.transfers.note(one, second * 10, None, "moving", float(second))
    for columns in (20, 40, 80, 200):
        text = plain_text(status_row(model, columns, 4.0, 0))
        assert "↑" in text
        assert "20%" in text
        assert text_width(text) <= columns

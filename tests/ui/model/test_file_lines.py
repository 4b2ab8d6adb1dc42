"""Messages with files in line mode, JSON, replies and the log files: each file is shown once."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from msgspec.structs import replace

from tests.ui.followed import FollowedPlace
from tests.ui.with_files import TIME, info, message
from trio_chat.protocol.events import Edited, Message, Moderated, RoomInfo
from trio_chat.protocol.files import with_file_lines
from trio_chat.ui.model.lines import Teller, as_json
from trio_chat.ui.model.log_lines import log_lines
from trio_chat.ui.model.notes import Hits

LOG, PICTURE = info(), info("a.png", 2048, "image/png", 64, 32)


def teller() -> Teller:
    """One who tells ada, in #ops, about what happens."""
    place = FollowedPlace(rooms=[RoomInfo(name="#ops")])
    return Teller(place, now=lambda: datetime(2026, 1, 31, 18, 0, tzinfo=UTC), zone=UTC)


def tell(*told: object, one: Teller | None = None) -> list[str]:
    """The lines for events."""
    one = one or teller()
    lines: list[str] = []
    for event in told:
        one._place.take(event)  # type: ignore[arg-type]
        lines += one.tell(event)  # type: ignore[arg-type]
    return lines


def test_the_caption_comes_first_and_then_a_row_for_each_file() -> None:
    assert tell(message(3, LOG, PICTURE, caption="it failed\nhere")) == [
        "[12:00] #ops bob: it failed",
        "    here",
        "    [file] build.log, 12.3 KiB, text",
        "    [file] a.png, 2.0 KiB, PNG image, 64 x 32",
    ]


def test_without_a_caption_the_first_file_stands_beside_the_name() -> None:
    assert tell(message(3, LOG)) == ["[12:00] #ops bob: [file] build.log, 12.3 KiB, text"]
    assert tell(replace(message(3, LOG), edited=TIME)) == ["[12:00] #ops bob: [file] build.log, 12.3 KiB, text"]


def test_a_deleted_message_has_no_files() -> None:
    assert tell(replace(message(3, LOG), text="", files=(), deleted=True)) == ["[12:00] #ops bob: (deleted)"]


def test_an_edited_caption_is_told_without_the_lines_of_the_files() -> None:
    text = with_file_lines("it works", (LOG,))
    edit = Edited(room="#ops", seq=4, time=TIME, sender="bob", sender_id=2, target=3, text=text)
    assert tell(message(3, LOG, caption="it failed"), edit)[-1] == "[12:00] #ops * bob edited #3: it works"
    assert tell(replace(message(3, LOG, caption="it works"), edited=TIME)) == [
        "[12:00] #ops bob: it works (edited)",
        "    [file] build.log, 12.3 KiB, text",
    ]


def test_a_reply_to_a_file_names_it() -> None:
    reply = Message(room="#ops", seq=4, time=TIME, sender="eve", cid="", text="thanks", reply_to=3)
    assert tell(message(3, LOG), reply)[-1] == "[12:00] #ops eve (to bob: [file] build.log, 12.3 KiB): thanks"


def test_found_messages_have_their_rows() -> None:
    assert tell(Hits(messages=(message(3, LOG, caption="see"),)))[1:] == ["    [file] build.log, 12.3 KiB, text"]


def test_json_has_the_fields_of_the_files() -> None:
    fields = json.loads(as_json(message(3, PICTURE)))
    assert fields["files"] == [
        {"id": "id-a.png", "name": "a.png", "size": 2048, "sha256": "ab" * 32, "kind": "image/png"}
        | {"width": 64, "height": 32}
    ]


def test_a_room_log_names_each_file_once() -> None:
    lines = log_lines(message(3, LOG, caption="it failed"), UTC)
    assert lines == ["2026-01-31 12:00:00 #3 bob: it failed", "    [file] build.log, 12.3 KiB"]


def test_a_server_that_leaves_the_lines_out_hides_no_text() -> None:
    assert tell(replace(message(3, LOG), text="only this")) == [
        "[12:00] #ops bob: only this",
        "    [file] build.log, 12.3 KiB, text",
    ]


def test_hostile_names_reach_no_terminal() -> None:
    shown = "\n".join(tell(message(3, info("a\x1b[2J\u202e\nb.png", kind="\x1b]0;x\x07"))))
    assert shown.isprintable() or shown.replace("\n", "").isprintable()


def test_the_limits_of_a_room_are_told_in_words() -> None:
    def told(action: str, value: str) -> str:
        (line,) = tell(Moderated(room="#ops", seq=9, time=TIME, sender="bob", action=action, value=value))
        return line

    assert told("files", "off") == "-- bob turned files off in #ops"
    assert told("files", "on") == "-- bob allowed files in #ops"
    assert told("max_file", "20971520") == "-- bob set how large a file may be in #ops: at most 20.0 MiB"
    assert told("max_file", "off") == "-- bob set how large a file may be in #ops: as large as the server takes"

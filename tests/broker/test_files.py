"""Messages that carry files: which they may carry, and what becomes of the files with them."""

from __future__ import annotations

import pytest

from tests.broker.scenario import Crowd
from tests.broker.test_file_orders import DIGEST, LIMITS, PLACE, begin, fetch, send, token, used, whole
from trio_chat.broker.admin import Table
from trio_chat.broker.effects import Seek
from trio_chat.broker.file_orders import FindFile, decide_file_order
from trio_chat.broker.uploads import Uploads
from trio_chat.errors import Refusal
from trio_chat.protocol import requests
from trio_chat.protocol.events import Edited, Message, Welcome
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.parts import FileInfo, FileLimits
from trio_chat.protocol.requests import Send
from trio_chat.records import AuditNote, SaveFile


@pytest.fixture
def crowd() -> Crowd:
    return Crowd("ada", "bob", "eve", **LIMITS)


def message(crowd: Crowd, room: str, seq: int) -> Message:
    """A message as it is stored now."""
    number = crowd.broker.rooms[room].id
    event = crowd.kept.logs[number][seq - 1][1]
    assert isinstance(event, Message)
    return event


# ---- sending ------------------------------------------------------------------------------------


def test_a_message_carries_its_files_and_a_line_for_each(crowd: Crowd) -> None:
    one = whole(crowd, "ada", 100)
    two = whole(crowd, "ada", 999, name="report 2026.pdf")
    ok = send(crowd, "ada", one, two, text="it failed @bob")
    (event,) = crowd.news("bob")
    assert isinstance(event, Message)
    assert event.text == "it failed @bob\n[file] build.log, 100 bytes\n[file] report 2026.pdf, 999 bytes"
    assert event.files[0] == FileInfo(id=one.id, name="build.log", size=100, kind="text/plain", sha256=DIGEST)
    assert [file.id for file in event.files] == [one.id, two.id]
    assert event.mentions == (crowd.holder("bob"),)
    stored = crowd.kept.files[one.id]
    assert (stored.room, stored.seq) == (crowd.broker.rooms[LOBBY].id, ok.seq)
    assert used(crowd, "ada") == 1099


def test_a_name_of_a_file_is_no_mention(crowd: Crowd) -> None:
    send(crowd, "ada", whole(crowd, "ada", name="@bob.txt"), text="look")
    (event,) = crowd.news("bob")
    assert isinstance(event, Message)
    assert event.mentions == ()


def test_only_the_caption_counts_for_the_length_of_a_message() -> None:
    crowd = Crowd("ada", "bob", max_text=10, **LIMITS)
    files = [whole(crowd, "ada", name="a long name of a file.txt") for _ in range(3)]
    send(crowd, "ada", *files, text="x" * 10)
    assert crowd.refused("ada", Send(id="1", room=LOBBY, text="x" * 11, files=("any",))).code == "too_long"


def test_a_message_with_files_needs_no_text_and_one_without_does(crowd: Crowd) -> None:
    send(crowd, "ada", whole(crowd, "ada"))
    (event,) = crowd.news("bob")
    assert isinstance(event, Message)
    assert event.text == "[file] build.log, 10 bytes"
    assert crowd.refused("ada", Send(id="1", room=LOBBY, text="")).code == "empty"


def test_a_message_carries_only_whole_uploads_of_its_sender_once(crowd: Crowd) -> None:
    theirs, sent, mine = whole(crowd, "bob"), whole(crowd, "ada"), whole(crowd, "ada")
    unfinished = begin(crowd, "ada")
    assert isinstance(unfinished, SaveFile)
    send(crowd, "ada", sent)
    for files, code in (
        ((theirs.id,), "unknown_file"),
        ((sent.id,), "unknown_file"),
        (("never was",), "unknown_file"),
        ((mine.id, mine.id), "bad_field"),
        ((mine.id, unfinished.id), "unfinished_file"),
    ):
        assert crowd.refused("ada", Send(id="1", room=LOBBY, text="", files=files)).code == code
    assert set(crowd.broker.uploads.of(crowd.holder("ada") or 0)) == {mine.id, unfinished.id}


def test_a_message_with_files_that_is_sent_again_is_acknowledged_before_its_files_are_looked_at(crowd: Crowd) -> None:
    file = whole(crowd, "ada")
    first = send(crowd, "ada", file)
    for again in (False, True):
        request = Send(id=f"s-{file.id}", room=LOBBY, text="", files=(file.id,), again=again)
        assert crowd.do("ada", request) == first
    crowd.restart(orderly=False)
    crowd.back("ada")
    request = Send(id=f"s-{file.id}", room=LOBBY, text="", files=(file.id,), again=True)
    assert crowd.do("ada", request) == first


def test_files_go_to_people_too_and_nobody_else_reads_them(crowd: Crowd) -> None:
    file = whole(crowd, "ada", room=None, to=("bob",))
    send(crowd, "ada", file, room=None, to=("bob",))
    assert [fetch(crowd, who, file) for who in ("ada", "bob", "eve")] == ["ok", "ok", "unknown_file"]
    assert not any(note.action == "file" for note in crowd.kept.notes)


def test_files_go_to_a_conversation_by_its_name_while_its_people_can_be_reached(crowd: Crowd) -> None:
    talk = crowd.say("ada", "hello", "bob").room or ""
    file = whole(crowd, "ada", room=talk)
    assert isinstance(begin(crowd, "eve", room=talk), Refusal)
    send(crowd, "ada", file, room=talk)
    assert [fetch(crowd, who, file) for who in ("ada", "bob", "eve")] == ["ok", "ok", "unknown_file"]
    left = whole(crowd, "ada", room=talk)
    crowd.order("reset-name", "bob")
    refusal = begin(crowd, "ada", room=talk)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "unknown_person"
    assert crowd.refused("ada", Send(id="1", room=talk, text="", files=(left.id,))).code == "unknown_person"


def test_a_caption_of_spaces_is_none(crowd: Crowd) -> None:
    send(crowd, "ada", whole(crowd, "ada"), text=" \n")
    (event,) = crowd.news("bob")
    assert isinstance(event, Message)
    assert event.text == "[file] build.log, 10 bytes"


def test_the_audit_log_has_the_files_of_rooms(crowd: Crowd) -> None:
    crowd.enter("#ops", "ada")
    ok = send(crowd, "ada", whole(crowd, "ada", 100), whole(crowd, "ada", 999, name="a.pdf"), room="#ops")
    assert [note for note in crowd.kept.notes if note.action == "file"] == [
        AuditNote(ok.time or "", "ada", "file", "#ops", detail="build.log, 100 bytes"),
        AuditNote(ok.time or "", "ada", "file", "#ops", detail="a.pdf, 999 bytes"),
    ]


# ---- changing and deleting ----------------------------------------------------------------------


@pytest.mark.parametrize("text", ["better", "better\n[file] build.log, 10 bytes"])
def test_an_edit_replaces_the_caption_and_keeps_the_files(crowd: Crowd, text: str) -> None:
    """Also one by a client of an earlier version, which sends the lines of the files too."""
    file = whole(crowd, "ada")
    ok = send(crowd, "ada", file, text="good")
    crowd.all_read()
    crowd.do("ada", requests.Edit(id="e", room=LOBBY, target=ok.seq or 0, text=text))
    (event,) = crowd.news("bob")
    assert isinstance(event, Edited)
    assert event.text == "better\n[file] build.log, 10 bytes"
    now = message(crowd, LOBBY, ok.seq or 0)
    assert (now.text, [one.id for one in now.files]) == (event.text, [file.id])
    crowd.do("ada", requests.Edit(id="f", room=LOBBY, target=ok.seq or 0, text=""))
    assert message(crowd, LOBBY, ok.seq or 0).text == "[file] build.log, 10 bytes"
    assert fetch(crowd, "bob", file) == "ok"


def test_a_deleted_message_takes_its_files_along(crowd: Crowd) -> None:
    file, other = whole(crowd, "ada", 100), whole(crowd, "ada", 10)
    ok = send(crowd, "ada", file)
    send(crowd, "ada", other)
    assert fetch(crowd, "bob", file) == "ok"
    crowd.do("ada", requests.Delete(id="d", room=LOBBY, target=ok.seq or 0))
    assert [fetch(crowd, who, file) for who in ("ada", "bob")] == ["unknown_file"] * 2
    assert message(crowd, LOBBY, ok.seq or 0).files == ()
    assert (used(crowd, "ada"), list(crowd.kept.files)) == (10, [other.id])


def test_a_moderator_who_deletes_gives_the_bytes_back_to_the_sender(crowd: Crowd) -> None:
    crowd.enter("#ops", "bob", "ada")
    file = whole(crowd, "ada", 100, "#ops")
    ok = send(crowd, "ada", file, room="#ops")
    crowd.do("bob", requests.Delete(id="d", room="#ops", target=ok.seq or 0))
    assert (used(crowd, "ada"), used(crowd, "bob"), crowd.broker.uploads.total_bytes) == (0, 0, 0)


def test_a_deletion_that_could_not_be_stored_leaves_the_file(crowd: Crowd) -> None:
    file = whole(crowd, "ada", 100)
    ok = send(crowd, "ada", file)
    crowd.ask(crowd.session("ada"), requests.Delete(id="d", room=LOBBY, target=ok.seq or 0))
    crowd.fail()
    assert fetch(crowd, "bob", file) == "ok"
    assert used(crowd, "ada") == 100


def test_a_removed_room_takes_its_files_along(crowd: Crowd) -> None:
    crowd.enter("#ops", "ada")
    file = whole(crowd, "ada", 100, "#ops")
    send(crowd, "ada", file, room="#ops")
    crowd.do("ada", requests.Leave(id="l", room="#ops", remove=True))
    assert (used(crowd, "ada"), crowd.broker.uploads.total_bytes, crowd.kept.files) == (0, 0, {})
    assert fetch(crowd, "ada", file) == "unknown_file"


# ---- reading ------------------------------------------------------------------------------------


def test_who_leaves_a_private_room_or_is_put_out_reads_its_files_no_more(crowd: Crowd) -> None:
    crowd.enter("#ops", "ada")
    crowd.do("ada", requests.Configure(id="c", room="#ops", private=True))
    file = whole(crowd, "ada", 100, "#ops")
    send(crowd, "ada", file, room="#ops")
    assert fetch(crowd, "bob", file) == "unknown_file"
    crowd.do("ada", requests.Invite(id="i", room="#ops", name="bob"))
    assert fetch(crowd, "bob", file) == "unknown_file"
    crowd.enter("#ops", "bob")
    assert fetch(crowd, "bob", file) == "ok"
    crowd.do("bob", requests.Leave(id="l", room="#ops"))
    assert fetch(crowd, "bob", file) == "unknown_file"
    crowd.do("ada", requests.Invite(id="j", room="#ops", name="eve"))
    crowd.enter("#ops", "eve")
    assert fetch(crowd, "eve", file) == "ok"
    crowd.do("ada", requests.Kick(id="k", room="#ops", name="eve"))
    assert fetch(crowd, "eve", file) == "unknown_file"


def test_a_file_that_is_older_than_the_log_is_unknown(crowd: Crowd) -> None:
    crowd.enter("#ops", "ada")
    old, new = whole(crowd, "ada", room="#ops"), whole(crowd, "ada", room="#ops")
    last = send(crowd, "ada", old, room="#ops").seq or 0
    send(crowd, "ada", new, room="#ops")
    row = crowd.kept.files[old.id]
    crowd.broker.forgotten({crowd.broker.rooms["#ops"].id: last + 1})
    order = FindFile(token(crowd, "ada"), PLACE, old.id)
    outcome = decide_file_order(crowd.broker, order, crowd.now, [], row)
    assert isinstance(outcome.answer, Refusal)
    assert crowd.broker.uploads.all_stale


def test_to_make_and_leave_an_empty_room_has_no_bytes_counted(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    send(crowd, "ada", whole(crowd, "ada"))
    asked: list[int | None] = []
    monkeypatch.setattr(Uploads, "note_removed", lambda _, account=None: asked.append(account))
    crowd.enter("#empty", "bob")
    crowd.do("bob", requests.Leave(id="l", room="#empty"))
    assert "#empty" not in crowd.broker.rooms
    assert asked == []


def test_what_the_store_knows_of_another_file_is_no_answer(crowd: Crowd) -> None:
    file = whole(crowd, "ada")
    send(crowd, "ada", file)
    order = FindFile(token(crowd, "ada"), PLACE, "another")
    assert isinstance(decide_file_order(crowd.broker, order, crowd.now, [], crowd.kept.files[file.id]).answer, Refusal)


# ---- what is told -------------------------------------------------------------------------------


def test_a_welcome_tells_the_limits_and_what_is_taken(crowd: Crowd) -> None:
    send(crowd, "ada", whole(crowd, "ada", 100))
    begin(crowd, "ada", 50)
    session = crowd.back("ada", "again")
    (welcome,) = [event for event in crowd.inboxes[session] if isinstance(event, Welcome)]
    assert welcome.files == FileLimits(size=1000, quota=3000, used=150, each=10)
    none = Crowd("ada")
    (welcome,) = [event for event in none.inboxes[none.session("ada")] if isinstance(event, Welcome)]
    assert welcome.files is None


def test_a_search_for_files_needs_no_words(crowd: Crowd) -> None:
    assert isinstance(crowd.do("ada", requests.Search(id="1", has_file=True)), Seek)
    assert isinstance(crowd.do("ada", requests.Search(id="2", file="report")), Seek)
    assert crowd.refused("ada", requests.Search(id="3")).code == "empty"


# ---- the operator -------------------------------------------------------------------------------


def test_the_operator_lists_files_and_removes_one(crowd: Crowd) -> None:
    file = whole(crowd, "ada", 100)
    ok = send(crowd, "ada", file, text="look")
    upload = begin(crowd, "bob", 50)
    assert isinstance(upload, SaveFile)
    figures = crowd.order("stats")
    assert isinstance(figures, Table)
    assert ("bytes of files", 150) in figures.rows
    listed = crowd.order("files")
    assert isinstance(listed, Table)
    assert listed.rows == [
        (file.id, "build.log", 100, "text/plain", "ada", LOBBY, ok.seq, file.time),
        (upload.id, "build.log", 50, "", "bob", "", None, upload.time),
    ]
    for one in (file, upload):
        assert crowd.order("files", drop=one.id) == Table(("removed",), [(one.id,)])
        crowd.step()
    assert isinstance(crowd.order("files", drop=file.id), Refusal)
    assert fetch(crowd, "bob", file) == "unknown_file"
    assert message(crowd, LOBBY, ok.seq or 0).text == "look\n[file] build.log, 100 bytes"
    assert (used(crowd, "ada"), used(crowd, "bob"), crowd.broker.uploads.total_bytes) == (0, 0, 0)
    assert [(n.actor, n.action, n.room, n.target, n.detail) for n in crowd.kept.notes if n.action == "drop-file"] == [
        ("server", "drop-file", LOBBY, "ada", "build.log, 100 bytes"),
        ("server", "drop-file", "", "bob", "build.log, 50 bytes"),
    ]
    crowd.do("ada", requests.Delete(id="d", room=LOBBY, target=ok.seq or 0))
    assert crowd.broker.uploads.total_bytes == 0

"""Ignored people: hidden in lines, kept in a file, followed through renames."""

from __future__ import annotations

import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.ui.typed import interpret
from trio_chat.client.events import Backlog
from trio_chat.client.known_accounts import KnownAccounts
from trio_chat.protocol import events
from trio_chat.protocol.events import Error
from trio_chat.ui.model.ignored import Ignore, Ignored
from trio_chat.ui.model.lines import Teller
from trio_chat.ui.model.notes import Context, Hits
from trio_chat.ui.model.place import Place
from trio_chat.ui.state_files import load_ignored

TIME = "2026-01-31T12:00:00.000Z"


def said(seq: int, sender: str, text: str = "", room: str = "#ops", **more: object) -> events.Message:
    return events.Message(
        room=room, seq=seq, time=TIME, sender=sender, text=text or f"m{seq}", cid=f"c{seq}", **more  # type: ignore[arg-type] # a message's fields
    )  # fmt: skip


def reader(*ignored: str) -> tuple[Place, Teller]:
    place = Place("ada", "#ops")
    place.ignored = Ignored(ignored)
    return place, Teller(place, now=lambda: datetime(2026, 1, 31, 12, tzinfo=UTC), zone=UTC)


def test_messages_reactions_and_typing_of_ignored_people_are_not_shown_and_do_not_ring() -> None:
    place, teller = reader("Mallory")
    change = {"room": "#ops", "seq": 9, "time": TIME, "sender": "mallory", "target": 1}
    for event in (
        said(1, "mallory", "hey @ada"),
        said(2, "mallory", "psst", "@ada+mallory"),
        events.Edited(**change, text="x"),  # type: ignore[arg-type] # as above
        events.Reacted(**change, mark="👎"),  # type: ignore[arg-type] # as above
    ):
        place.take(event)
        assert (teller.tell(event), teller.rings(event)) == ([], False)
    past = (
        said(1, "mallory", "hey @ada"),
        said(2, "bob", "hello", reactions={"👎": ("mallory",), "👍": ("eve", "mallory")}),
    )
    hello = ["[12:00] #ops bob: hello", "    👍 eve"]
    backlog = Backlog(room="#ops", events=past, unread_from=1, unread=2)
    place.take(backlog)
    assert teller.tell(backlog) == ["-- new in #ops since you left", *hello]
    assert not teller.rings(backlog)
    assert teller.tell(Hits(messages=past))[0].endswith("bob: hello")
    assert len(teller.tell(Context(room="#ops", around=2, events=past))) == 2
    assert place.find_said("#ops", 1) == 2
    assert place.find_said("#ops", 2) is None  # what was not shown is not counted
    assert teller.tell(events.Presence(room="#ops", count=3, joined=("mallory",))) != []


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("/ignore @mallory", Ignore("mallory")),
        ("/ignore", Ignore()),
        ("/unignore mallory", Ignore("mallory", on=False)),
    ],
)
def test_the_ignore_commands_are_read(line: str, meaning: Ignore) -> None:
    assert interpret(line, Place("ada")) == meaning
    for faulty in ("/unignore", "/ignore a b"):
        assert isinstance(interpret(faulty, Place("ada")), Error)


def test_ignoring_is_confirmed_in_a_sentence() -> None:
    ignored = Ignored()
    for action, told in (
        (Ignore(), "You ignore nobody."),
        (Ignore("Mallory"), "You ignore Mallory now, on this device. /unignore Mallory undoes it."),
        (Ignore("mallory"), "You ignore mallory already."),
        (Ignore("bob"), "You ignore bob now, on this device. /unignore bob undoes it."),
        (Ignore(), "You ignore bob, Mallory."),
        (Ignore("ADA"), "That is you: nobody can be ignored by themselves."),
        (Ignore("mallory", on=False), "You do not ignore mallory any more."),
        (Ignore("mallory", on=False), "You do not ignore mallory."),
    ):
        assert ignored.do(action, KnownAccounts("ada")).lines == (told,)


def test_the_ignored_people_are_kept_for_each_server_and_followed_through_renames(tmp_path: Path) -> None:
    place = Place("ada")
    place.ignored = load_ignored("ws://one/", tmp_path)
    place.ignored.do(Ignore("mallory"), place.accounts)
    place.take(events.Renamed(old="mallory", new="Trent"))
    place.take(events.Renamed(old="bob", new="bert"))
    assert load_ignored("ws://one/", tmp_path).names == ["Trent"]
    assert load_ignored("ws://two/", tmp_path).names == []
    (path,) = (tmp_path / "ignored").iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("{broken")
    assert load_ignored("ws://one/", tmp_path).names == []
    path.unlink()
    path.parent.rmdir()
    path.parent.write_text("a file in the way")
    place.ignored.do(Ignore("eve"), place.accounts)  # cannot be kept, and holds all the same
    assert place.ignored.covers("eve")


def test_a_name_is_ignored_however_it_is_typed() -> None:
    ignored = Ignored()
    accounts = KnownAccounts("ada", 1)
    accounts.learn(7, "Jos\u00e9")
    ignored.do(Ignore("JOSE\u0301"), accounts)
    assert ignored.covers("Jos\u00e9", 7)
    assert ignored.covers("jos\u00e9")

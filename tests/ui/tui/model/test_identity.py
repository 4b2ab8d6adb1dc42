"""Who is who in the full screen after people changed their names.

ada (1) speaks and becomes eve; bob (2), who sits at the screen, becomes ada.
"""

from __future__ import annotations

from datetime import UTC

import pytest

from tests.ui.followed import FollowedModel
from tests.ui.tui.rich_server import stamp
from trio_chat.client.known_accounts import AccountRef
from trio_chat.protocol import events
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.tui.model.attention import Notification
from trio_chat.ui.tui.model.log import about
from trio_chat.ui.tui.widgets.conversation import ConversationLayout, ConversationStyle, plain_text
from trio_chat.ui.tui.widgets.lists import people_rows

LOBBY = "#lobby"
ADA, BOB, CARL = 1, 2, 3
DIRECT = events.RoomInfo(name="@ada+bob", direct=True, members=("ada", "bob"), member_ids=(ADA, BOB))


def said(seq: int, sender: str, account: int, text: str = "", room: str = LOBBY, **more: object) -> events.Message:
    return events.Message(
        room=room, seq=seq, time=stamp(seq), sender=sender, sender_id=account, text=text or f"m{seq}", cid="c", **more  # type: ignore[arg-type] # a message's fields
    )  # fmt: skip


def screen_of_bob() -> FollowedModel:
    model = FollowedModel()
    model.begin(events.RoomInfo(name=LOBBY), DIRECT, own=BOB)
    model.place.accounts.own_name = "bob"
    model.place.accounts.learn(BOB, "bob")
    model.place.accounts.epoch = "1"
    return model


def take(model: FollowedModel, *taken: events.Event) -> None:
    for event in taken:
        model.take(event, 0.0, 0.0)


def swap(model: FollowedModel) -> None:
    """ada becomes eve, and bob ada."""
    take(model, events.Renamed(old="ada", new="eve", id=ADA), events.Renamed(old="bob", new="ada", id=BOB))


def rows(model: FollowedModel, columns: int = 80) -> list[str]:
    shown = ConversationLayout().view(model.room, columns, 20, ConversationStyle(model.place, zone=UTC)).rows
    return [text for row in shown if (text := plain_text(row).strip())]


def test_a_line_said_under_an_earlier_name_says_who_that_is_now() -> None:
    model = screen_of_bob()
    layout, look = ConversationLayout(), ConversationStyle(model.place, zone=UTC)
    take(model, said(1, "ada", ADA, "hello"))
    before = layout.view(model.room, 80, 5, look).rows
    assert plain_text(before[-1]) == "12:00          ada  hello"
    swap(model)
    take(model, said(2, "ada", BOB, "mine"), said(3, "eve", ADA, "and more", reply_to=1))
    after = [plain_text(row) for row in layout.view(model.room, 80, 8, look).rows]
    assert "12:00 ada (now eve)  hello" in after
    assert "12:00          ada  mine ✓" in after
    assert "                    ┌ ada (now eve): hello" in after


@pytest.mark.parametrize(
    ("columns", "shown"),
    [(200, "12:00    ada (now eve)  hello"), (60, "12:00 ada (now eve)  hello"), (40, "12:00 ada (now eve): hello")],
)
def test_a_new_name_is_shown_in_every_width(columns: int, shown: str) -> None:
    model = screen_of_bob()
    take(model, said(1, "ada", ADA, "hello"))
    swap(model)
    assert shown.strip() in rows(model, columns)


def test_two_people_of_one_name_do_not_stand_under_one_head() -> None:
    model = screen_of_bob()
    take(model, said(1, "ada", ADA, "one"))
    swap(model)
    take(model, said(2, "ada", BOB, "two"))
    heads = [row for row in rows(model) if row.startswith("12:00")]
    assert len(heads) == 2


def test_what_another_said_under_the_readers_name_is_not_theirs() -> None:
    model = screen_of_bob()
    take(model, said(1, "ada", ADA))
    swap(model)
    model.look(DIRECT.name)
    take(model, said(2, "ada", ADA, "late"), said(3, "bob", BOB, "mine"))
    room = model.rooms[LOBBY]
    assert room.unread == 1  # the late line of the former ada, not the reader's own
    own = [model.place.accounts.is_own(*entry.author) for entry in room.log.entries if entry.said]
    assert own == [False, False, True]
    assert room.log.entries[-1].delivery == "sent"


def test_a_mention_calls_the_account_that_had_the_name() -> None:
    model = screen_of_bob()
    swap(model)
    model.look(DIRECT.name)
    assert model.take(said(1, "carl", CARL, "hey @ada", mentions=(ADA,)), 0.0, 0.0) == []
    call = Notification("carl in #lobby", "hey @bob")
    assert model.take(said(2, "carl", CARL, "hey @bob", mentions=(BOB,)), 0.0, 0.0) == [call]
    assert model.rooms[LOBBY].mentions == 1


def test_a_reaction_stays_with_the_account() -> None:
    model = screen_of_bob()
    take(model, said(1, "carl", CARL))
    react = {"room": LOBBY, "time": stamp(), "target": 1, "mark": "👍"}
    take(model, events.Reacted(**react, seq=2, sender="ada", sender_id=ADA))  # type: ignore[arg-type] # its fields
    swap(model)
    take(model, events.Reacted(**react, seq=3, sender="ada", sender_id=BOB))  # type: ignore[arg-type] # as above
    entry = model.room.log.find(1)
    assert entry is not None
    assert entry.reactions == {"👍": (AccountRef("ada", ADA), AccountRef("ada", BOB))}
    assert about(entry, model.place, UTC)[-1] == "👍 from eve, ada"
    take(model, events.Reacted(**react, seq=4, sender="eve", sender_id=ADA, on=False))  # type: ignore[arg-type] # as above
    assert entry.reactions == {"👍": (AccountRef("ada", BOB),)}


def test_who_is_ignored_stays_so_and_nobody_inherits_it() -> None:
    model = screen_of_bob()
    take(model, said(1, "ada", ADA, "spam"))
    model.place.ignored.do(Ignore("ada"), model.place.accounts)
    take(model, events.Renamed(old="ada", new="eve", id=ADA), events.Renamed(old="carl", new="ada", id=CARL))
    take(model, said(2, "eve", ADA, "more spam"), said(3, "ada", CARL, "hello"))
    shown = "\n".join(rows(model))
    assert "spam" not in shown
    assert "hello" in shown


def test_people_and_conversations_follow_the_accounts() -> None:
    model = screen_of_bob()
    people = (events.PersonInfo(name="ada", id=ADA), events.PersonInfo(name="bob", id=BOB))
    take(model, events.People(id="", room=LOBBY, people=people))
    before = {plain_text(row).strip(): row[1].style for row in people_rows(model, 16, 4)[0][1:3]}
    swap(model)
    after = {plain_text(row).strip(): row[1].style for row in people_rows(model, 16, 4)[0][1:3]}
    assert after == {"eve": before["ada"], "ada": before["bob"]}
    assert model.label(model.rooms[DIRECT.name]) == "eve"

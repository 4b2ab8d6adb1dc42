"""Stored messages: sent again, waiting for a person, found by a search, edited, deleted, and removed by age."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from tests.server.live_server import GateStore, LiveServer, Log, Serve
from tests.server.raw_client import Json, RawClient, request, until
from tests.store.sqlite.earlier_versions import ADAS_TOKEN, lay_down
from trio_chat.store import DATABASE, MemoryStore

DAY = 86400.0


@pytest.fixture(params=["memory", "sqlite"])
def remembering(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The settings of a server over each kind of store."""
    return {} if request.param == "memory" else {"data": tmp_path}


async def texts(client: RawClient, room: str = "#lobby") -> list[str]:
    page = await client.ask("history", room=room, after=0, limit=500)
    return [event["text"] for event in page["events"] if event["type"] == "message"]


async def find(live: LiveServer, client: RawClient, **fields: object) -> list[str]:
    """The texts that a search finds, once the index has all that was said."""
    while True:
        found = await client.ask("search", **fields)
        if found["type"] != "found" or not found.get("behind"):
            return [event["text"] for event in found["events"]]
        live.server.hub.storing.stored.set()
        await trio.sleep(0.01)


async def test_fifty_changes_that_come_together_are_one_commit(serve: Serve) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada = await live.join("ada")
    await ada.say("tea?")
    await ada.say("cake?")
    before = len(store.commits)
    changes = [request("react", f"r{n}", room="#lobby", target=1 + n % 2, mark=f"m{n // 5}") for n in range(49)]
    await ada.send(b"".join(changes) + request("send", "s", room="#lobby", text="both", reply_to=2))
    answers = [await ada.next_answer() for _ in range(50)]
    assert {answer["type"] for answer in answers} == {"ok"}
    assert len(store.commits) < before + 10, "what the kernel brings later may be another, and not each for itself"
    first, second = (await ada.ask("history", room="#lobby", limit=500))["events"][:2]
    assert [len(message["reactions"]) for message in (first, second)] == [10, 10]


async def test_a_message_that_is_sent_again_behind_hundreds_of_its_own_batch_is_stored_once(serve: Serve) -> None:
    live = await serve(store=GateStore())
    ada = await live.join("ada")
    many = b"".join(request("send", str(n), room="#lobby", text="x") for n in range(600))
    await ada.send(many + request("send", "0", room="#lobby", text="x", again=True))
    answers = [await ada.next_answer() for _ in range(601)]
    assert [answer["seq"] for answer in answers] == [*range(1, 601), 1]


# ---- when the log cannot be read ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "send", "id": "1", "room": "#lobby", "text": "one", "again": True},
        {"kind": "send", "room": "#lobby", "text": "two", "reply_to": 1},
        {"kind": "edit", "room": "#lobby", "target": 1, "text": "other"},
    ],
)
async def test_what_cannot_be_looked_up_is_neither_done_twice_nor_said_to_be_missing(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, logged: Log, asked: dict[str, Any]
) -> None:
    live = await serve()
    ada = await live.join("ada")
    assert (await ada.ask("send", id="1", room="#lobby", text="one"))["seq"] == 1
    live.server.hub.broker.people["ada"].sent_ids.clear()  # as after many more
    with monkeypatch.context() as broken:
        broken.setattr(MemoryStore, "look_up_many", GateStore.fail_to_read)
        assert (await ada.ask(**asked))["code"] == "not_looked_up"
    logged.take("not looked up")
    assert await texts(ada) == ["one"]
    assert (await ada.ask(**{**asked, "id": "1" if "again" in asked else "again"}))["type"] == "ok"


# ---- changes in one batch --------------------------------------------------------------------------


async def test_an_edit_sent_together_with_its_message_finds_it(serve: Serve, remembering: dict[str, Any]) -> None:
    live = await serve(**remembering)
    ada, bob = await live.join_all("ada", "bob")
    await ada.send(
        request("send", "1", room="#lobby", text="helo")
        + request("edit", "2", room="#lobby", target=1, text="hello")
        + request("react", "3", room="#lobby", target=1, mark="+1")
        + request("send", "4", room="#lobby", text="next")
        + request("delete", "5", room="#lobby", target=4)
    )
    answers = [await ada.next_answer() for _ in range(5)]
    assert [(answer["id"], answer["type"], answer["seq"]) for answer in answers] == [
        ("1", "ok", 1),
        ("2", "ok", 2),
        ("3", "ok", 3),
        ("4", "ok", 4),
        ("5", "ok", 5),
    ]
    heard = [await bob.next() for _ in range(5)]
    assert [(event["type"], event["seq"]) for event in heard] == [
        ("message", 1),
        ("edited", 2),
        ("reacted", 3),
        ("message", 4),
        ("deleted", 5),
    ]
    page = await bob.ask("history", room="#lobby", after=0)
    first, _, _, fourth, _ = page["events"]
    assert (first["text"], first["reactions"]) == ("hello", {"+1": ["ada"]})
    assert (fourth.get("text", ""), fourth["deleted"]) == ("", True)


async def test_only_a_message_that_is_not_deleted_can_be_replied_to(serve: Serve, remembering: dict[str, Any]) -> None:
    live = await serve(**remembering)
    ada = await live.join("ada")
    await ada.send(
        request("send", "1", room="#lobby", text="which?")
        + request("send", "2", room="#lobby", text="that one", reply_to=1)
        + request("topic", "3", room="#lobby", text="tea")
        + request("send", "4", room="#lobby", text="the topic?", reply_to=3)
        + request("delete", "5", room="#lobby", target=1)
        + request("send", "6", room="#lobby", text="this one", reply_to=1)
        + request("send", "2", room="#lobby", text="that one", reply_to=1, again=True)
        + request("send", "7", room="#lobby", text="never arrived", reply_to=2, again=True)
    )
    answers = [await ada.next_answer() for _ in range(8)]
    assert {(answer["id"], answer.get("seq") or answer["code"]) for answer in answers} == {
        ("1", 1),
        ("2", 2),
        ("3", 3),
        ("4", "unknown_message"),
        ("5", 4),
        ("6", "unknown_message"),
        ("7", 5),
    }
    assert await texts(ada) == ["", "that one", "never arrived"]


async def test_an_edit_behind_others_messages_of_a_full_batch_goes_on_with_what_followed_it(serve: Serve) -> None:
    store = GateStore()
    live = await serve(store=store)
    ada, bob = await live.join_all("ada", "bob")
    store.shut()
    await bob.send(request("send", "hold", room="#lobby", text="hold"))
    await until(lambda: store.batches)
    await bob.send(request("send", "b", room="#lobby", text="bob's"))
    await until(lambda: live.server.hub.waiting == 1)
    await ada.send(
        request("send", "1", room="#lobby", text="old")
        + request("edit", "2", room="#lobby", target=3, text="new")
        + request("edit", "3", room="#lobby", target=3, text="newer")
        + request("ping", "4")
    )
    await until(lambda: live.server.hub.waiting == 2)
    await bob.send(request("send", "c", room="#lobby", text="after"))
    await until(lambda: live.server.hub.waiting == 3)
    store.release()
    answers = {event["id"]: event for event in [await ada.next_answer() for _ in range(4)]}
    assert [answers[key]["type"] for key in ("1", "2", "3", "4")] == ["ok", "ok", "ok", "pong"]
    assert [answers[key]["seq"] for key in ("1", "2", "3")] == [3, 4, 5]
    assert (await bob.until("ok", id="c"))["seq"] == 6
    assert await texts(bob) == ["hold", "bob's", "newer", "after"]


# ---- sent again ------------------------------------------------------------------------------------


async def test_a_message_sent_again_after_a_restart_is_acknowledged_as_before_and_stored_once(
    serve: Serve, tmp_path: Path
) -> None:
    live = await serve(data=tmp_path)
    ada = await live.join("ada")
    first = await ada.ask("send", id="m1", room="#lobby", text="once")
    await ada.say("between")
    await live.end()
    live = await serve(data=tmp_path)
    ada = await live.join("ada", token=ada.token)
    again = await ada.ask("send", id="m1", room="#lobby", text="once", again=True)
    assert again == first
    new = await ada.ask("send", id="m2", room="#lobby", text="never arrived", again=True)
    assert new["seq"] == 3
    assert await texts(ada) == ["once", "between", "never arrived"]


async def test_the_same_id_is_the_same_message_after_a_restart_too_whether_it_says_so_or_not(
    serve: Serve, tmp_path: Path
) -> None:
    live = await serve(data=tmp_path)
    ada, bob = await live.join_all("ada", "bob")
    first = await ada.ask("send", id="m1", room="#lobby", text="once")
    direct = await ada.ask("send", id="m2", to=["bob"], text="psst")
    await bob.ask("send", id="m1", room="#lobby", text="bob's own")
    await live.end()
    live = await serve(data=tmp_path)
    ada = await live.join("ada", token=ada.token)
    assert await ada.ask("send", id="m1", room="#lobby", text="once") == first
    assert await ada.ask("send", id="m2", to=["bob"], text="psst") == direct
    assert (await ada.ask("send", id="m3", room="#lobby", text="another"))["seq"] == 3
    assert await texts(ada) == ["once", "bob's own", "another"]


async def test_a_message_sent_again_behind_itself_in_one_batch_is_stored_once(
    serve: Serve, remembering: dict[str, Any]
) -> None:
    live = await serve(**remembering)
    ada = await live.join("ada")
    await ada.send(
        request("send", "m1", room="#lobby", text="once")
        + request("send", "m1", room="#lobby", text="once", again=True)
        + request("send", "m2", room="#lobby", text="twice", again=True)
        + request("send", "m2", room="#lobby", text="twice", again=True)
    )
    answers = [await ada.next_answer() for _ in range(4)]
    assert [(answer["id"], answer["seq"]) for answer in answers] == [("m1", 1), ("m1", 1), ("m2", 2), ("m2", 2)]
    assert await texts(ada) == ["once", "twice"]


async def test_the_same_id_of_two_people_is_two_messages(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path)
    ada, bob = await live.join_all("ada", "bob")
    await ada.ask("send", id="m1", room="#lobby", text="ada's")
    await live.end()
    live = await serve(data=tmp_path)
    bob = await live.join("bob", token=bob.token)
    assert (await bob.ask("send", id="m1", room="#lobby", text="bob's", again=True))["seq"] == 2


# ---- waiting for somebody --------------------------------------------------------------------------


async def test_direct_messages_and_mentions_wait_for_an_absent_person_and_come_once(
    serve: Serve, tmp_path: Path
) -> None:
    live = await serve(data=tmp_path)
    ada, bob = await live.join_all("ada", "bob")
    ada.hang_up()
    await bob.until("presence", left=["ada"])
    await bob.ask("send", to=["ada"], text="one")
    await bob.say("two", "@ada+bob")
    for text in ("@ada look", "nothing", "and @Ada again"):
        await bob.say(text)
    await live.end()
    live = await serve(data=tmp_path)
    ada = await live.join("ada", token=ada.token)
    direct, lobby = ada.rooms["@ada+bob"], ada.rooms["#lobby"]
    assert (direct["last"], direct.get("read", 0), lobby["last"], lobby["mentions"]) == (2, 0, 3, 2)
    assert await texts(ada, "@ada+bob") == ["one", "two"]
    await ada.ask("ping")
    assert [event["type"] for event in ada.passed if event["type"] == "message"] == []
    await ada.ask("read", room="@ada+bob", seq=2)
    await ada.ask("read", room="#lobby", seq=1)
    await live.end()
    live = await serve(data=tmp_path)
    ada = await live.join("ada", token=ada.token)
    assert (ada.rooms["@ada+bob"]["read"], ada.rooms["#lobby"]["read"], ada.rooms["#lobby"]["mentions"]) == (2, 1, 1)


async def test_the_sender_of_a_direct_message_hears_that_it_arrived_when_its_reader_came_back(serve: Serve) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    ada.hang_up()
    await bob.until("presence", left=["ada"])
    await bob.ask("send", to=["ada"], text="are you there?")
    ada = await live.join("ada", token=ada.token)
    for _ in range(2):
        await ada.ask("received", room="@ada+bob", seq=1)
    assert (await bob.until("delivered"))["by"] == "ada"
    await bob.ask("ping")
    assert [event for event in bob.passed if event["type"] == "delivered"] == []


async def test_the_epoch_stays_over_a_restart_and_is_another_where_nothing_is_kept(
    serve: Serve, tmp_path: Path
) -> None:
    epochs: list[str] = []
    for settings in ({"data": tmp_path}, {"data": tmp_path}, {}, {}):
        live = await serve(**settings)
        client = await live.enter()
        epochs.append((await client.ask("hello", name=f"ada{len(epochs)}"))["epoch"])
        await live.end()
    assert epochs[0] == epochs[1]
    assert len(set(epochs)) == 3


# ---- search ----------------------------------------------------------------------------------------


async def test_a_search_finds_what_the_asker_may_read_and_nothing_else(
    serve: Serve, remembering: dict[str, Any]
) -> None:
    live = await serve(**remembering)
    ada, bob, eve = await live.join_all("ada", "bob", "eve")
    await ada.ask("join", room="#board")
    await ada.ask("configure", room="#board", private=True)
    await ada.ask("join", room="#open")
    await ada.say("the plan in the lobby")
    await ada.say("the plan of the board", "#board")
    await ada.say("the plan in the open", "#open")
    await ada.ask("send", to=["bob"], text="the plan between us")
    assert await find(live, ada, words=["plan"]) == [
        "the plan between us",
        "the plan in the open",
        "the plan of the board",
        "the plan in the lobby",
    ]
    assert await find(live, bob, words=["plan"]) == ["the plan between us", "the plan in the lobby"]
    assert await find(live, eve, words=["plan"]) == ["the plan in the lobby"]
    assert await find(live, eve, words=["plan"], sender="bob") == []
    assert (await eve.ask("search", words=["plan"], room="#board"))["code"] == "unknown_room"
    assert (await eve.ask("search", words=["plan"], room="@ada+bob"))["code"] == "unknown_room"
    assert (await eve.ask("search", words=["plan"], room="#open"))["code"] == "not_a_member"
    await ada.ask("leave", room="#open")
    assert "the plan in the open" not in await find(live, ada, words=["plan"])


async def test_the_messages_of_a_guest_who_left_are_found_under_the_guests_name(serve: Serve, tmp_path: Path) -> None:
    live = await serve(data=tmp_path, names="guest")
    ada, bob = await live.join_all("ada", "bob")
    await ada.say("ada's tea")
    await bob.say("bob's tea")
    bob.hang_up()
    await ada.until("presence", left=["bob"])
    assert await find(live, ada, words=["tea"], sender="Bob") == ["bob's tea"]
    assert (await ada.ask("search", words=["tea"], sender="bop"))["message"].endswith("Did you mean bob?")
    assert (await ada.ask("send", to=["bob"], text="x"))["code"] == "unknown_person"
    await live.end()
    live = await serve(data=tmp_path, names="guest")
    eve = await live.join("eve")
    assert await find(live, eve, words=["tea"], sender="bob") == ["bob's tea"]


async def test_a_search_finds_any_script_quotes_and_nothing_that_was_deleted_or_edited_away(
    serve: Serve, remembering: dict[str, Any]
) -> None:
    live = await serve(**remembering)
    ada = await live.join("ada")
    for text in ("今日は天気がいい", "Straße nach Köln", 'say "hello" AND NOT -this*', "see https://example.org/x"):
        await ada.say(text)
    assert await find(live, ada, words=["天気"]) == ["今日は天気がいい"]
    assert await find(live, ada, words=["koln"]) == ["Straße nach Köln"]
    assert await find(live, ada, words=['"hello"', "AND"]) == ['say "hello" AND NOT -this*']
    assert await find(live, ada, has_link=True) == ["see https://example.org/x"]
    await ada.ask("delete", room="#lobby", target=1)
    await ada.ask("edit", room="#lobby", target=2, text="Weg nach Bonn")
    assert await find(live, ada, words=["天気"]) == []
    assert await find(live, ada, words=["Köln"]) == []
    assert await find(live, ada, words=["bonn"]) == ["Weg nach Bonn"]


async def test_a_search_goes_on_where_the_last_answer_ended(serve: Serve, remembering: dict[str, Any]) -> None:
    live = await serve(**remembering)
    ada = await live.join("ada")
    for number in range(25):
        await ada.say(f"word {number}")
    assert len(await find(live, ada, words=["word"], limit=100)) == 25
    found: list[str] = []
    cursor: dict[str, int] = {}
    while True:
        page = await ada.ask("search", words=["word"], limit=10, **cursor)
        found += [event["text"] for event in page["events"]]
        if page.get("cursor") is None:
            break
        cursor = {"cursor": page["cursor"]}
    assert found == [f"word {number}" for number in reversed(range(25))]


async def test_a_search_for_nothing_or_at_no_time_is_refused(serve: Serve) -> None:
    live = await serve()
    ada = await live.join("ada")
    answers: list[Json] = [await ada.ask("search"), await ada.ask("search", words=["x"], before="tomorrow")]
    answers.append(await ada.ask("search", words=["x"], sender="nobody"))
    assert [answer["code"] for answer in answers] == ["empty", "bad_time", "unknown_person"]


async def test_people_of_the_first_version_go_on_where_they_were(serve: Serve, tmp_path: Path) -> None:
    lay_down(1, tmp_path / "data" / DATABASE)
    live = await serve(data=tmp_path / "data", clock=lambda: 1_795_255_200.0)  # of the same day
    ada = await live.look("Ada", ADAS_TOKEN)
    assert ada.rooms.keys() == {"#lobby", "#ops", "#secret", "#old", "@ada+bob"}
    assert ada.rooms["#ops"]["role"] == "owner"
    assert (await texts(ada, "@ada+bob")) == ["just for you, bob", "thanks"]
    assert await find(live, ada, words=["token"]) == ["the token is in https://example.org/page"]
    assert (await ada.say("still here"))["seq"] == 11
    stranger = await live.refused({"Username": "bob"})
    assert stranger.json["code"] == "name_owned"


# ---- retention -------------------------------------------------------------------------------------


async def test_old_messages_are_removed_and_a_page_says_where_the_rest_begins(
    serve: Serve, remembering: dict[str, Any], mock_clock: trio.testing.MockClock
) -> None:
    now = Days()
    live = await serve(keep=30, clock=now.time, **remembering)
    ada = await live.join("ada")
    await ada.ask("join", room="#kept")
    await ada.ask("configure", room="#kept", keep=3650)
    bob = await live.join("bob")
    for text in ("old", "old too, @ada"):
        await bob.say(text)
        await ada.say(text, "#kept")
    now.days = 31.0
    await bob.say("new, @ada")
    mock_clock.jump(3601)
    lobby = live.server.hub.broker.rooms["#lobby"]
    await until(lambda: lobby.first == 3)
    page = await ada.ask("history", room="#lobby", after=0)
    assert ([event["text"] for event in page["events"]], page["first"]) == (["new, @ada"], 3)
    assert await texts(ada, "#kept") == ["old", "old too, @ada"]
    phone = await live.look("ada", ada.token)
    assert (phone.rooms["#lobby"]["first"], phone.rooms["#lobby"]["last"]) == (3, 3)
    assert phone.rooms["#lobby"]["mentions"] == 1  # the one that can be read
    assert (await bob.ask("edit", room="#lobby", target=1, text="x"))["code"] == "unknown_message"


class Days:
    """A clock that is so many ``days`` on."""

    def __init__(self) -> None:
        self.days = 0.0

    def time(self) -> float:
        return 1.8e9 + self.days * DAY


# ---- names of accounts -------------------------------------------------------------------------------


async def test_a_page_and_what_a_search_finds_say_what_their_senders_are_called_now(serve: Serve) -> None:
    live = await serve()
    ada, bob = await live.join_all("ada", "bob")
    await ada.say("a cake")
    await ada.ask("nick", name="eve")
    await bob.ask("nick", name="ada")
    page = await bob.ask("history", room="#lobby")
    assert [(event["from"], event["from_id"]) for event in page["events"] if event["type"] == "message"] == [("ada", 1)]
    assert page["names"]["1"] == "eve"
    assert (await bob.ask("history", room="#lobby", after=99)).get("names", {}) == {}
    found = await bob.ask("search", sender="eve")
    assert found["names"] == {"1": "eve"}

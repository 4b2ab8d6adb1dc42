"""The orders of the door for files: who may begin an upload, and who may fetch a file."""

from __future__ import annotations

from dataclasses import replace as replace_settings
from typing import Any

import pytest
from msgspec.structs import replace

from tests.broker.scenario import Crowd
from trio_chat.broker import Broker, BrokerSettings
from trio_chat.broker.effects import Effect
from trio_chat.broker.file_orders import (
    UPLOAD_TIME,
    BeginUpload,
    DropUpload,
    FindFile,
    FindUpload,
    FinishUpload,
    decide_file_order,
)
from trio_chat.errors import Refusal
from trio_chat.protocol import requests
from trio_chat.protocol.events import Moderated, Ok
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Send
from trio_chat.records import SaveFile

DIGEST = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PLACE = "203.0.113.9"
LIMITS = {"max_file": 1000, "file_quota": 3000, "files_total": 5000, "max_uploads": 3}


@pytest.fixture
def crowd() -> Crowd:
    return Crowd("ada", "bob", "eve", **LIMITS)


def begin(crowd: Crowd, who: str, size: int = 10, room: str | None = LOBBY, **more: Any) -> SaveFile | Refusal:
    """Somebody begins an upload. Its id counts up."""
    number = sum(isinstance(file, SaveFile) for file in crowd.ahead.files.values()) + len(crowd.given) + 1
    given: dict[str, Any] = {"to": (), "name": "build.log", "id": f"file-{who}-{number}-{crowd.now}", **more}
    answer = crowd.order_file(BeginUpload(token(crowd, who), PLACE, room, size=size, **given))
    crowd.step()
    return answer


def whole(crowd: Crowd, who: str, size: int = 10, room: str | None = LOBBY, **more: Any) -> SaveFile:
    """Somebody uploads a file whole."""
    begun = begin(crowd, who, size, room, **more)
    assert isinstance(begun, SaveFile), begun
    answer = crowd.order_file(FinishUpload(begun.id, DIGEST, "text/plain"))
    crowd.step()
    assert isinstance(answer, SaveFile), answer
    return answer


def send(crowd: Crowd, who: str, *files: SaveFile, text: str = "", room: str | None = LOBBY, **more: Any) -> Ok:
    request = Send(id=f"s-{files[0].id}", room=room, text=text, files=tuple(file.id for file in files), **more)
    answer = crowd.do(who, request)
    assert isinstance(answer, Ok), answer
    return answer


def fetch(crowd: Crowd, who: str, file: SaveFile) -> str:
    """How a try to fetch a file ends: ``ok``, or the code of the refusal."""
    return code(crowd.order_file(FindFile(token(crowd, who), PLACE, file.id)))


def code(answer: SaveFile | Refusal) -> str:
    return answer.code if isinstance(answer, Refusal) else "ok"


def deeds(crowd: Crowd) -> list[tuple[str, str]]:
    """The events about moderators that ada got since."""
    return [(event.action, event.value) for event in crowd.news("ada") if isinstance(event, Moderated)]


def token(crowd: Crowd, who: str) -> str:
    return crowd.tokens[crowd.session(who)]


def used(crowd: Crowd, who: str) -> int:
    account = crowd.holder(who)
    assert account is not None
    return crowd.broker.uploads.used_by(account)


# ---- who somebody is ----------------------------------------------------------------------------


@pytest.mark.parametrize("given", ["", "a guess", "token-99"])
def test_without_a_known_token_nothing_is_told(crowd: Crowd, given: str) -> None:
    known = whole(crowd, "ada")
    for order in (
        BeginUpload(given, PLACE, LOBBY, (), "a", 1, "new"),
        FindUpload(given, PLACE, known.id),
        DropUpload(given, PLACE, known.id),
        FindFile(given, PLACE, known.id),
        FindFile(given, PLACE, "never was"),
    ):
        assert code(crowd.order_file(order)) == "no_token"


def test_a_token_does_not_show_in_an_order() -> None:
    assert "secret" not in repr(FindFile("a secret token", PLACE, "x"))


def test_a_revoked_device_and_a_banned_account_get_nothing(crowd: Crowd) -> None:
    file = whole(crowd, "bob")
    send(crowd, "bob", file)
    crowd.order("promote", "ada")
    crowd.do("ada", requests.Ban(id="b", room=LOBBY, name="bob"))
    answer = crowd.order_file(FindFile(f"token-{crowd.who['bob']}", PLACE, file.id))
    assert code(answer) == "banned"
    assert fetch(crowd, "eve", file) == "ok"


def test_a_banned_address_gets_nothing_either(crowd: Crowd) -> None:
    file = whole(crowd, "bob")
    send(crowd, "bob", file)
    crowd.order("promote", "ada")
    crowd.do("ada", requests.Ban(id="b", room=LOBBY, network="198.51.100.0/24"))
    order = FindFile(token(crowd, "eve"), "198.51.100.7", file.id)
    effects: list[Effect] = []
    outcome = decide_file_order(crowd.broker, order, crowd.now, effects, crowd.ahead.files[file.id])
    assert code(outcome.answer) == "banned"
    assert effects == []


def test_guesses_of_tokens_are_charged_to_the_place_they_come_from() -> None:
    broker = Broker(BrokerSettings(rate=1.0, burst=10.0, address_rate=1.0, address_burst=10.0))
    orders = [FindFile("a guess", PLACE, "x")] * 5
    outcomes = [decide_file_order(broker, order, 0.0, []) for order in orders]
    assert [code(outcome.answer) for outcome in outcomes] == ["no_token"] * 4 + ["too_fast"]
    assert [outcome.wait for outcome in outcomes] == [0.0, 0.0, 5.0, 10.0, 10.0]
    elsewhere = replace(orders[0], address="203.0.113.77")
    assert code(decide_file_order(broker, elsewhere, 0.0, []).answer) == "no_token"


def test_orders_are_charged_to_the_account_as_its_requests_are() -> None:
    crowd = Crowd("ada", rate=1.0, burst=10.0, **LIMITS)
    crowd.now += 1000.0
    answers = [code(crowd.order_file(FindUpload(token(crowd, "ada"), PLACE, "x"))) for _ in range(42)]
    assert answers == ["unknown_file"] * 40 + ["too_fast"] * 2
    assert crowd.refused("ada", Send(id="s", room=LOBBY, text="hi")).code == "too_fast"


# ---- beginning an upload ------------------------------------------------------------------------


def test_an_upload_has_a_clean_name_and_counts_with_its_whole_size(crowd: Crowd) -> None:
    answer = begin(crowd, "ada", 400, name="../../.bash\x1brc\u202e")
    assert isinstance(answer, SaveFile)
    assert (answer.name, answer.size, answer.digest, answer.room, answer.seq) == ("_.._.bash_rc", 400, "", 0, 0)
    assert (used(crowd, "ada"), crowd.broker.uploads.total_bytes) == (400, 400)
    assert crowd.kept.files == {answer.id: answer}


@pytest.mark.parametrize(
    ("more", "refusal"),
    [
        ({"room": "#nowhere"}, "unknown_room"),
        ({"room": "#hidden"}, "unknown_room"),
        ({"room": "#open"}, "not_a_member"),
        ({"room": None}, "no_recipient"),
        ({"room": None, "to": ("nobody",)}, "unknown_person"),
        ({"room": None, "to": ("ada",)}, "only_yourself"),
        ({"room": LOBBY, "to": ("bob",)}, "two_recipients"),
        ({"room": None, "to": ("bob",) * 21}, "too_many_recipients"),
        ({"size": 1001}, "too_large"),
    ],
)
def test_an_upload_needs_a_place_where_its_sender_may_write(crowd: Crowd, more: dict[str, Any], refusal: str) -> None:
    crowd.enter("#hidden", "bob")
    crowd.enter("#open", "bob")
    crowd.do("bob", requests.Configure(id="c", room="#hidden", private=True))
    assert code(begin(crowd, "ada", **more)) == refusal
    assert crowd.broker.uploads.total_bytes == 0


@pytest.mark.parametrize(
    "more", [{"room": "#OPS"}, {"room": "ops"}, {"room": None, "to": ("bob", "eve")}, {"size": 1000}]
)
def test_an_upload_can_go_wherever_its_sender_may_write(crowd: Crowd, more: dict[str, Any]) -> None:
    crowd.enter("#ops", "ada")
    assert code(begin(crowd, "ada", **more)) == "ok"
    assert crowd.news("bob") == []


def test_who_may_not_speak_uploads_nothing_but_waiting_is_no_hindrance(crowd: Crowd) -> None:
    crowd.enter("#ops", "bob", "ada", "eve")
    crowd.do("bob", requests.Mute(id="m", room="#ops", name="ada"))
    assert code(begin(crowd, "ada", room="#ops")) == "may_not_speak"
    crowd.do("bob", requests.Configure(id="c", room="#ops", announce_only=True))
    assert code(begin(crowd, "eve", room="#ops")) == "announcements_only"
    crowd.do("bob", requests.Configure(id="d", room="#ops", announce_only=False, slow=60.0))
    crowd.say("eve", "hello", room="#ops")
    assert code(begin(crowd, "eve", room="#ops")) == "ok"


def test_a_room_can_take_no_files_or_smaller_ones(crowd: Crowd) -> None:
    crowd.enter("#ops", "bob", "ada")
    small = whole(crowd, "ada", 100, "#ops")
    large = whole(crowd, "ada", 101, "#ops")
    crowd.all_read()
    crowd.do("bob", requests.Configure(id="c", room="#ops", max_file=100))
    assert deeds(crowd) == [("max_file", "100")]
    refusal = begin(crowd, "ada", 101, "#ops")
    assert str(refusal) == "'build.log' has 101 bytes; the limit in #ops is 100 bytes. Send a smaller file."
    assert crowd.refused("ada", Send(id="1", room="#ops", text="", files=(large.id,))).code == "too_large"
    crowd.do("bob", requests.Configure(id="d", room="#ops", files=False, max_file=0))
    assert deeds(crowd) == [("files", "off"), ("max_file", "0")]
    assert code(begin(crowd, "ada", 1, "#ops")) == "files_off"
    assert crowd.refused("ada", Send(id="2", room="#ops", text="", files=(small.id,))).code == "files_off"
    assert crowd.refused("ada", requests.Configure(id="e", room="#ops", files=True)).code == "not_allowed"
    send(crowd, "ada", small)  # the lobby takes it
    room = crowd.broker.rooms["#ops"]
    assert (room.files, room.max_file) == (False, 0)


def test_a_server_can_take_no_files() -> None:
    crowd = Crowd("ada")
    assert code(begin(crowd, "ada")) == "no_files"
    assert crowd.broker.settings.max_file == 0


def test_the_bytes_of_an_account_and_of_all_are_limited(crowd: Crowd) -> None:
    for _ in range(2):
        send(crowd, "ada", whole(crowd, "ada", 1000))
    assert code(begin(crowd, "ada", 1000)) == "ok"
    refusal = begin(crowd, "ada", 1)
    assert code(refusal) == "quota_full"
    assert str(refusal).startswith("With 'build.log', your files would take 2.9 KiB; you may have 2.9 KiB.")
    for _ in range(2):
        send(crowd, "bob", whole(crowd, "bob", 1000))
    assert code(begin(crowd, "eve", 1)) == "files_full"
    assert crowd.broker.uploads.total_bytes == 5000


def test_sums_are_doubted_at_a_limit_but_not_each_time(crowd: Crowd) -> None:
    held = crowd.broker.uploads
    for wait, doubted in ((0.0, True), (9.0, False), (1.0, True)):
        crowd.advance(wait)
        for _ in range(2):
            order = BeginUpload(token(crowd, "ada"), PLACE, LOBBY, (), "a", 1000, "new")
            held._bytes[crowd.holder("ada") or 0] = 2001  # as if files had gone that nobody told of
            assert code(decide_file_order(crowd.broker, order, crowd.now, []).answer) == "quota_full"
        assert held.is_stale is doubted
        held.set_bytes(dict.fromkeys(held.stale, 0))


def test_the_uploads_of_an_account_that_no_message_carries_are_limited(crowd: Crowd) -> None:
    first = whole(crowd, "ada")
    for _ in range(2):
        begin(crowd, "ada")
    assert code(begin(crowd, "ada")) == "too_many_uploads"
    assert code(begin(crowd, "bob")) == "ok"
    send(crowd, "ada", first)
    assert code(begin(crowd, "ada")) == "ok"


# ---- what becomes of an upload --------------------------------------------------------------------


def test_only_its_account_finds_and_drops_an_upload(crowd: Crowd) -> None:
    begun = begin(crowd, "ada", 400)
    assert isinstance(begun, SaveFile)
    for order in (FindUpload, DropUpload):
        assert code(crowd.order_file(order(token(crowd, "bob"), PLACE, begun.id))) == "unknown_file"
    assert crowd.order_file(FindUpload(token(crowd, "ada"), PLACE, begun.id)) == begun
    assert crowd.order_file(DropUpload(token(crowd, "ada"), PLACE, begun.id)) == begun
    crowd.step()
    assert code(crowd.order_file(FindUpload(token(crowd, "ada"), PLACE, begun.id))) == "unknown_file"
    assert code(crowd.order_file(FinishUpload(begun.id, DIGEST))) == "unknown_file"
    assert (used(crowd, "ada"), crowd.kept.files) == (0, {})


def test_a_finished_upload_is_known_with_its_digest_and_kind(crowd: Crowd) -> None:
    begun = begin(crowd, "ada")
    assert isinstance(begun, SaveFile)
    assert code(crowd.order_file(FindFile(token(crowd, "ada"), PLACE, begun.id))) == "unfinished_file"
    answer = crowd.order_file(FinishUpload(begun.id, DIGEST, "image/png", 640, 480))
    assert answer == replace(begun, digest=DIGEST, kind="image/png", width=640, height=480)
    assert code(crowd.order_file(FindFile(token(crowd, "ada"), PLACE, begun.id))) == "ok"
    assert code(crowd.order_file(FindFile(token(crowd, "bob"), PLACE, begun.id))) == "unknown_file"


def test_an_upload_ends_after_a_day_and_gives_its_bytes_back(crowd: Crowd) -> None:
    begin(crowd, "ada", 100)
    crowd.advance(3600.0)
    kept = whole(crowd, "ada", 200)
    sent = whole(crowd, "ada", 300)
    send(crowd, "ada", sent)
    crowd.advance(UPLOAD_TIME - 3601.0)
    assert used(crowd, "ada") == 600
    crowd.advance(1.0)
    crowd.step()
    assert used(crowd, "ada") == 500
    crowd.advance(3600.0)
    crowd.step()
    assert used(crowd, "ada") == 300
    assert kept.id not in crowd.kept.files
    assert fetch(crowd, "bob", sent) == "ok"
    assert crowd.broker.uploads.next_end == float("inf")


def test_an_upload_ends_a_day_after_its_beginning_also_after_a_restart(crowd: Crowd) -> None:
    begin(crowd, "ada", 100)
    crowd.advance(UPLOAD_TIME - 10.0)
    crowd.restart(orderly=False)
    crowd.back("ada")
    assert used(crowd, "ada") == 100
    crowd.advance(10.0)
    crowd.step()
    assert used(crowd, "ada") == 0


def test_an_end_that_could_not_be_stored_is_tried_again(crowd: Crowd) -> None:
    begin(crowd, "ada", 100)
    crowd.advance(UPLOAD_TIME)
    crowd.fail()
    assert used(crowd, "ada") == 100
    crowd.advance(10.0)
    crowd.step()
    assert (used(crowd, "ada"), crowd.kept.files) == (0, {})


def test_what_could_not_be_stored_leaves_nothing(crowd: Crowd) -> None:
    one, other = whole(crowd, "ada", 100), whole(crowd, "ada", 200)
    before = crowd.broker.uploads.total_bytes
    crowd.order_file(BeginUpload(token(crowd, "ada"), PLACE, LOBBY, (), "a", 300, "new"))
    crowd.order_file(DropUpload(token(crowd, "ada"), PLACE, one.id))
    crowd.ask(crowd.session("ada"), Send(id="s", room=LOBBY, text="", files=(other.id,)))
    crowd.fail()
    assert (used(crowd, "ada"), crowd.broker.uploads.total_bytes) == (300, before)
    assert crowd.broker.uploads.get("new") is None
    assert crowd.broker.uploads.get(one.id) == one
    send(crowd, "ada", one, other)


def test_an_account_that_is_gone_leaves_its_messages_with_their_files(crowd: Crowd) -> None:
    sent = whole(crowd, "bob", 100)
    send(crowd, "bob", sent)
    whole(crowd, "bob", 200)
    crowd.order("reset-name", "bob")
    crowd.step()
    assert list(crowd.kept.files) == [sent.id]
    assert fetch(crowd, "ada", sent) == "ok"
    assert crowd.broker.uploads.total_bytes == 100


def test_a_restarted_server_knows_uploads_and_bytes(crowd: Crowd) -> None:
    sent, upload = whole(crowd, "ada", 100), whole(crowd, "ada", 200)
    send(crowd, "ada", sent)
    crowd.restart(orderly=False)
    crowd.settings = replace_settings(crowd.settings, max_file=1000)
    crowd.back("ada")
    assert (used(crowd, "ada"), crowd.broker.uploads.get(upload.id)) == (300, upload)
    send(crowd, "ada", upload)

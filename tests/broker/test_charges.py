"""Who pays for a request, and how much: accounts, addresses and rooms."""

from __future__ import annotations

import pytest

from tests.broker.asking import handle
from tests.broker.test_limits import outcome
from trio_chat.broker import Broker, BrokerSettings
from trio_chat.broker.allowances import Allowances
from trio_chat.broker.effects import Reply
from trio_chat.broker.prices import price, price_of_bytes
from trio_chat.errors import Refusal
from trio_chat.protocol.events import Error
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Edit, Hello, Join, Ping, Rooms, Send, Who

NOW = 100.0
TOKENS = {name: f"a token of {name} that nobody can guess" for name in ("ada", "bob", "cyd")}


class Fast(Broker):
    """A broker in which sessions arrive by their numbers, from an address each."""

    def arrive(self, session: int, name: str, *, address: str = "192.0.2.1", now: float = NOW) -> str:
        """A connection with a hello in its headers. Returns the code of the refusal, if there is one."""
        self.open(session, now, token=TOKENS.get(name, f"{name}-{session}"), number=session, address=address)
        refusal = self.charge_arrival(session, now)
        if refusal is None:
            greeted = self.greet(session, Hello(id="", name=name, token=TOKENS.get(name)), now)
            refusal = greeted if isinstance(greeted, Refusal) else None
        self.settle()
        if refusal is not None:
            self.close(session, now)
            return refusal.code
        return ""

    def ping(self, session: int, times: int, now: float = NOW) -> list[tuple[float, str]]:
        """Some pings, at half a unit each."""
        return [outcome(handle(self, session, Ping(id="p"), now)) for _ in range(times)]

    def say(
        self, session: int, text: str = "x", now: float = NOW, *, to: tuple[str, ...] | None = None
    ) -> tuple[float, str]:
        """A message to the lobby, or to people."""
        request = Send(id=f"{session}-{self.rooms[LOBBY].last}-{now}", room=None if to else LOBBY, to=to, text=text)
        return outcome(handle(self, session, request, now))


def broker(**settings: float) -> Fast:
    return Fast(BrokerSettings(**{"rate": 10.0, "burst": 20.0, **settings}))  # type: ignore[arg-type] # numbers all


# ---- accounts -----------------------------------------------------------------------------------


def test_all_sessions_of_an_account_spend_the_same_allowance() -> None:
    chat = broker()
    for session in (1, 2, 3):
        chat.arrive(session, "ada")  # a hello costs 5
    assert chat.ping(1, 10)[-1] == (0.0, "done")
    assert chat.ping(2, 1) == [(0.05, "done")]
    chat.arrive(4, "bob")
    assert chat.ping(4, 1) == [(0.0, "done")]


def test_a_connection_that_comes_back_gets_no_fresh_allowance() -> None:
    chat = broker()
    chat.arrive(1, "ada")
    chat.ping(1, 70)
    chat.close(1, NOW)
    assert chat.arrive(2, "ada") == "too_fast"
    assert chat.arrive(3, "ada", now=NOW + 1.0) == ""
    assert chat.ping(3, 1, NOW + 1.0)[0][0] > 1.0


def test_an_account_comes_back_as_long_as_its_debt_with_the_hello_is_no_more_than_a_burst() -> None:
    for pings, code in ((60, ""), (61, "too_fast")):  # 5 for the hello, half a unit each, and 5 for the next hello
        chat = broker()
        chat.arrive(1, "ada")
        chat.ping(1, pings)
        chat.close(1, NOW)
        assert chat.arrive(2, "ada") == code


def test_requests_sent_before_the_hello_are_paid_by_the_account_that_it_is_for() -> None:
    chat = broker()
    chat.arrive(1, "ada")
    chat.ping(1, 60)
    chat.open(2, NOW, token="t2", number=2)
    early = [chat.charge(2, Ping(id="p"), NOW) for _ in range(40)]
    assert all(one is not None and one.refusal is None for one in early)
    (answer,) = [
        e.event for e in handle(chat, 2, Hello(id="h", name="ada", token=TOKENS["ada"]), NOW) if isinstance(e, Reply)
    ]
    assert isinstance(answer, Error)
    assert answer.code == "too_fast"


# ---- places -------------------------------------------------------------------------------------


def test_all_accounts_of_an_address_share_its_allowance() -> None:
    chat = broker(address_rate=20.0, address_burst=30.0)
    for session, name in enumerate(("ada", "bob", "cyd"), 1):
        chat.arrive(session, name)
    assert [chat.ping(session, 10)[-1] for session in (1, 2, 3)] == [(0.0, "done"), (0.0, "done"), (0.0, "done")]
    assert chat.ping(1, 20)[-1] == (0.5, "done"), "its own allowance is not spent"
    chat.arrive(9, "eve", address="192.0.2.2")
    assert chat.ping(9, 10)[-1] == (0.0, "done")


def test_a_new_account_of_an_address_in_debt_is_not_let_in() -> None:
    chat = broker(address_rate=1.0, address_burst=10.0)
    assert [chat.arrive(n, f"eve{n}") for n in range(1, 6)] == ["", "", "", "", "too_fast"]
    assert chat.arrive(9, "dan", address="192.0.2.2") == ""
    assert "eve5" not in chat.people


@pytest.mark.parametrize(
    ("first", "second", "shared"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::7", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("127.0.0.1", "127.0.0.1", False),
        ("::1", "::1", False),
        ("127.0.0.2", "127.0.0.2", True),
    ],
)
def test_a_place_is_an_address_or_a_network_that_one_person_has(first: str, second: str, *, shared: bool) -> None:
    """127.0.0.1 is none: a proxy or a tunnel may connect everybody from there."""
    chat = broker(address_rate=1.0, address_burst=10.0)
    chat.arrive(1, "ada", address=first)
    chat.ping(1, 25)
    assert (chat.arrive(2, "bob", address=second) == "too_fast") is shared


# ---- prices -------------------------------------------------------------------------------------


def test_a_direct_message_costs_as_much_as_it_has_recipients() -> None:
    names = tuple(f"bob{n}" for n in range(1, 13))
    chat = broker(burst=50.0, max_recipients=10)
    for session, name in enumerate(("ada", *names), 1):
        chat.arrive(session, name)
    ada = chat.people["ada"]

    def cost(**request: object) -> float:
        return price(chat, ada, Send(id="m", text="x", **request), 1.0)  # type: ignore[arg-type] # its own fields

    assert [cost(room=LOBBY), cost(to=names[:1]), cost(to=names[:7])] == [1.0, 1.0, 7.0]
    assert cost(to=names) == 10.0, "no more are looked up"
    chat.say(1, to=names[:9])
    (room,) = chat.direct.values()
    assert cost(room=room.name) == 9.0
    assert chat.ping(1, 72)[-1] == (0.0, "done")
    assert chat.ping(1, 1) == [(0.05, "done")]


def test_mentions_and_long_lists_cost_more() -> None:
    chat = broker()
    chat.arrive(1, "ada")
    ada = chat.people["ada"]
    text = "@ada " * 60
    assert price(chat, ada, Send(id="m", room=LOBBY, text=text), 1.0) == 1.0 + 50 * 0.2
    assert price(chat, ada, Edit(id="m", room=LOBBY, target=1, text=text), 2.0) == 2.0 + 50 * 0.2
    assert price(chat, ada, Rooms(id="r"), 3.0) == 3.0 + 1 / 256
    assert price(chat, ada, Who(id="w"), 3.0) == 3.0 + 1 / 256
    assert price(chat, ada, Who(id="w", room="#none"), 3.0) == 3.0
    chat.rooms.update({f"#s{n}": chat.rooms[LOBBY] for n in range(10_000)})
    assert price(chat, ada, Rooms(id="r"), 3.0) == 20.0, "everybody can pay for a list"


@pytest.mark.parametrize(
    ("size", "requests", "each"), [(0, 1, 0.0), (1024, 1, 0.0), (8192, 1, 7.0), (8192, 4, 1.0), (8192, 8, 0.0)]
)
def test_each_kib_of_a_request_beyond_the_first_costs_one(size: int, requests: int, each: float) -> None:
    assert price_of_bytes(size, requests) == each


# ---- rooms --------------------------------------------------------------------------------------


def test_a_room_that_gets_too_much_text_refuses_long_texts_first_and_then_slows_the_senders_of_short_ones() -> None:
    chat = broker(rate=1000.0, burst=1000.0, room_bytes=20_000)
    for session, name in enumerate(("ada", "bob", "cyd"), 1):
        chat.arrive(session, name)
    assert [chat.say(1, "x" * 7744) for _ in range(2)] == [(0.0, "done")] * 2
    assert chat.say(2, "x" * 7744) == (0.4, "done")
    assert chat.say(1, "x" * 7744)[1] == "too_fast"
    short = [chat.say(3, "x" * 744) for _ in range(8)]
    assert short[:6] == [(0.0, "done")] * 6, "half of the debt is for short texts"
    assert short[6:] == [(0.1, "done"), (0.2, "done")]
    handle(chat, 3, Join(id="j", room="#ops"), NOW)
    assert outcome(handle(chat, 3, Send(id="m", room="#ops", text="x" * 7744), NOW)) == (0.0, "done")
    assert chat.say(1, "x" * 7744, NOW + 4.0) == (0.0, "done")


def test_the_bytes_of_a_text_count_in_a_room_not_its_characters() -> None:
    chat = broker(rate=1000.0, burst=1000.0, room_bytes=20_000)
    chat.arrive(1, "ada")
    assert chat.say(1, "日" * 7744) == (0.3488, "done")


# ---- memory -------------------------------------------------------------------------------------


def test_allowances_that_are_full_again_are_dropped() -> None:
    held = Allowances(rate=1.0, burst=10.0)
    for number in range(1024):
        held.of(number, 0.0).take(5.0, 0.0)
    held.of("spender", 0.0).take(20.0, 0.0)
    assert len(held) == 1025
    for number in range(5000, 8000):
        held.of(number, 6.0).take(5.0, 6.0)
    assert len(held) == 3001
    for number in range(9000, 12000):
        held.of(number, 12.0).take(5.0, 12.0)
        assert len(held) <= 6002
    assert held.of("spender", 12.0).spent(12.0) == 8.0


def test_the_number_of_allowances_is_bounded_whatever_is_spent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trio_chat.broker.allowances._MOST", 2000)
    held = Allowances(rate=1.0, burst=10.0)
    for number in range(6000):
        held.of(number, 0.0).take(5.0, 0.0)
    assert len(held) == 2000
    assert held.of(5999, 0.0).spent(0.0) == 5.0

"""The name that a mistyped one means is found without a walk over all names."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.broker.scenario import Crowd
from trio_chat.broker.journal import Journal
from trio_chat.broker.near_names import NEIGHBOURS, SMALL, NameTable
from trio_chat.errors import Refusal
from trio_chat.protocol import names as protocol_names
from trio_chat.protocol.names import nearest
from trio_chat.protocol.requests import Join, Nick

if TYPE_CHECKING:
    from collections.abc import Iterable

LETTERS = "abcdefghij"


def table_of(names: Iterable[str], prefix: str = "") -> NameTable[str]:
    table: NameTable[str] = NameTable(prefix)
    for name in names:
        table[name] = name
    return table


def a_slip_away(dice: random.Random, name: str) -> str:
    at = dice.randrange(len(name))
    match dice.randrange(4):
        case 0:
            return name[:at] + dice.choice(LETTERS) + name[at:]
        case 1:
            return name[:at] + name[at + 1 :]
        case 2:
            return name[:at] + dice.choice(LETTERS) + name[at + 1 :]
        case _:
            return name[:at] + name[at : at + 2][::-1] + name[at + 2 :]


@given(st.text(LETTERS, min_size=1, max_size=8), st.sets(st.text(LETTERS, min_size=1, max_size=8), max_size=SMALL))
def test_of_few_names_the_answer_is_that_of_a_comparison_with_all(word: str, known: set[str]) -> None:
    table = table_of(known)
    table.build()
    assert nearest(word, table.near(word)) == nearest(word, sorted(known))


def test_a_name_one_slip_away_is_found_among_many() -> None:
    dice = random.Random(4)
    known = {"".join(dice.choices(LETTERS, k=dice.randint(5, 12))) for _ in range(5000)}
    table = table_of(known)
    for name in dice.sample(sorted(known), 300):
        word = a_slip_away(dice, name)
        near = nearest(word, table.near(word))
        assert near is not None
        assert protocol_names._slips(word, near) <= 1


def test_no_more_names_are_compared_than_stand_around_the_word(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[str] = []
    slips = protocol_names._slips

    def counted(word: str, name: str) -> int:
        compared.append(name)
        return slips(word, name)

    monkeypatch.setattr(protocol_names, "_slips", counted)
    table = table_of(f"user_{number}" for number in range(20_000))
    for word in ("user_4711x", "usr_4711", "somebody_else"):
        compared.clear()
        candidates = list(table.near(word))
        assert len(candidates) <= 4 * NEIGHBOURS
        nearest(word, candidates)
        assert len(compared) <= 4 * NEIGHBOURS
    assert nearest("usr_4711", table.near("usr_4711")) == "user_4711"


def test_the_only_name_with_a_beginning_is_found_and_of_several_none() -> None:
    table = table_of([*(f"user_{number:05}" for number in range(3000)), "extraordinary"])
    assert nearest("extra", table.near("extra")) == "extraordinary"
    assert nearest("user", table.near("user")) is None


def test_a_table_changes_with_its_names_and_with_a_journal() -> None:
    table, journal = table_of(["#ops", "@ada+bob", "#dev"], "#"), Journal()
    assert list(table.near("#osp")) == ["#dev", "#ops"]
    journal.put(table, "#new", "#new")
    journal.pop(table, "#ops")
    journal.put(table, "#dev", "#dev")
    table["@x"] = "@x"
    assert list(table.near("#osp")) == ["#dev", "#new"]
    journal.undo()
    assert list(table.near("#osp")) == ["#dev", "#ops"]
    del table["#dev"]
    assert table.pop("#dev", None) is None
    with pytest.raises(KeyError):
        table.pop("#dev")
    assert list(table.near("#osp")) == ["#ops"]
    assert dict(table) == {"@ada+bob": "@ada+bob", "#ops": "#ops", "@x": "@x"}


def test_new_names_and_rooms_are_suggested_and_names_that_are_gone_are_not() -> None:
    crowd = Crowd("ada", "bob")

    def suggestion(name: str) -> str:
        answer = crowd.broker.find_person(name)
        assert isinstance(answer, Refusal)
        return str(answer)

    assert "ada?" in suggestion("adda")
    crowd.do("ada", Nick(id="n", name="zoe_the_first"))
    assert "ada?" not in suggestion("adda")
    assert "zoe_the_first?" in suggestion("zoe_the_frist")
    crowd.ask(crowd.who["bob"], Nick(id="m", name="bertram"))
    crowd.fail()
    assert "bertram" not in suggestion("betram")
    crowd.enter("#plans", "ada")
    refusal = crowd.broker.no_such_room("#palns", crowd.broker.persons[2])
    assert refusal is not None
    assert "#plans?" in str(refusal)
    crowd.do("ada", Join(id="j", room="#plans"))

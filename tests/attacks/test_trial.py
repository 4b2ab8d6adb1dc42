"""The short form of the attacks: whatever they do, nobody loses a message or the connection, and nothing grows without
bounds. ``nox -s attacks`` is the long form, which also compares times."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.attacks.attackers import ATTACKS
from tests.attacks.trial import Members, Server, faults_of_server, losses, put_to_test

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc, and comes from all of 127.0.0.0/8")


@pytest.mark.parametrize(
    "attack", ["half-sent heads", "pongs", "empty fragments", "long messages", "own passwords", "small parts up"]
)
def test_an_attack_costs_nobody_a_message_or_the_connection(attack: str, tmp_path: Path) -> None:
    assert attack in ATTACKS
    with Server(tmp_path) as server:
        members = Members(server.port, 10)
        attacked = [put_to_test(server, members, attack, 0.5)]
        members.close()
        assert losses(attacked, members) + faults_of_server(server, 2.0) == []
    assert attacked[0].done, "the attack did nothing"

"""The rules of the broker's state machine about invites: they are made, used too often, and revoked."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule
from msgspec.structs import replace

from tests.broker.draws import addresses, names, quiet, turns
from tests.broker.hub_model import HubModel
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Hello, MakeInvite


class InviteRules(RuleBasedStateMachine):
    """The part of the machine that is about invites."""

    hub: HubModel

    def _id(self) -> str:
        raise NotImplementedError

    def _session(self, turn: int) -> int:
        raise NotImplementedError

    def _ask_first(self, turn: int, hello: Hello) -> object:
        raise NotImplementedError

    @rule(
        uses=st.integers(1, 3),
        end=st.sampled_from((None, 10.0, 100.0)),
        rooms=st.sampled_from(((), ("#ops",), (LOBBY, "#b"))),
        role=st.sampled_from(("member", "moderator", "owner")),
    )
    def make_invite(self, uses: int, end: float | None, rooms: tuple[str, ...], role: str) -> None:
        self.hub.order("invite", uses=uses, seconds=end, rooms=rooms, role=role, note="a note")

    @precondition(lambda self: self.hub.invites)
    @rule(
        turn=turns,
        name=st.none() | names,
        which=st.integers(0, 5),
        right=st.booleans(),
        header=st.booleans(),
        quiet=quiet,
        address=addresses,
    )
    def come_by_invite(
        self,
        turn: int,
        name: str | None,
        which: int,
        right: bool,  # noqa: FBT001 - Hypothesis passes by name
        header: bool,  # noqa: FBT001 - as above
        quiet: bool,  # noqa: FBT001 - as above
        address: str,
    ) -> None:
        """By an invite that was made, perhaps long ago, or by one that never was."""
        secret = list(self.hub.invites.values())[which % len(self.hub.invites)] if right or which else "a guess"
        hello = Hello(id="", name=name, invite=secret, quiet=quiet)
        if not header:
            self._ask_first(turn, replace(hello, id=self._id()))
            return
        for _ in range(3 if name is None else 1):  # more than it may be for
            if len(self.hub.open) < 12:
                self.hub.connect(hello, number=len(self.hub.open), address=address)

    @rule(turn=turns, room=st.sampled_from((None, "#ops", "#b", LOBBY, "@ada+bob")), uses=st.integers(1, 2))
    def make_invite_in_the_chat(self, turn: int, room: str | None, uses: int) -> None:
        self.hub.ask(self._session(turn), MakeInvite(id=self._id(), room=room, uses=uses, seconds=20.0))

    @precondition(lambda self: self.hub.invites)
    @rule(number=st.integers(1, 4))
    def revoke_invite(self, number: int) -> None:
        self.hub.order("revoke", str(number))

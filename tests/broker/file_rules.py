"""The rules of the broker's state machine about files: they are uploaded, sent, fetched, dropped, and out of time."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from tests.broker.draws import person_numbers, room_numbers, texts, turns
from tests.broker.hub_model import HubModel
from trio_chat.broker.file_orders import BeginUpload, DropUpload, FileOrder, FindFile, FindUpload, FinishUpload
from trio_chat.protocol.events import Ok
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Delete, Leave, Search, Send

PLACE = "203.0.113.9"
"""Where orders come from: no ban of the machine covers it."""

SIZES = (0, 1, 100, 400, 401, 10**9)
DIGESTS = ("a" * 64, "b" * 64)
ENDINGS = ("delete", "leave", "commit", "fail")

files = st.integers(0, 15)
"""Which file: one that was begun once, counted from the last."""
holders = st.integers(0, 15)
"""Whose token: one that was given out, counted around; the last for a made-up one."""


class FileRules(RuleBasedStateMachine):
    """The part of the machine that is about files."""

    hub: HubModel

    def __init__(self) -> None:
        super().__init__()
        self.begun: list[str] = []

    def _id(self) -> str:
        raise NotImplementedError

    def _session(self, turn: int) -> int:
        raise NotImplementedError

    def _name(self, which: int) -> str:
        raise NotImplementedError

    def _room(self, session: int, room: int) -> str:
        raise NotImplementedError

    def _send(self, session: int, send: Send) -> None:
        raise NotImplementedError

    @rule(turn=turns, room=room_numbers, size=st.sampled_from(SIZES), ends=st.booleans())
    def upload(self, turn: int, room: int, size: int, ends: bool) -> None:  # noqa: FBT001 - a drawn value
        """Somebody who is here uploads a file, to the end or not."""
        session = self._session(turn)
        token = self.hub.tokens.get(session, "")
        name = self._room(session, room)
        self._begin(BeginUpload(token, PLACE, name, (), "a file.txt", size, self._fresh()), ends=ends)

    @rule(who=holders, to=st.lists(person_numbers, max_size=4), size=st.sampled_from(SIZES), ends=st.booleans())
    def upload_to_people(self, who: int, to: list[int], size: int, ends: bool) -> None:  # noqa: FBT001 - a drawn value
        names = tuple(map(self._name, to))
        self._begin(BeginUpload(self._token(who), PLACE, None, names, "../a/file", size, self._fresh()), ends=ends)

    @rule(who=holders, which=files, kind=st.sampled_from((FindUpload, DropUpload, FindFile, FindFile)))
    def order_file(self, who: int, which: int, kind: type[FindUpload | DropUpload | FindFile]) -> None:
        self.hub.order_file(kind(self._token(who), PLACE, self._file(which)))

    @rule(which=files)
    def all_fetch(self, which: int) -> None:
        """Everybody who ever got a token tries to fetch a file."""
        self._all_fetch(self._file(which))

    @rule(which=files, digest=st.sampled_from(DIGESTS), image=st.booleans())
    def finish(self, which: int, digest: str, image: bool) -> None:  # noqa: FBT001 - a drawn value
        found = ("image/png", 640, 480) if image else ("text/plain", 0, 0)
        self.hub.order_file(FinishUpload(self._file(which), digest, *found))

    @rule(turn=turns, room=room_numbers, file=st.sampled_from((None, "shared")))
    def look_for_files(self, turn: int, room: int, file: str | None) -> None:
        """Somebody searches messages with files, and the operator lists all files."""
        session = self._session(turn)
        name = self._room(session, room) if file is None else None
        self.hub.ask(session, Search(id=self._id(), room=name, has_file=True, file=file))
        self.hub.order("files")

    @rule(turn=turns, room=room_numbers, which=st.lists(files, min_size=1, max_size=3), text=texts)
    def send_files(self, turn: int, room: int, which: list[int], text: str) -> None:
        session = self._session(turn)
        chosen = tuple(map(self._file, which))
        self._send(session, Send(id=self._id(), room=self._room(session, room), text=text, files=chosen))

    @rule(turn=turns, room=room_numbers, text=texts)
    def send_own_files(self, turn: int, room: int, text: str) -> None:
        """All that somebody has uploaded goes with one message, as a client does it."""
        session = self._session(turn)
        own = self.hub.broker.uploads.of(self.hub.whose.get(session, 0))
        whole = tuple(file for file in own if self.hub.ahead.files[file].digest)
        self._send(session, Send(id=self._id(), room=self._room(session, room), text=text, files=whole[:3]))

    @rule(turn=turns, to=st.lists(person_numbers, min_size=1, max_size=2))
    def send_own_files_to_people(self, turn: int, to: list[int]) -> None:
        session = self._session(turn)
        own = self.hub.broker.uploads.of(self.hub.whose.get(session, 0))
        self._send(session, Send(id=self._id(), to=tuple(map(self._name, to)), text="", files=own[:2]))

    @rule(turn=turns, room=room_numbers, size=st.sampled_from((1, 100, 400)), ending=st.sampled_from(ENDINGS))
    def share(self, turn: int, room: int, size: int, ending: str) -> None:
        """Somebody uploads a file and sends it, and everybody tries to fetch it, also after what then becomes of it."""
        session = self._session(turn)
        name = self._room(session, room)
        token = self.hub.tokens.get(session, "")
        order = BeginUpload(token, PLACE, name, (), "shared.txt", size, self._fresh())
        self._begin(order, ends=True)
        send = Send(id=self._id(), room=name, text="look", files=(order.id,))
        answer = self.hub.ask(session, send)
        self._all_fetch(order.id)
        if not isinstance(answer, Ok):
            return
        if ending == "delete":
            self.hub.ask(session, Delete(id=self._id(), room=name, target=answer.seq or 0))
        elif ending == "leave":
            self.hub.ask(session, Leave(id=self._id(), room=name, remove=True))
        elif ending == "commit":
            self.hub.commit()
        elif ending == "fail":
            self.hub.fail()
        self._all_fetch(order.id)

    @rule(turn=turns, other=turns, size=st.sampled_from((1, 100)), gone=st.booleans())
    def lose_an_upload(self, turn: int, other: int, size: int, gone: bool) -> None:  # noqa: FBT001 - a drawn value
        """Somebody else tries to send an upload; then perhaps its account loses its name."""
        session, thief = self._session(turn), self._session(other)
        order = BeginUpload(self.hub.tokens.get(session, ""), PLACE, LOBBY, (), "mine.txt", size, self._fresh())
        self._begin(order, ends=True)
        self._send(thief, Send(id=self._id(), room=LOBBY, text="mine", files=(order.id,)))
        if gone and session in self.hub.whose:
            self.hub.order("reset-name", self.hub.name_of(session))

    def _all_fetch(self, file: str) -> None:
        for token in (*sorted(self.hub.holders), "a guess"):
            self.hub.order_file(FindFile(token, PLACE, file))

    @rule(which=files)
    def remove_file(self, which: int) -> None:
        self.hub.order("files", drop=self._file(which))

    @rule()
    def a_day_passes(self) -> None:
        self.hub.advance(24 * 3600.0)

    def _begin(self, order: FileOrder, *, ends: bool) -> None:
        self.hub.order_file(order)
        if ends:
            self.hub.order_file(FinishUpload(order.id, DIGESTS[0], "text/plain"))

    def _fresh(self) -> str:
        self.begun.append(f"file-{len(self.begun) + 1}")
        return self.begun[-1]

    def _file(self, which: int) -> str:
        return self.begun[-1 - which % len(self.begun)] if self.begun and which < 15 else "no file"

    def _token(self, who: int) -> str:
        tokens = sorted(self.hub.holders)
        return tokens[who % len(tokens)] if tokens and who < 15 else "a guess"

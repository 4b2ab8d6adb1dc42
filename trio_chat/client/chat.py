"""The object that an application talks through: :class:`Chat`, made by :func:`~trio_chat.client.connecting.connect`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeVar

import trio
from msgspec import structs

from trio_chat.client.chat_statistics import ChatStatistics
from trio_chat.client.connection import Link
from trio_chat.client.events import ChatEvent, Findings, Past, Receipt
from trio_chat.client.mailbox import Mailbox
from trio_chat.client.pages import read_findings, read_list, read_past
from trio_chat.client.rooms import RoomView
from trio_chat.client.state import ClientState
from trio_chat.errors import ChatError, NotDone
from trio_chat.protocol import requests
from trio_chat.protocol.events import (
    BanList,
    DeviceList,
    Found,
    InviteMade,
    Ok,
    Page,
    People,
    PersonInfo,
    RoleName,
    Room,
    RoomLine,
    RoomList,
    Welcome,
)
from trio_chat.protocol.invite_link import make_link

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from trio_chat.client.files.chat_files import ChatFiles
    from trio_chat.client.files.fetching import FileChunks
    from trio_chat.client.files.progress import ProgressCallback
    from trio_chat.client.files.sending import FileSending
    from trio_chat.client.files.sources import NamedSource, Source
    from trio_chat.client.known_accounts import KnownAccounts
    from trio_chat.client.server_contact import ServerContact
    from trio_chat.protocol.events import Closing
    from trio_chat.protocol.parts import BanInfo, DeviceInfo, FileInfo

T = TypeVar("T")


class Chat:
    """A chat with a server, as one person. Made by :func:`~trio_chat.client.connecting.connect`.

    It outlives its connections: when one is lost, the client connects again, fetches the missed events, and sends
    pending requests again under the same ids. Iterating gives each room's events in the order of their sequence, each
    once; where the server has forgotten some, a ``Missed`` stands for them. Each event goes to one iterator.

    Events that wait to be iterated over are bounded (10,000 events, 8 MiB). Beyond that the client reads nothing from
    the server, answers included: use ``listen=False`` for a program that only sends requests, and iterate in a task of
    its own in a program that takes long over an event. A server disconnects clients that do not read; the client then
    connects again.

    All methods that send a request wait for its answer. They raise :class:`~trio_chat.errors.NotDone` when the server
    refuses, :class:`~trio_chat.errors.NotAcknowledged` when no answer came within the ``request_timeout`` (time without
    a connection counts), and :class:`~trio_chat.errors.ConnectionClosed` when the chat is over. Each can be cancelled:
    the client forgets the request, and if it was sent already, the server may still do it.
    """

    def __init__(self, link: Link, conversation: ClientState, mailbox: Mailbox, url: str) -> None:
        self._link = link
        self._conversation = conversation
        self._mailbox = mailbox
        self.url = url

    def __repr__(self) -> str:
        state = "connected" if self.connected else "disconnected"
        return f"<Chat of {self.name!r} at {self.url}, {state}>"

    # ---- how it stands --------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Our name now."""
        return self._conversation.name

    @property
    def contact(self) -> ServerContact:
        """How the server is known: its fingerprint, who vouches for it, and whether this is the first contact."""
        return self._link.contact

    @property
    def accounts(self) -> KnownAccounts:
        """The accounts that were heard of, ours too, with the names they have now. Read them, do not change them."""
        return self._conversation.accounts

    @property
    def welcome(self) -> Welcome:
        """The server's last welcome: its limits, its message of the day, ..."""
        assert self._conversation.welcome is not None  # noqa: S101 - connect hands a Chat out only after the first welcome
        return self._conversation.welcome

    @property
    def rooms(self) -> dict[str, RoomView]:
        """The rooms we are in, by name, kept up to date. Read them, do not change them."""
        return self._conversation.rooms

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as the client knows."""
        return self._link.connected

    @property
    def latency(self) -> float | None:
        """Seconds that the last ping took; ``None`` before the first."""
        return self._link.latency

    @property
    def ended(self) -> Closing | ChatError | None:
        """Why the conversation is over; ``None`` while it goes on, and after :meth:`aclose`."""
        return self._link.ended

    def statistics(self) -> ChatStatistics:
        """State of the conversation."""
        pending, mailbox = self._conversation.pending_count, self._mailbox
        return ChatStatistics(self.connected, pending, len(mailbox), mailbox.full, self.latency)

    # ---- events ---------------------------------------------------------------------------------

    def __aiter__(self) -> Chat:
        return self

    async def __anext__(self) -> ChatEvent:
        """The next event. Iteration ends when the conversation is over and all events were yielded."""
        event = await self._mailbox.get()
        if event is None:
            raise StopAsyncIteration
        return event

    # ---- talking --------------------------------------------------------------------------------

    async def send(self, room: str, text: str, *, action: bool = False, reply_to: int | None = None) -> Receipt:
        """Send a message to a room, as an ``action`` like ``/me``, or as a reply. Returns when it is stored."""
        return await self._say(text, action=action, reply_to=reply_to, room=room)

    async def send_to(self, people: Iterable[str] | str, text: str, *, action: bool = False) -> Receipt:
        """Send a direct message to people: one name, or several."""
        to = (people,) if isinstance(people, str) else tuple(people)
        return await self._say(text, action=action, to=to)

    async def _say(
        self,
        text: str,
        *,
        action: bool,
        reply_to: int | None = None,
        room: str | None = None,
        to: tuple[str, ...] | None = None,
    ) -> Receipt:
        kind: Literal["text", "action"] = "action" if action else "text"
        clock = datetime.now(tz=UTC).astimezone().isoformat(timespec="milliseconds")
        request = requests.Send(id=self._id(), text=text, room=room, to=to, sent=clock, kind=kind, reply_to=reply_to)
        return _receipt(await self._ask(request, Ok))

    async def ask_to_send(self, request: requests.Send) -> Receipt:
        """Send a message that was put together elsewhere, under an id of its own: one with files."""
        return _receipt(await self._ask(request, Ok))

    # ---- files ----------------------------------------------------------------------------------

    @property
    def _files(self) -> ChatFiles:
        from trio_chat.client.files.chat_files import ChatFiles  # noqa: PLC0415 - most chats carry no file

        return ChatFiles(self, self._link, self.rooms)

    async def send_file(
        self,
        room: str | None,
        file: Source,
        text: str = "",
        *,
        name: str | None = None,
        to: Iterable[str] | str = (),
        progress: ProgressCallback | None = None,
    ) -> Receipt:
        """As :meth:`send_files`, for one file; ``name`` is its name in the chat, in place of the path's own."""
        return await self.send_files(room, [file if name is None else (file, name)], text, to=to, progress=progress)

    async def send_files(
        self,
        room: str | None,
        files: Iterable[NamedSource],
        text: str = "",
        *,
        to: Iterable[str] | str = (),
        progress: ProgressCallback | None = None,
    ) -> Receipt:
        """Send files with one message to a room, or ``to`` people with ``None`` for the room: paths, streams of bytes,
        or either with a name, ``(stream, "log.txt")``. Returns when the message that carries them is stored. After an
        error or a restart, the same call goes on where it ended. See ``FileSending.run`` for what it raises."""
        return await self.begin_upload(room, files, text, to=to, progress=progress).run()

    def begin_upload(
        self,
        room: str | None,
        files: Iterable[NamedSource],
        text: str = "",
        *,
        to: Iterable[str] | str = (),
        reply_to: int | None = None,
        progress: ProgressCallback | None = None,
    ) -> FileSending:
        """As :meth:`send_files`, for interfaces: the result is sent by its ``run``, and can be paused and discarded."""
        return self._files.begin_upload(room, files, text, to=to, reply_to=reply_to, progress=progress)

    def unfinished_uploads(self) -> tuple[FileSending, ...]:
        """The uploads that this account began on this device and did not finish, the oldest first. Each waits for its
        ``run``, ``discard`` or ``release``; no other program goes on with it meanwhile."""
        return self._files.unfinished()

    async def save_file(
        self,
        file: FileInfo,
        path: str | os.PathLike[str],
        *,
        progress: ProgressCallback | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Fetch a file of a message, check its hash, and save it: in a folder, under its name or one like it that is
        free, or at the path of a file. Returns its path. It goes on where an earlier try ended. Raises
        :class:`~trio_chat.errors.UsageError` if something is there that must stay, and ``ChatError`` otherwise."""
        return await self._files.save(file, path, progress, overwrite=overwrite)

    def open_file(
        self, file: FileInfo, *, progress: ProgressCallback | None = None
    ) -> AbstractAsyncContextManager[FileChunks]:
        """Fetch a file piece by piece: ``async with chat.open_file(file) as chunks``, then iterate. If the hash is
        wrong in the end, the last step of the iteration raises ``ChatError``."""
        return self._files.open(file, progress)

    async def find_file(self, file: str) -> FileInfo:
        """The server's facts about a file, given by its id. Raises ``NotDone`` if we may not read it."""
        return await self._files.find(file)

    async def edit(self, room: str, seq: int, text: str) -> Receipt:
        """Replace the text of an own message, given by its number."""
        return _receipt(await self._ask(requests.Edit(id=self._id(), room=room, target=seq, text=text), Ok))

    async def delete(self, room: str, seq: int) -> Receipt:
        """Delete a message: an own one, or as a moderator anybody's."""
        return _receipt(await self._ask(requests.Delete(id=self._id(), room=room, target=seq), Ok))

    async def react(self, room: str, seq: int, mark: str, *, on: bool = True) -> bool:
        """React to a message with an emoji or a word, or with ``on=False`` no longer. Returns whether that is new."""
        request = requests.React(id=self._id(), room=room, target=seq, mark=mark, on=on)
        return not (await self._ask(request, Ok)).unchanged

    async def typing(self, room: str) -> None:
        """Tell a room that we are typing; does nothing without a connection."""
        if self.connected:
            await self._link.ask(requests.Typing(id=self._id(), room=room))
        else:
            await trio.lowlevel.checkpoint()

    async def read(self, room: str, seq: int) -> None:
        """Set our read position in a room."""
        await self._ask(requests.Read(id=self._id(), room=room, seq=seq), Ok)

    async def history(
        self,
        room: str,
        *,
        after: int | None = None,
        before: int | None = None,
        since: str | None = None,
        limit: int = 100,
    ) -> Past:
        """Past events of a room in order, at most ``limit`` (500 at the most): the oldest of those ``after`` a number
        or ``since`` a time (RFC 3339, or a day), the newest of those ``before`` a number, or the newest of all. Several
        answers are put together if the events are long."""
        request = requests.History(id="", room=room, after=after, before=before, since=since, limit=limit)
        return await read_past(lambda part: self._ask(structs.replace(part, id=self._id()), Page), request)

    async def search(  # noqa: PLR0913 - the conditions of a search, all by name
        self,
        *words: str,
        room: str | None = None,
        sender: str | None = None,
        before: str | None = None,
        after: str | None = None,
        has_link: bool = False,
        has_file: bool = False,
        file: str | None = None,
        limit: int = 20,
        cursor: int | None = None,
    ) -> Findings:
        """Find messages in all rooms that we may read, the newest first, at most ``limit`` (100 at the most).

        A message must contain all ``words`` (several words in one string: in that order) and be by ``sender``;
        ``before`` and ``after`` are days or times, RFC 3339; ``file`` has words of the name of a file that it carries.
        With the ``cursor`` of the last answer the search goes on
        from there. Several answers are put together if the messages are long.
        """
        request = requests.Search(
            id="",
            words=words,
            room=room,
            sender=sender,
            before=before,
            after=after,
            has_link=has_link,
            has_file=has_file,
            file=file,
            limit=limit,
            cursor=cursor,
        )
        return await read_findings(lambda part: self._ask(structs.replace(part, id=self._id()), Found), request)

    # ---- rooms and people -----------------------------------------------------------------------

    def reconnect_nowait(self) -> None:
        """Connect anew at once: end the wait for the next try, or replace a connection that hangs. Requests that were
        not answered are asked again. Raises :class:`~trio_chat.errors.ConnectionClosed` when the chat is over."""
        self._link.reconnect_nowait()

    async def join(self, room: str, *, create: bool = True) -> RoomView:
        """Join a room. If there is none of that name it is made; without ``create``, that is refused."""
        answer = await self._ask(requests.Join(id=self._id(), room=room, create=create), Room)
        known = self.rooms.get(answer.room.name)  # unless we were removed meanwhile
        view = RoomView.enter(answer.room) if known is None else known
        view.made = answer.made
        return view

    async def leave(self, room: str, *, remove: bool = False) -> None:
        """Leave a room. With ``remove``, its owner, alone in the room, deletes it with all its messages."""
        await self._ask(requests.Leave(id=self._id(), room=room, remove=remove), Ok)

    async def set_topic(self, room: str, text: str) -> bool:
        """Set a room's topic; an empty text clears it. Returns whether that is a change."""
        return not (await self._ask(requests.Topic(id=self._id(), room=room, text=text), Ok)).unchanged

    async def list_rooms(self) -> tuple[RoomLine, ...]:
        """The rooms, the fullest first."""
        return await read_list(
            lambda skip: self._ask(requests.Rooms(id=self._id(), skip=skip), RoomList),
            lambda answer: answer.rooms,
            key=lambda line: line.name,
        )

    async def who(self, room: str | None = None) -> tuple[PersonInfo, ...]:
        """The people who are in a room and online; without a room, in the lobby, so everyone."""
        return await read_list(
            lambda skip: self._ask(requests.Who(id=self._id(), room=room, skip=skip), People),
            lambda answer: answer.people,
            key=lambda person: person.name,
        )

    async def rename(self, name: str) -> bool:
        """Change our name. Returns whether that is a change."""
        return not (await self._ask(requests.Nick(id=self._id(), name=name), Ok)).unchanged

    async def away(self, text: str | None = None) -> bool:
        """Say that we are away and why; without a text, that we are back. Returns whether that is a change."""
        return not (await self._ask(requests.Away(id=self._id(), text=text), Ok)).unchanged

    # ---- our account --------------------------------------------------------------------------

    async def set_password(self, password: str) -> None:
        """Set the password with which other devices sign in to our account; 8 characters at least."""
        await self._ask(requests.SetPassword(id=self._id(), password=password), Ok)

    async def devices(self) -> tuple[DeviceInfo, ...]:
        """The devices of our account."""
        return (await self._ask(requests.Devices(id=self._id()), DeviceList)).devices

    async def revoke(self, device: int) -> None:
        """Sign out a device of ours, given by its number; its connections end."""
        await self._ask(requests.Revoke(id=self._id(), device=device), Ok)

    # ---- keeping rooms in order ---------------------------------------------------------------

    async def invite(self, room: str, name: str) -> None:
        """Invite somebody to a private room."""
        await self._ask(requests.Invite(id=self._id(), room=room, name=name), Ok)

    async def make_invite(self, room: str | None = None, *, uses: int = 1, seconds: float | None = 604800) -> str:
        """Make an invite for ``uses`` new people, which ends after so many ``seconds`` (``None``: never), and leads
        into a ``room`` if one is given. Only moderators of the lobby, and of that room, may.

        Returns the link to send to them. It has the address by which this client reaches the server, and the secret of
        the invite, which nobody is told a second time. Raises :class:`~trio_chat.errors.NotDone` also when the server
        has not proven its identity at this address: the link would not work.
        """
        key = self.contact.require_proof()
        request = requests.MakeInvite(id=self._id(), room=room, uses=uses, seconds=seconds)
        return make_link(self.url, key, (await self._ask(request, InviteMade)).secret)

    async def configure(
        self,
        room: str,
        *,
        private: bool | None = None,
        announce_only: bool | None = None,
        slow: float | None = None,
        keep: float | None = None,
        files: bool | None = None,
        max_file: int | None = None,
    ) -> bool:
        """Change the given settings of a room: ``private`` (by invitation only), ``announce_only`` (only moderators
        write), ``slow`` (seconds between two messages of a member, 0: none), ``keep`` (days that messages are kept, 0:
        as long as the server says), ``files`` (messages may carry files), ``max_file`` (bytes of the largest, 0: as
        large as the server takes). Returns whether that is a change."""
        request = requests.Configure(
            id=self._id(),
            room=room,
            private=private,
            announce_only=announce_only,
            slow=slow,
            keep=keep,
            files=files,
            max_file=max_file,
        )
        return not (await self._ask(request, Ok)).unchanged

    async def set_role(self, room: str, name: str, role: RoleName) -> bool:
        """Make somebody a room's ``owner``, ``moderator``, or ``member``. Returns whether that is a change."""
        request = requests.SetRole(id=self._id(), room=room, name=name, role=role)
        return not (await self._ask(request, Ok)).unchanged

    async def kick(self, room: str, name: str, reason: str = "") -> None:
        """Kick somebody out of a room; they may join again."""
        await self._ask(requests.Kick(id=self._id(), room=room, name=name, reason=reason), Ok)

    async def ban(
        self,
        room: str,
        name: str | None = None,
        *,
        network: str | None = None,
        seconds: float | None = None,
        reason: str = "",
    ) -> bool:
        """Ban somebody, or everybody from a ``network`` (192.0.2.0/24), from a room, for so many ``seconds`` or for
        good. A ban from the lobby is a ban from the server. Returns whether that is a change."""
        request = requests.Ban(id=self._id(), room=room, name=name, network=network, seconds=seconds, reason=reason)
        return not (await self._ask(request, Ok)).unchanged

    async def unban(self, room: str, name: str | None = None, *, network: str | None = None) -> None:
        """Lift a ban."""
        await self._ask(requests.Unban(id=self._id(), room=room, name=name, network=network), Ok)

    async def bans(self, room: str) -> tuple[BanInfo, ...]:
        """The bans of a room."""
        return await read_list(
            lambda skip: self._ask(requests.Bans(id=self._id(), room=room, skip=skip), BanList),
            lambda answer: answer.bans,
            key=lambda ban: (ban.name, ban.network),
        )

    async def mute(self, room: str, name: str, *, seconds: float | None = None) -> bool:
        """Mute somebody in a room, for so many ``seconds`` or for good; 0 unmutes. Returns whether that is a change."""
        request = requests.Mute(id=self._id(), room=room, name=name, seconds=seconds)
        return not (await self._ask(request, Ok)).unchanged

    async def ping(self) -> float:
        """Seconds until the server answered a ping, or until the connection broke."""
        began = trio.current_time()
        await self._link.ask(requests.Ping(id=self._id()))
        return trio.current_time() - began

    # ---- the end --------------------------------------------------------------------------------

    async def drain(self) -> None:
        """Wait until the server has answered all requests, those of other tasks too. Raises
        :class:`~trio_chat.errors.ConnectionClosed`."""
        await self._link.drain()

    async def aclose(self) -> None:
        """End the conversation, in two seconds at the most; cancelled, it cuts the connection at once. Events that
        wait can still be iterated over; requests raise :class:`~trio_chat.errors.ConnectionClosed`."""
        await self._link.aclose()

    def _id(self) -> str:
        return self._conversation.make_id()

    async def _ask(self, request: requests.AnyRequest, kind: type[T]) -> T:
        answer = await self._link.ask(request)
        if not isinstance(answer, kind):
            what = "nothing" if answer is None else type(answer).__name__
            raise NotDone("bad_answer", f"The server answered with {what}, not with {kind.__name__}.")
        return answer


def _receipt(ok: Ok) -> Receipt:
    return Receipt(ok.room or "", ok.seq or 0, ok.time or "")

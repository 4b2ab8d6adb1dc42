"""Keeping a chat connected: connect, send and receive, lose the connection, reconnect.

Theory of operation. One task (:meth:`Link.run`) opens a connection. In the connection's nursery run three tasks: one
sends, one receives, one keeps the connection alive. The requests to send and the events received are kept in the
:class:`~trio_chat.client.state.ClientState`, which outlives the connection. Only the receiving task notices the end of
the connection, so that everything that arrived before it, above all the server's reason for closing, is read first. The
application's tasks never touch the connection: they add a request to the conversation, wake the sending task, and wait
for the reply.

When the application does not read its events, the mailbox fills and the receiving task stops reading, until the server
notices. Meanwhile a silent connection is not a dead one.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import msgspec
import trio

from trio_chat.client.admission import Setback, make_headers, recall
from trio_chat.client.entrance import enter
from trio_chat.client.events import ChatEvent, Disconnected
from trio_chat.client.frames import BadFrame, read_event
from trio_chat.client.known_servers import KnownServers
from trio_chat.client.local_time import in_local_time
from trio_chat.client.state import PATIENCE, ClientState
from trio_chat.client.transfer_access import TransferAccess
from trio_chat.client.trust import Trust
from trio_chat.client.wire import CLOSE_TIMEOUT, CONNECT_TIMEOUT, ConnectionLost, Wire, timed_out
from trio_chat.errors import ChatError, ConnectionClosed, NotAcknowledged, NotAdmitted, NotDone
from trio_chat.protocol.events import Closing, Error, Welcome

if TYPE_CHECKING:
    from collections.abc import Callable

    from trio_chat.client.address import Address, GivenAddress
    from trio_chat.client.credentials import Credentials
    from trio_chat.client.identity import Identities
    from trio_chat.client.mailbox import Mailbox
    from trio_chat.client.options import ConnectionOptions
    from trio_chat.client.pending import AnswerEvent, Step
    from trio_chat.client.server_contact import ServerContact
    from trio_chat.protocol.requests import AnyRequest

_OF_ANOTHER: Final = frozenset({"name_owned", "name_taken"})
"""Codes of refusals of a name that is somebody else's."""

ASK_AGAIN: Final = 1.0
"""Seconds until a request that the server was too busy for is sent again."""


@dataclass(slots=True)
class _Waiter:
    """A task of the application waits for a reply."""

    answered: trio.Event = field(default_factory=trio.Event)
    answer: AnswerEvent | None = None


class Link:
    """Keeps a chat connected; see the module. ``identities`` store the name and its token."""

    def __init__(
        self,
        given: GivenAddress,
        credentials: Credentials,
        options: ConnectionOptions,
        conversation: ClientState,
        mailbox: Mailbox,
        identities: Identities,
    ) -> None:
        self._trust = Trust(given, KnownServers(identities.directory), options.stream, options.met)
        self._credentials = credentials
        self._options = options
        self._conversation = conversation
        self._mailbox = mailbox
        self._identities = identities
        self.state_directory = identities.directory
        self._known_as: tuple[str, str] | None = None  # name and token that the identities hold
        self._waiters: dict[str, _Waiter] = {}
        self._drained = trio.lowlevel.ParkingLot()
        self._connected_anew = trio.lowlevel.ParkingLot()
        self._wake = trio.Event()
        # Shielded: a cancelled application ends this itself, see wait_finished.
        self._scope = trio.CancelScope(shield=True)
        self._wire: Wire | None = None
        self._entered = False
        self._refused_name: Setback | None = None  # the refusal of our name, while we come back by our token
        self._waits = False
        self._begun = trio.Event()
        self._finished = trio.Event()
        self._anew = trio.Event()  # the application wants a new connection at once
        self._failure: ChatError | None = None
        self._over = False
        self.ended: Closing | ChatError | None = None
        self.latency: float | None = None
        make_headers(credentials, options.client)  # a text that cannot be sent raises at once

    def __repr__(self) -> str:
        state = "over" if self._over else "connected" if self.connected else "disconnected"
        return f"<Link to {self.address.authority}, {state}>"

    @property
    def address(self) -> Address:
        """The server's address. Where no scheme was given, its TLS may be found out while connecting."""
        return self._trust.address

    @property
    def contact(self) -> ServerContact:
        """How the server is known."""
        return self._trust.contact

    @property
    def connected(self) -> bool:
        """Whether there is a connection, as far as is known."""
        return self._wire is not None

    def transfer_access(self) -> TransferAccess:
        """The facts that the connection of a file transfer needs now. Raises ``ConnectionClosed`` when the chat is
        over."""
        self._check()
        welcome, back = self._conversation.welcome, self._options.reconnection
        token = "" if welcome is None else welcome.token or ""
        patience = self._options.timeouts.request
        return TransferAccess(
            self._trust.again(), token, self._options.client, back, patience, self._connected_anew.park
        )

    # ---- the application's tasks ----------------------------------------------------------------

    async def ask(self, request: AnyRequest) -> AnswerEvent | None:
        """Send a request and wait for its reply; ``None`` when the connection broke and no reply is needed.

        Raises ``NotDone`` when the server refuses, ``NotAcknowledged`` when no answer came in time,
        ``ConnectionClosed`` when the conversation is over. Cancelled, the request is forgotten: if it was
        on its way, the server may do it all the same.
        """
        self._check()
        self._conversation.ask(request)
        waiter = self._waiters[request.id] = _Waiter()
        self._wake.set()
        try:
            with trio.move_on_after(self._options.timeouts.request):
                await waiter.answered.wait()
        finally:
            del self._waiters[request.id]
            self._conversation.forget(request.id)
            self._wake_drained()
        if isinstance(waiter.answer, Error):
            raise NotDone(waiter.answer.code, waiter.answer.message, waiter.answer.advice)
        if waiter.answered.is_set():
            if waiter.answer is None:
                self._check()
            return waiter.answer
        raise NotAcknowledged(self._why_unanswered())

    def _why_unanswered(self) -> str:
        seconds = self._options.timeouts.request
        if self._mailbox.full:
            return (
                f"No reply could be read within {seconds:g} seconds, because {len(self._mailbox)} events before it were"
                " not read: the request may be done, or not. Iterate over the chat, or connect with listen=False."
            )
        return f"The server did not reply within {seconds:g} seconds: the request may be done, or not."

    async def wait_entered(self) -> None:
        """Wait until the first login has succeeded. Raises ``Unreachable`` or ``NotAdmitted``."""
        await self._begun.wait()
        if self._failure is not None:
            raise self._failure

    async def drain(self) -> None:
        """Wait until no request waits for a reply. Raises ``ConnectionClosed`` when the chat is over."""
        await trio.lowlevel.checkpoint()
        while self._conversation.has_pending:
            self._check()
            await self._drained.park()
            self._check()

    def reconnect_nowait(self) -> None:
        """Connect anew at once: end the wait for the next try, or replace the connection. While a connection is being
        made, this changes nothing. Raises ``ConnectionClosed`` when the chat is over."""
        self._check()
        if self._wire is not None or self._waits:
            self._anew.set()

    async def aclose(self) -> None:
        """End the chat: send the requests that are ready and close the connection, within :data:`CLOSE_TIMEOUT`."""
        if self._over:
            await trio.lowlevel.checkpoint()
            return
        self._over = True
        wire = self._wire
        try:
            if wire is not None:
                with trio.move_on_after(CLOSE_TIMEOUT):
                    await self._write_rest(wire)
                    await wire.aclose()
        finally:
            self._scope.cancel()
            self._end(None)

    async def wait_finished(self) -> None:
        """Wait, after :meth:`aclose`, until :meth:`run` has returned. It takes no longer than a moment."""
        self._scope.cancel()
        await self._finished.wait()

    async def _write_rest(self, wire: Wire) -> None:
        while (frame := self._conversation.next_frame()) is not None:
            try:
                await wire.send(frame)
            except ConnectionLost:
                return

    def _check(self) -> None:
        if not self._over:
            return
        if self.ended is None:
            raise ConnectionClosed("The chat is over: it was closed on this side.")
        why = self.ended.message if isinstance(self.ended, Closing) else str(self.ended)
        raise ConnectionClosed(f"The chat is over: {why}")

    def _wake_drained(self) -> None:
        if self._over or not self._conversation.has_pending:
            self._drained.unpark_all()

    # ---- the connection's task ------------------------------------------------------------------

    async def run(self) -> None:
        """Connect and stay connected, until :meth:`aclose` or the end of the chat. Nothing else cancels this."""
        try:
            with self._scope:
                await self._keep_connected()
        finally:
            self._wire = None
            self._begun.set()
            self._finished.set()

    async def _keep_connected(self) -> None:
        failures = tries = 0  # since a connection lasted; since there was one
        while not self._over:
            began = trio.current_time()
            asked: float | None = None
            error: ChatError | None = None
            try:
                reason = await self._connect(tries)
            except Setback as setback:
                if self._trust.may_move_to_tls(setback) or self._may_come_by_token(setback):
                    continue
                if not self._may_retry(setback):
                    self._fail(setback.error)
                    return
                reason, error = str(setback), setback.error
            else:
                closing = self._lose()
                if not self._may_come_back(closing, reason):
                    return
                if closing is not None:
                    reason, asked = closing.message, closing.retry
                if trio.current_time() - began >= self._options.reconnection.backoff.longest:
                    failures = 0
                tries = 0
            failures += 1
            delay = self._options.reconnection.backoff.delay(
                failures, self._options.reconnection.chance.random(), asked
            )
            if self._anew.is_set():
                failures, delay = 0, 0.0
            self._announce(reason, delay, tries, error)
            self._waits = True
            with trio.move_on_after(delay):
                await self._anew.wait()
            self._waits = False
            self._anew = trio.Event()
            tries += 1

    async def _connect(self, tries: int) -> str:
        """Run one connection from its start to its end. Returns the reason for the end, as a sentence."""
        conversation = self._conversation
        with trio.CancelScope(deadline=trio.current_time() + CONNECT_TIMEOUT) as opening:
            async with enter(
                self._trust, self._options, self._recall, conversation.make_id(), came_before=self._entered
            ) as (wire, welcome):
                opening.deadline = math.inf
                self._check_same_account(welcome)
                self._wire = wire
                step = conversation.enter(welcome, tries)
                self._entered = True
                self._remember()
                self._begun.set()
                self._connected_anew.unpark_all()
                return await self._exchange(wire, step)
        raise timed_out(self.address)

    def _recall(self) -> Credentials:
        """The credentials for the server that answers."""
        conversation = self._conversation
        if not self._entered or conversation.welcome is None:
            recalled = recall(self._identities, self.address.url, self._credentials)
            self._credentials = replace(self._credentials, password=recalled.password)
            return recalled
        name = conversation.name if self._refused_name is None else None
        credentials = replace(self._credentials, name=name, invite=None)
        if conversation.welcome.token:  # else the server remembers no device, and wants the password again
            credentials = replace(credentials, token=conversation.welcome.token, account_password=None)
        return credentials

    def _may_come_by_token(self, setback: Setback) -> bool:
        """Whether to come back by the token alone. The account may have another name since, by another device, and its
        old name may be somebody else's."""
        before, error = self._conversation.welcome, setback.error
        if self._refused_name is not None or not self._entered or before is None:
            return False
        if not (before.account and before.token and isinstance(error, NotAdmitted) and error.code in _OF_ANOTHER):
            return False
        self._refused_name = setback
        return True

    def _check_same_account(self, welcome: Welcome) -> None:
        """Raise the refusal of our name, if our token led to another account: the server does not know it any more."""
        refusal, self._refused_name = self._refused_name, None
        before = self._conversation.welcome
        if refusal is None or before is None:
            return
        if (welcome.epoch, welcome.account) != (before.epoch, before.account):
            raise refusal

    def _remember(self) -> None:
        """Store the name, its token and the password, when one of them is new. A failure does not end the chat; the
        next event tries again."""
        welcome, name = self._conversation.welcome, self._conversation.name
        if self._credentials.remember and not self._trust.contact.temporary:
            with contextlib.suppress(ChatError):
                self._identities.keep_password(self.address.url, self._credentials.password)
                self._credentials = replace(self._credentials, remember=False)
        if welcome is None or not welcome.token or self._known_as == (name, welcome.token):
            return
        with contextlib.suppress(ChatError):
            self._identities.remember(self.address.url, name, welcome.token)
            self._known_as = name, welcome.token

    async def _exchange(self, wire: Wire, step: Step) -> str:
        """Send and receive until the connection ends. Returns the reason for the end, as a sentence."""
        reason = f"The connection was lost: nothing arrived for {self._options.timeouts.keepalive:g} seconds."
        async with trio.open_nursery() as nursery:
            self._carry_out(step, 0, nursery)
            nursery.start_soon(self._send, wire)
            nursery.start_soon(self._keep_alive, wire, nursery)
            nursery.start_soon(self._calm_down)
            nursery.start_soon(self._watch_anew, nursery.cancel_scope)
            reason = await self._receive(wire, nursery)
            nursery.cancel_scope.cancel()
        return "A new connection was asked for." if self._anew.is_set() else reason

    async def _watch_anew(self, connection: trio.CancelScope) -> None:
        await self._anew.wait()
        connection.cancel()

    async def _send(self, wire: Wire) -> None:
        while True:
            frame = self._conversation.next_frame()
            if frame is None:
                self._wake = trio.Event()
                await self._wake.wait()
                continue
            try:
                await wire.send(frame)
            except ConnectionLost:
                return  # the receiving task reads everything that arrived before, then ends the connection

    async def _receive(self, wire: Wire, nursery: trio.Nursery) -> str:
        while True:
            try:
                data = await wire.receive()
                event = in_local_time(read_event(data))
            except ConnectionLost as lost:
                if self._over:
                    await trio.sleep_forever()  # aclose is still closing the connection, and then cancels this
                return str(lost)
            except msgspec.DecodeError as error:
                return f"The connection was closed here: the server sent something that is not an event ({error})."
            if event is None:
                continue
            conversation = self._conversation
            if isinstance(event, BadFrame):
                step = conversation.take_bad(event, len(data))
            else:
                step = conversation.take(event, len(data))
            self._carry_out(step, len(data), nursery)
            self._remember()
            if self._mailbox.full:
                wire.pause()
                await self._mailbox.wait_room()
                wire.go_on()

    def _carry_out(self, step: Step, size: int, nursery: trio.Nursery) -> None:
        for request_id, answer in step.answers.items():
            waiter = self._waiters.get(request_id)
            if waiter is not None:
                waiter.answer = answer
                waiter.answered.set()
        if self._options.listen:
            self._mailbox.put(step.events, size)
        for room in step.stalled:
            nursery.start_soon(self._ask_later, self._conversation.ask_again, room)
        for request_id in step.early:
            nursery.start_soon(self._ask_later, self._conversation.try_again, request_id)
        self._wake.set()
        self._wake_drained()

    async def _calm_down(self) -> None:
        await trio.sleep(PATIENCE * ASK_AGAIN)
        self._conversation.calm_down()

    async def _ask_later(self, ask: Callable[[str], None], subject: str) -> None:
        await trio.sleep(ASK_AGAIN)
        ask(subject)
        self._wake.set()

    async def _keep_alive(self, wire: Wire, nursery: trio.Nursery) -> None:
        """Ping regularly. When nothing arrives for a whole interval after a ping, the connection is dead."""
        answered = trio.Event()
        answered.set()
        while True:
            if answered.is_set():
                answered = trio.Event()
                nursery.start_soon(self._ping, wire, answered)
            asked_at = trio.current_time()
            await trio.sleep(self._options.timeouts.keepalive)
            if not answered.is_set() and wire.is_silent_since(asked_at):
                nursery.cancel_scope.cancel()

    async def _ping(self, wire: Wire, answered: trio.Event) -> None:
        """Ping once. It has a task of its own, cancelled only with the connection, since half a frame may be sent."""
        try:
            self.latency = await wire.ping()
        except ConnectionLost:
            return
        answered.set()

    # ---- the end, for now or for good -----------------------------------------------------------

    def _lose(self) -> Closing | None:
        """Note that the connection is gone. Returns the server's ``closing``, when it sent one."""
        self._wire = None
        closing = self._conversation.closing
        for request_id in self._conversation.lose().answers:
            waiter = self._waiters.get(request_id)
            if waiter is not None:
                waiter.answered.set()
        return closing

    def _may_retry(self, setback: Setback) -> bool:
        return setback.again and (self._options.reconnection.reconnect if self._entered else self._options.wait)

    def _may_come_back(self, closing: Closing | None, reason: str) -> bool:
        """Whether to reconnect; if not, the chat is over."""
        if self._over:
            return False
        if closing is not None and (closing.retry is None or not self._options.reconnection.reconnect):
            self._end(closing)
        elif not self._options.reconnection.reconnect:
            self._end(ConnectionClosed(reason))
        else:
            return True
        return False

    def _fail(self, error: ChatError) -> None:
        """End the chat because it cannot connect any more."""
        if not self._entered:
            self._failure = error
        self._end(error)

    def _announce(self, reason: str, delay: float, tries: int, error: ChatError | None) -> None:
        """Tell the application that there is no connection now."""
        if self._entered:
            event: ChatEvent = Disconnected(reason=reason, retry_in=delay, attempt=tries)
            if self._options.listen:
                self._mailbox.put([event])
        elif self._options.reconnection.waiting is not None and error is not None:
            self._options.reconnection.waiting(error, delay)

    def _end(self, ended: Closing | ChatError | None) -> None:
        """End the chat for good, and wake all tasks that wait for a reply."""
        self._over = True
        self._wire = None
        if self.ended is None:
            self.ended = ended
        self._mailbox.close()
        for waiter in self._waiters.values():
            waiter.answered.set()
        self._wake_drained()
        self._connected_anew.unpark_all()

"""People in a broker, by their names: a hub model that stores each step at once and checks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.broker.hub_model import HubModel
from trio_chat.broker import BrokerSettings
from trio_chat.broker.effects import Effect, Recall, Seek
from trio_chat.protocol import requests
from trio_chat.protocol.events import Error, Event, Ok
from trio_chat.protocol.names import LOBBY
from trio_chat.protocol.requests import Hello, Send

if TYPE_CHECKING:
    from trio_chat.protocol.requests import AnyRequest

EXAMPLES: dict[type[requests.Request], AnyRequest] = {
    requests.Hello: Hello(id="q", name="zoe"),
    requests.Send: Send(id="q", room="#ops", text="hello"),
    requests.Edit: requests.Edit(id="q", room="#ops", target=2, text="better"),
    requests.Delete: requests.Delete(id="q", room="#ops", target=2),
    requests.React: requests.React(id="q", room="#ops", target=2, mark="+1"),
    requests.Join: requests.Join(id="q", room="#new"),
    requests.Leave: requests.Leave(id="q", room="#ops"),
    requests.Topic: requests.Topic(id="q", room="#ops", text="tea"),
    requests.Rooms: requests.Rooms(id="q"),
    requests.Who: requests.Who(id="q", room="#ops"),
    requests.Nick: requests.Nick(id="q", name="zoe"),
    requests.Away: requests.Away(id="q", text="lunch"),
    requests.Typing: requests.Typing(id="q", room="#ops"),
    requests.Read: requests.Read(id="q", room="#ops", seq=1),
    requests.Received: requests.Received(id="q", room="#ops", seq=1),
    requests.History: requests.History(id="q", room="#ops"),
    requests.Search: requests.Search(id="q", words=("hello",)),
    requests.SetPassword: requests.SetPassword(id="q", password="long enough"),
    requests.Devices: requests.Devices(id="q"),
    requests.Revoke: requests.Revoke(id="q", device=1),
    requests.Invite: requests.Invite(id="q", room="#ops", name="cyd"),
    requests.MakeInvite: requests.MakeInvite(id="q", room="#ops", uses=2, seconds=60.0),
    requests.Configure: requests.Configure(id="q", room="#ops", slow=5.0),
    requests.SetRole: requests.SetRole(id="q", room="#ops", name="bob", role="moderator"),
    requests.Kick: requests.Kick(id="q", room="#ops", name="bob"),
    requests.Ban: requests.Ban(id="q", room="#ops", name="bob"),
    requests.Unban: requests.Unban(id="q", room="#ops", network="192.0.2.7"),
    requests.Bans: requests.Bans(id="q", room="#ops"),
    requests.Mute: requests.Mute(id="q", room="#ops", name="bob"),
    requests.Ping: requests.Ping(id="q"),
}
"""One of each request, as somebody in ``#ops`` may ask it."""


class Crowd(HubModel):
    """Some people who said hello, each from one session, and have heard all that this caused.

    Every method that lets something happen also stores it, carries it out and checks the whole.
    """

    def __init__(self, *names: str, **settings: Any) -> None:
        super().__init__(BrokerSettings(**settings))
        self.who: dict[str, int] = {}
        self._read: dict[int, int] = {}
        self._requests = 0
        for name in names:
            self.come(name)
        self.all_read()

    def come(self, name: str | None, label: str | None = None, address: str = "192.0.2.1", **hello: Any) -> int:
        """Somebody connects and says hello. Known by ``label`` from then on, or by the name."""
        session = self.connect(address=address)
        self.who[label or name or str(session)] = session
        self.do(session, Hello(id=f"hello-{session}", name=name, password=self.broker.settings.password, **hello))
        return session

    def go(self, who: str) -> None:
        """A connection ends."""
        self.close(self.who.pop(who))
        self.step()

    def back(self, who: str, label: str | None = None, **hello: Any) -> int:
        """A person connects with the token that they once got; ``who`` is the name that it is for."""
        account = self.holder(who)
        token = next(token for token, holder in self.holders.items() if holder == account)
        return self.come(who, label, token=token, **hello)

    def waiting(self) -> list[Effect]:
        """The effects that are decided and not carried out yet."""
        return [effect for turn in self.batch for effect in turn.effects]

    def step(self) -> None:
        """Store and carry out the open batch, and check the whole."""
        self.check()
        self.commit()
        self.check()

    def do(self, who: str | int, request: AnyRequest) -> Event | Recall | Seek:
        """Ask something and see it through. Returns the answer."""
        answer = self.ask(self.session(who), request)
        assert answer is not None, f"{who} is gone"
        self.step()
        return answer

    def refused(self, who: str | int, request: AnyRequest) -> Error:
        """Ask something that is refused, which nobody else may notice. Returns the refusal."""
        before = {session: len(inbox) for session, inbox in self.inboxes.items()}
        answer = self.do(who, request)
        assert isinstance(answer, Error), f"{request} was not refused: {answer}"
        for session, inbox in self.inboxes.items():
            heard = inbox[before.get(session, 0) :]
            assert heard == ([answer] if session == self.session(who) else []), "a refusal was heard by others"
        return answer

    def say(self, who: str | int, text: str, *to: str, room: str = LOBBY) -> Ok:
        """Say something to a room or, where ``to`` is given, to people."""
        self._requests += 1
        request_id = f"m{self._requests}"
        request = Send(id=request_id, text=text, to=to) if to else Send(id=request_id, text=text, room=room)
        answer = self.do(who, request)
        assert isinstance(answer, Ok), f"not said: {answer}"
        return answer

    def enter(self, room: str, *people: str | int) -> None:
        """Some people enter a room, one after the other."""
        for one in people:
            self.do(one, requests.Join(id="join", room=room))

    def news(self, who: str | int) -> list[Event]:
        """The events that a person got since they last looked."""
        session = self.session(who)
        inbox, seen = self.inboxes[session], self._read.get(session, 0)
        self._read[session] = len(inbox)
        return inbox[seen:]

    def all_read(self) -> None:
        """Everybody has looked: later events are news."""
        for session in self.inboxes:
            self.news(session)

    def news_of(self, who: str | int, *kinds: type[Event]) -> list[Event]:
        """As :meth:`news`, of these kinds only; the others are passed over."""
        return [event for event in self.news(who) if isinstance(event, kinds)]

    def session(self, who: str | int) -> int:
        """Somebody's session."""
        return who if isinstance(who, int) else self.who[who]

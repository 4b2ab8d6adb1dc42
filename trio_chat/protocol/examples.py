"""One example of each request, event and part, for the reference and the tests."""

from __future__ import annotations

from typing import Final

import msgspec

from trio_chat.errors import refuse
from trio_chat.protocol import events, parts, requests
from trio_chat.protocol.files import with_file_lines
from trio_chat.protocol.names import LOBBY
from trio_chat.version import __version__

_TIME: Final = "2026-01-31T12:00:00.000Z"
_WRONG: Final = refuse("unknown_person", name="bbo", near=" Did you mean bob?", done="sent")
_STOP: Final = refuse("shutting_down")

_LOBBY: Final = events.RoomInfo(name=LOBBY, topic="Tea at four", count=3, last=41, read=38)
_DEVICE: Final = parts.DeviceInfo(
    id=3, client=f"trio-chat {__version__}", created="2026-01-02T08:00:00.000Z", seen=_TIME, current=True
)
_BAN: Final = parts.BanInfo(
    by="ada", time=_TIME, name="mallory", id=9, by_id=1, until="2026-01-31T14:00:00.000Z", reason="enough"
)
_OPS: Final = events.RoomInfo(name="#ops", count=1, first=1, last=0, role="owner")
_DIRECT: Final = events.RoomInfo(
    name="@ada+bob", direct=True, count=2, members=("ada", "bob"), member_ids=(1, 2), last=7, mentions=1
)
_LINE: Final = events.RoomLine(name="#ops", topic="Who is on call", count=2, joined=True)
_REMOVAL: Final = parts.Removal(room="#ops", by="bob", by_id=2, reason="take a walk")
_PERSON: Final = events.PersonInfo(name="bob", id=2, away="lunch", since="2026-01-31T09:12:30.250Z")
_FILE: Final = parts.FileInfo(
    id="pXq2mT0c8yYkUo3sJr5WdA",
    name="disks.png",
    size=48_713,
    sha256="9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    kind="image/png",
    width=1280,
    height=720,
)
_FILE_LIMITS: Final = parts.FileLimits(size=104_857_600, quota=1_073_741_824, used=48_713)
_LIMITS: Final = events.Limits(text=8000, frame=65536, to=20)
_MESSAGE: Final = events.Message(
    room="#ops",
    seq=42,
    time=_TIME,
    sender="ada",
    sender_id=1,
    text=with_file_lines("The disk is full again. @bob, can you look?", (_FILE,)),
    files=(_FILE,),
    mentions=(2,),
    cid="a1-7",
    sent="2026-01-31T13:00:00.004+01:00",
)

REQUESTS: Final[tuple[requests.Request, ...]] = (
    requests.Hello(id="1", name="ada", password="correct horse", client="my-bot/1.0"),  # noqa: S106 - for show
    requests.Send(
        id="a1-7",
        text="The disk is full again. @bob, can you look?",
        room="#ops",
        sent="2026-01-31T13:00:00.004+01:00",
        files=(_FILE.id,),
    ),
    requests.Edit(id="16", room="#ops", target=42, text="The disk is full again, this time on both."),
    requests.Delete(id="17", room="#ops", target=42),
    requests.React(id="18", room="#ops", target=42, mark="👍"),
    requests.Join(id="3", room="#ops"),
    requests.Leave(id="4", room="#ops"),
    requests.Topic(id="5", room="#ops", text="Who is on call"),
    requests.Rooms(id="6"),
    requests.Who(id="7", room="#ops"),
    requests.Nick(id="8", name="ada_l"),
    requests.Away(id="9", text="lunch"),
    requests.Typing(id="10", room="#ops"),
    requests.Read(id="11", room="#ops", seq=42),
    requests.Received(id="12", room="@ada+bob", seq=7),
    requests.History(id="13", room="#ops", after=40, limit=50),
    requests.Search(id="19", words=("disk", "full"), room="#ops", sender="ada", after="2026-01-01T00:00:00Z"),
    requests.SetPassword(id="20", password="correct horse battery"),  # noqa: S106 - for show
    requests.Devices(id="21"),
    requests.Revoke(id="22", device=2),
    requests.Invite(id="23", room="#plans", name="bob"),
    requests.MakeInvite(id="31", room="#plans", uses=5, seconds=604800.0),
    requests.Configure(id="24", room="#plans", private=True, slow=10.0),
    requests.SetRole(id="25", room="#ops", name="bob", role="moderator"),
    requests.Kick(id="26", room="#ops", name="mallory", reason="take a walk"),
    requests.Ban(id="27", room="#ops", name="mallory", seconds=7200.0, reason="enough"),
    requests.Unban(id="28", room="#ops", name="mallory"),
    requests.Bans(id="29", room="#ops"),
    requests.Mute(id="30", room="#ops", name="mallory", seconds=600.0),
    requests.Ping(id="14"),
)
"""One of each of :data:`trio_chat.protocol.requests.REQUESTS`."""

EVENTS: Final[tuple[events.Event, ...]] = (
    events.Welcome(
        id="1",
        name="ada",
        token="tUq0rLr2...",  # noqa: S106 - for show
        epoch="6f1c",
        rooms=(_LOBBY,),
        lobby=LOBBY,
        limits=_LIMITS,
        time=_TIME,
        server=f"trio-chat {__version__}",
        owned=True,
        account=1,
        reads_begin=True,
        files=_FILE_LIMITS,
    ),
    events.Ok(id="a1-7", room="#ops", seq=42, time=_TIME),
    events.Error(id="15", code=_WRONG.code, message=_WRONG.message, advice=_WRONG.advice),
    events.Room(id="3", room=_OPS),
    events.RoomList(id="6", rooms=(_LINE,)),
    events.People(id="7", room="#ops", people=(_PERSON,)),
    events.Page(
        id="13",
        room="#ops",
        events=(msgspec.Raw(msgspec.json.encode(_MESSAGE)),),
        more=False,
        first=1,
        names={1: "ada_l"},
    ),
    events.Found(id="19", events=(msgspec.Raw(msgspec.json.encode(_MESSAGE)),), cursor=1042, names={1: "ada_l"}),
    events.DeviceList(id="21", devices=(_DEVICE,)),
    events.BanList(id="29", room="#ops", bans=(_BAN,)),
    events.InviteMade(
        id="31",
        number=4,
        secret="bjfZmRs3dYaOvCSTCHAksQ",  # noqa: S106 - for show
        identity="Kn8PQwauGWYm2XT2PO0Mgt6J13altLK6ldPTvJV_1Ww",
        uses=5,
        until="2026-02-07T12:00:00.000Z",
        room="#plans",
    ),
    events.Pong(id="14", time=_TIME),
    _MESSAGE,
    events.Edited(
        room="#ops", seq=44, time=_TIME, sender="ada", sender_id=1, target=42, text="The disk is full again, on both."
    ),
    events.Deleted(room="#ops", seq=45, time=_TIME, sender="ada", sender_id=1, target=42),
    events.Reacted(room="#ops", seq=46, time=_TIME, sender="bob", sender_id=2, target=42, mark="👍"),
    events.Moderated(
        room="#ops",
        seq=47,
        time=_TIME,
        sender="ada",
        sender_id=1,
        action="ban",
        target="mallory",
        target_id=9,
        reason="enough",
        until="2026-01-31T14:00:00.000Z",
    ),
    events.TopicChanged(room="#ops", seq=43, time=_TIME, sender="ada", sender_id=1, text="Who is on call"),
    events.Left(room="#ops"),
    events.Presence(
        room=LOBBY, count=4, joined=("eve",), left=("bob",), joined_ids=(3,), left_ids=(2,), left_how=("quit",)
    ),
    events.Renamed(old="ada", new="ada_l", id=1),
    events.AwayChanged(name="bob", text="lunch", id=2),
    events.TypingNotice(room="#ops", name="bob", id=2),
    events.ReadUpTo(room="#ops", seq=42),
    events.Delivered(room="@ada+bob", seq=7, by="bob", by_id=2),
    events.Invited(room="#plans", by="ada", by_id=1),
    events.Closing(code=_STOP.code, message=_STOP.message, advice=_STOP.advice, retry=2.0),
)
"""One of each of :data:`trio_chat.protocol.events.EVENTS`."""

PARTS: Final[tuple[msgspec.Struct, ...]] = (
    _DIRECT,
    _LINE,
    _PERSON,
    _LIMITS,
    _FILE,
    _FILE_LIMITS,
    _DEVICE,
    _BAN,
    _REMOVAL,
)
"""One of each struct that is part of an event and has no ``type`` of its own."""

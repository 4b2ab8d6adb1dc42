"""The commands that send a message: /msg, /me and /say. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from trio_chat.protocol.names import EVERYONE
from trio_chat.protocol.text import quoted
from trio_chat.ui.actions.actions import OpenConversation, SendRoom, SendTo
from trio_chat.ui.commands.command import WHICH_PERSON, ChatCommand, Reading, Unfinished, person_name

if TYPE_CHECKING:
    from trio_chat.ui.model.place import Place


def _msg(argument: str, place: Place) -> Reading:
    whom, _, text = argument.partition(" ") if " " in argument else argument.partition("\n")
    names = tuple(dict.fromkeys(name for word in whom.split(",") if (name := word.strip().removeprefix("@"))))
    if not names:
        return "Who should get the message?"
    if not text.strip():
        return Unfinished(f"There is no text for {', '.join(quoted(name)[1:-1] for name in names)}.", names)
    if names[0].casefold() == EVERYONE and len(names) == 1:
        return SendRoom(room=place.lobby, text=text.strip())
    return SendTo(to=names, text=text.strip())


def _query(argument: str, place: Place) -> Reading:  # noqa: ARG001 - the table's signature
    name, *text = argument.split(maxsplit=1)[:2] or [""]
    if not name or "," in name:
        return WHICH_PERSON if not name else "One person only; /msg writes to several."
    return OpenConversation(person_name(name), text[0] if text else "")


def _me(argument: str, place: Place) -> Reading:
    return SendRoom(room=place.room, text=argument, kind="action") if argument else "What do you do?"


def _say(argument: str, place: Place) -> Reading:
    return SendRoom(room=place.room, text=argument) if argument else "There is no text."


COMMANDS: Final[tuple[ChatCommand, ...]] = (
    ChatCommand(
        "msg",
        "USER[,USER] TEXT",
        "send a private message to one or more people",
        "Separate several names with commas, without spaces. “@bob: text” and “text @bob @eve” do the same. A check "
        "mark (✓) shows that the message has arrived.",
        "/msg bob lunch?",
        _msg,
        ("people", "text"),
        ("tell", "w"),
    ),
    ChatCommand(
        "query",
        "NAME [TEXT]",
        "go to the conversation with a person",
        "What you type next goes to this person only. A text is sent first, which begins a conversation if there is "
        "none. /join #ROOM goes back to a room.",
        "/query bob",
        _query,
        ("people", "text"),
    ),
    ChatCommand(
        "me",
        "TEXT",
        "say what you are doing",
        "The others read a sentence about you: * ada waves.",
        "/me waves",
        _me,
        ("text",),
    ),
    ChatCommand(
        "say",
        "TEXT",
        "send a text exactly as typed",
        "For a text that would mean something else: it begins with a slash or @, or ends with an @name.",
        "/say @bob is here",
        _say,
        ("text",),
    ),
)
"""The rows of the table."""

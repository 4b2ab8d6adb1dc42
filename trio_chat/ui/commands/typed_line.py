"""A typed line, parsed once: where it goes, and what Enter does with it. Pure.

Both interfaces keep a :class:`LineReader` beside the input. The prompt's preview ("→ bob (private)") and the decision
at Enter come from the same :class:`TypedLine`, so they cannot differ. What a line means depends on the place as well
(the current room, the people), which may change after the line was parsed; so the place is an argument.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import NamedTuple

from trio_chat.errors import Refusal
from trio_chat.protocol import addressing
from trio_chat.protocol.events import Error
from trio_chat.protocol.names import EVERYONE, check_name, fold_name
from trio_chat.protocol.text import clean_line
from trio_chat.ui.actions.actions import OpenConversation, SendRoom, SendTo
from trio_chat.ui.actions.messages import EditMessage, ReplyToMessage
from trio_chat.ui.commands.aliases import expand
from trio_chat.ui.commands.command import Meaning
from trio_chat.ui.commands.table import find, unknown_command
from trio_chat.ui.model.place import Place


class Destination(NamedTuple):
    """Where a line goes: to ``people`` privately, or to a ``room``.

    ``otherwise`` is the room that it goes to when nobody has one of the people's names; empty for none. ``refused``
    says why Enter would send nothing whatever the server knows; empty when nothing is wrong.
    """

    room: str
    people: tuple[str, ...] = ()
    otherwise: str = ""
    refused: str = ""


class LineDecision(NamedTuple):
    """The effect of Enter on a line, and the place that the line goes to."""

    meaning: Meaning | None
    destination: Destination


@dataclass(frozen=True, slots=True)
class TypedLine:
    """A line of the input, or a text of several lines.

    ``text`` is what was typed, ``form`` what it was parsed to. With ``unknown_recipients="public"`` a text that ends
    with names goes to the current room, names and all, when nobody has one of the names.
    """

    text: str
    form: addressing.ParsedLine
    unknown_recipients: str = "error"

    @property
    def command(self) -> addressing.Command | None:
        """The command that the line begins with; ``None`` for any other line."""
        return self.form if isinstance(self.form, addressing.Command) else None

    def meaning(self, place: Place) -> Meaning | None:
        """The effect of Enter on the line now; ``None`` for nothing but spaces."""
        return self.decide(place).meaning

    def destination(self, place: Place) -> Destination:
        """Where Enter would send the line now: the current room for a line that sends nothing."""
        return self.decide(place).destination

    def decide(self, place: Place) -> LineDecision:
        """Decide the effect of Enter on the line now, and the place that the line goes to."""
        meaning, named = self._read(place)
        match meaning:
            case SendTo(to=people):
                pass
            case OpenConversation(name=name):
                people = (name,)
            case _:
                people = named
        if people and (no := _no_name(people)):
            if not (isinstance(meaning, SendTo) and meaning.otherwise is not None):
                return LineDecision(_nobody(no), Destination(place.room, people, refused=_lower(no)))
            meaning = meaning.otherwise
        match meaning:
            case SendRoom(room=room):
                return LineDecision(meaning, Destination(room))
            case SendTo(to=to, otherwise=otherwise):
                return LineDecision(
                    meaning, Destination(place.room, to, otherwise.room if otherwise is not None else "")
                )
        if isinstance(self.form, addressing.Malformed) and self.form.wrong:
            return LineDecision(meaning, Destination(place.room, refused=_lower(self.form.why)))
        if len(people) == 1 and people[0].casefold() == EVERYONE:
            return LineDecision(meaning, Destination(place.lobby))
        return LineDecision(meaning, Destination(place.room, people))

    def typing_room(self, place: Place) -> str | None:
        """The room whose members may see that this line is being typed.

        ``None`` for a command, for a line that may become private yet, while the person changes rooms, and where no
        conversation with those people exists.
        """
        if place.bound_for:
            return None
        match self.form:
            case addressing.Say(text=text) if text.startswith("@") and len(text.split()) == 1:
                return None  # the beginning of a name
            case addressing.Say():
                return place.room
            case addressing.ToLobby():
                return place.lobby
            case addressing.Direct(to=to):
                return place.find_direct("@" + "+".join(to))
            case _:
                return None

    def message_text(self, place: Place) -> str:
        """The text that the line puts into a message, as far as it is known; empty for a line that says nothing."""
        if isinstance(self.form, addressing.Malformed):
            return self.text
        match self.decide(place).meaning:
            case (
                SendRoom(text=text)
                | SendTo(text=text)
                | OpenConversation(text=text)
                | ReplyToMessage(text=text)
                | EditMessage(text=text)
            ):
                return text
            case _:
                return ""

    def _read(self, place: Place) -> tuple[Meaning | None, tuple[str, ...]]:
        """The request in the line, and the people whom an unfinished line names so far."""
        match self.form:
            case addressing.Say(text=text):
                return SendRoom(room=place.room, text=text), ()
            case addressing.ToLobby(text=text):
                return SendRoom(room=place.lobby, text=text), ()
            case addressing.Direct(to=to, text=text, whole=whole):
                public = bool(whole) and self.unknown_recipients == "public"
                return SendTo(to, text, SendRoom(place.room, whole) if public else None), ()
            case addressing.Malformed(why=why, help=advice, to=to):
                return Error(code="malformed", message=why, advice=advice), to
            case addressing.Command(name=name, argument=argument):
                command = find(name)
                if command is None:
                    return unknown_command(name), ()
                return command.decide(argument.strip(), place)
            case addressing.Empty():
                return None, ()


def _no_name(people: Iterable[str]) -> str:
    """The sentence about the first of these names that nobody can have; empty when there is none."""
    for name in people:
        checked = check_name(name)
        if isinstance(checked, Refusal) and name.casefold() != EVERYONE:
            return f"Nobody is called {name}" if checked.code == "name_reserved" else checked.message.rstrip(".")
    return ""


def _nobody(why: str) -> Error:
    return Error(code="unknown_person", message=f"{why}.", advice="Nothing was sent.")


def _lower(sentence: str) -> str:
    """A sentence as a part of another one, without its full stop."""
    return f"{sentence[:1].lower()}{sentence[1:]}".rstrip(".")


def describe_destination(line: TypedLine, place: Place, present: AbstractSet[str] | None = None) -> tuple[str, bool]:
    """Say where Enter would send a line: ``#lobby``, ``bob, eve (private)``, ``everyone``, and ``#ops ...`` while the
    room is being entered.

    ``present`` are the names of all people on the server, in any case; ``None`` while they are not known. Also returns
    whether Enter is sure to send nothing, because nobody has one of the names.
    """
    room, people, otherwise, refused = line.destination(place)
    if refused:
        return refused, True
    known = None if present is None else set(map(fold_name, present))
    strangers = [name for name in people if known is not None and fold_name(name) not in known]
    if strangers and not otherwise:
        return f"nobody is called {', '.join(strangers)}", True
    if people and not strangers:
        return f"{', '.join(people)} (private)", False
    room = otherwise if strangers else room
    moves = place.bound_for != "" and room == place.room
    where = _describe_room(place.bound_for if moves else room, place)
    return (f"{where} ..." if moves else where), False


def _describe_room(room: str, place: Place) -> str:
    if room.startswith("@"):
        return f"{', '.join(map(clean_line, place.members(room))) or clean_line(room)} (private)"
    return "everyone" if room == place.lobby != place.room else clean_line(room)


class LineReader:
    """Parses the input when its text changes, and gives the parsed line to all who ask for it.

    ``prepare`` changes a text before it is parsed, for example emoji names to emoji. ``trailing_names`` as in
    :func:`~trio_chat.protocol.addressing.parse`, ``aliases`` are the short commands, each with the line that it stands
    for.
    """

    def __init__(
        self,
        unknown_recipients: str = "error",
        prepare: Callable[[str], str] = lambda text: text,
        trailing_names: str = "private",
        aliases: Mapping[str, str] | None = None,
    ) -> None:
        self._aliases = aliases or {}
        self._unknown_recipients = unknown_recipients
        self._trailing_names = trailing_names
        self._prepare = prepare
        self._last = self._parse("")

    def __repr__(self) -> str:
        return f"<LineReader at {self._last.text!r}>"

    def read(self, text: str) -> TypedLine:
        """The parsed line; the same object for the same text as the last time."""
        if text != self._last.text:
            self._last = self._parse(text)
        return self._last

    def _parse(self, text: str) -> TypedLine:
        form = addressing.parse(self._prepare(text), self._trailing_names)
        if isinstance(form, addressing.Command) and (stands_for := self._aliases.get(form.name)) is not None:
            form = expand(form, stands_for, self._trailing_names)
        return TypedLine(text, form, self._unknown_recipients)

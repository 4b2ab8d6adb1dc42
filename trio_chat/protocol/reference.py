"""Writes ``docs/reference/protocol.md`` from the structs, the error table and the examples.

``python -m trio_chat.protocol.reference > docs/reference/protocol.md``
"""

from __future__ import annotations

import inspect
import re
import string
import sys
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec
from msgspec import inspect as types

from trio_chat.errors import FAULTS
from trio_chat.protocol import codec, events, examples, names, requests
from trio_chat.protocol.text import MAX_MARKS

COMMAND: Final = "python -m trio_chat.protocol.reference > docs/reference/protocol.md"
"""What brings the page up to date."""

_HEAD: Final = f"""\
# Protocol

<!-- Made by: {COMMAND} -->

What a client and a server say to each other. This page is made from the program itself: the structs that
decode what is sent, and the table of errors.

## The wire

A client opens a WebSocket (RFC 6455) at the path `/` and proposes the subprotocol `{codec.SUBPROTOCOL}`. Each
text message is one JSON object in UTF-8 with a `type`. Binary messages are refused. A field that is
not known is ignored; a field that has its default may be left out, and the server leaves it out.

### Getting in

Credentials come in the headers of the upgrade:

| Header | Holds |
|---|---|
| `Authorization` | `Bearer <server password>`, or `Basic` with `name:password` in Base64 (RFC 7617) |
| `Username` | the name, as percent-encoded UTF-8 |
| `Trio-Chat-Token` | the token of an earlier `welcome`, or one you made to claim the name: it proves that it is yours |

The password in `Bearer` and the token may be percent-encoded too. Where a client cannot set headers, as in a
browser, it sends none of the three, and the first message is a `hello` with the same in its fields. Either way
the answer is `welcome`. Without a name the server makes one up. A connection that holds the token of a name in
use is one more device of that person, and each of them gets everything.

A server that does not let a client in by its headers answers before the upgrade, with a status from the
column HTTP of the [table of errors](#protocol-errors) and the event `error` as a JSON body: 401 for a wrong or missing
password, 409 for a name that is taken, 503 when it is full or shutting down (`Retry-After` says when to come
back). A `hello` that is refused is answered with `error`, and the client may say another.

### Requests and answers

Every request carries an `id` that the client makes up, and its answer (`ok`, `error` or the result) carries it
back. Requests may be sent without waiting for the answers to those before.

A `send` is answered with `ok` when the message is stored, not before. A client that lost its connection before the
answer sends the message again under the same `id`, with `again`: the server looks for it in all that it keeps, and
what was stored already is acknowledged with its place and not stored again. Without `again` the same holds for the
last 512 messages of each person while the server runs, and over a restart for those of them that are among the
last 4096 events stored. Make such ids unique for the person, over restarts of the client too. Other requests that
change something may be sent again too, with `again`: what was done already is acknowledged and not done twice.

### Rooms and their order

Each room has its own sequence: the numbers of its events (`seq`) begin at 1 and have no gaps. Everyone in the room gets
the same events in the same order. Who says something gets it back as an event too, and gets it before the
`ok` to the request.

A direct conversation is a room of its people. Its name begins with `@`; take it as it comes.

A client that comes back sees from `first` and `last` in `welcome` what it missed, and asks for it with
`history` (`after` is the last number it saw). Events below `first` are no longer kept. When `epoch` is another
than before, the server's history began anew, and numbers seen before mean nothing.

Presence, typing and the other notices are about now: they have no number and are not in the history.

### The end

Before the server closes a connection it sends `closing` with the reason, and closes with the code of the column
Close (RFC 6455, section 7.4); without one the code is 1000. `retry`, where it is given, is in how many seconds
to come back; clients wait a little longer, each by chance, so that they do not all come at once.

## Limits

| What | At the most |
|---|---|
| a request, in bytes | {codec.MAX_FRAME}, or what `welcome` says in `limits.frame` |
| a text, in characters | what `welcome` says in `limits.text` |
| people in one `to` | what `welcome` says in `limits.to` |
| a name, in characters | {names.MAX_NAME} |
| combining marks on one character of a text | {MAX_MARKS}; more are removed |

## Names

{names.NAME_RULE} Names are compared by their case-folded form (the profile UsernameCaseMapped of
RFC 8265), and one that looks like another in use is refused (Unicode Technical Standard 39). Nobody can be called
{{reserved}}, nor anything that looks like one of these.

{names.ROOM_RULE} Rooms are written in lower case, and a request
may call one in any case and width, with its `#` or without: `OPS` is `#ops`. Everyone is always in `{names.LOBBY}`.

Texts are cleaned on the server's way in: control characters become visible signs, and characters that
turn the direction of a line or cannot be seen are removed where they do no work.
"""


def page() -> str:
    """The whole page, as Markdown that ends with a newline."""
    parts = [_HEAD.format(reserved=_list(f"`{word}`" for word in sorted(names.RESERVED)))]
    parts += _section("Requests", "What a client may ask.", requests.REQUESTS, examples.REQUESTS)
    parts += _section("Answers", "Each goes to the session that asked.", events.ANSWERS, examples.EVENTS)
    parts += _section("Room events", "The lines of a room's log.", events.ROOM_EVENTS, examples.EVENTS)
    parts += _section("Notices", "What is about now and is not stored.", events.NOTICES, examples.EVENTS)
    kinds = [type(part) for part in examples.PARTS]
    parts += _section("Parts", "Objects that stand inside others; they have no `type`.", kinds, examples.PARTS)
    parts += _errors()
    return "\n".join(parts)


def _section(
    title: str, what: str, kinds: Iterable[type[msgspec.Struct]], shown: Iterable[msgspec.Struct]
) -> Iterator[str]:
    by_kind = {type(example): example for example in shown}
    yield f"({_target(title)})=\n## {title}\n\n{what}\n"
    for kind in kinds:
        yield _struct(kind, by_kind[kind])


def _struct(kind: type[msgspec.Struct], example: msgspec.Struct) -> str:
    """One struct: what it is, its fields, how it looks."""
    info = types.type_info(kind)
    assert isinstance(info, types.StructType)  # noqa: S101 - for the type checker: that is what a Struct's info is
    lines = [f"({_target(kind.__name__)})=\n### {_title(kind)}\n", _prose(inspect.getdoc(kind) or ""), ""]
    fields = sorted(info.fields, key=lambda field: (not field.required, field.name != "id"))
    if fields:
        lines += ["| Field | Type | Default | |", "|---|---|---|---|", *map(_row, fields), ""]
    text = msgspec.json.format(msgspec.json.encode(example), indent=2 if len(fields) > 5 else 0)  # noqa: PLR2004 - fits a line
    return "\n".join([*lines, "```json", text.decode(), "```\n"])


def _title(kind: type[msgspec.Struct]) -> str:
    if issubclass(kind, requests.Request | events.Event):
        return f"`{codec.tag(kind)}`"
    return kind.__name__


def _target(what: str) -> str:
    """A place on the page to link to. Made from class names: the tags of requests and events overlap."""
    return "protocol-" + what.lower().replace(" ", "-")


def _row(field: types.Field) -> str:
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    default = "" if field.required else f"`{msgspec.json.encode(value).decode()}`"
    if default == "`null`":
        default = "none"
    return f"| `{field.encode_name}` | {_words(field.type)} | {default} | {_described(field.type)} |"


def _words(kind: types.Type) -> str:  # noqa: PLR0911 - a table of types reads best as returns
    """A field's type and bounds, for a person."""
    match kind:
        case types.Metadata(type=inner):
            return _words(inner)
        case types.UnionType(types=inner):
            return " or ".join(_words(one) for one in inner if not isinstance(one, types.NoneType))
        case types.StrType(min_length=least, max_length=most):
            return "text" + _bounds(least, most, " characters")
        case types.IntType(ge=least, le=most):
            return "whole number" + _bounds(least, most)
        case types.FloatType(gt=above, ge=least, le=most):
            return "number" + (f" (more than {above:g})" if above is not None else _bounds(least, most))
        case types.BoolType():
            return "`true` or `false`"
        case types.LiteralType(values=values):
            return " or ".join(f'`"{value}"`' for value in sorted(values, key=str))
        case types.VarTupleType(item_type=item):
            return f"array of {_words(item)}"
        case types.DictType(key_type=key, value_type=value):
            return f"object from {_words(key)} to {_words(value)}"
        case types.StructType(cls=cls):
            return f"[{cls.__name__}](#{_target(cls.__name__)})"
        case types.RawType():
            return "[room event](#protocol-room-events)"
    raise TypeError(f"no words for {kind!r}: teach them to this function")


def _bounds(least: float | None, most: float | None, unit: str = "") -> str:
    if most is None:
        return "" if least is None else f" (at least {least}{unit})"
    return f" ({least} to {most}{unit})" if least else f" (at most {most}{unit})"


def _described(kind: types.Type) -> str:
    """What a field's type says of itself."""
    if isinstance(kind, types.Metadata):
        return _code_room_names(str((kind.extra_json_schema or {}).get("description", "")))
    if isinstance(kind, types.UnionType):
        return "".join(map(_described, kind.types))
    return ""


def _errors() -> Iterator[str]:
    yield (
        "(protocol-errors)=\n## Errors\n\n"
        "What `error` and `closing` can say. *HTTP* is the status when it happens before the upgrade, *Close* the\n"
        "WebSocket's close code when the connection ends with it. Words in italics are filled in. A newer server may\n"
        "have codes that are not here: show their `message` and `advice`.\n"
    )
    yield "| Code | What happened | What to do | HTTP | Close |"
    yield "|---|---|---|---|---|"
    for code, fault in FAULTS.items():
        cells = (f"`{code}`", _template(fault.sentence), _template(fault.advice), fault.http or "", fault.close or "")
        yield "| " + " | ".join(map(str, cells)) + " |"
    yield ""


_CODE: Final = re.compile(r'\{"type".*\}|--[a-z-]+|TRIO_CHAT_[A-Z_]+|/[a-z]+(?: \*room\*)?|"[a-z]+"')


def _template(text: str) -> str:
    """A template of the error table with its fields in italics, what is typed as code."""
    filled = "".join(
        literal + (f"*{name}*" if name is not None else "") for literal, name, _, _ in string.Formatter().parse(text)
    )
    # A suggestion begins with its own space, where there is one.
    filled = filled.replace("*near*", " *suggestion*").replace("*rule*", "*The rule for names.*")
    return _CODE.sub(lambda found: "`" + found.group().replace("*", "") + "`", filled)


def _prose(docstring: str) -> str:
    """A docstring's reStructuredText as Markdown."""
    return docstring.replace("``", "`")


def _code_room_names(text: str) -> str:
    return re.sub(r"#\w+|@$|\d{4}-\S+Z", lambda found: f"`{found.group()}`", text)


def _list(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"


if __name__ == "__main__":
    sys.stdout.write(page())

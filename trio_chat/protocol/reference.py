"""Generates ``docs/reference/protocol.md`` from the structs, the error table and the examples.

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
from trio_chat.protocol import codec, events, examples, files, names, proof, requests
from trio_chat.protocol.text import MAX_MARKS

COMMAND: Final = "python -m trio_chat.protocol.reference > docs/reference/protocol.md"
"""The command that generates the page."""

_HEAD: Final = f"""\
# Protocol

<!-- Made by: {COMMAND} -->

The requests and events that clients and servers exchange. This page is generated from the program: from the structs
that decode them, and from the table of errors.

## The wire

A client opens a WebSocket (RFC 6455) at the path `/` and proposes the subprotocol `{codec.SUBPROTOCOL}`. Each
text message is one JSON object in UTF-8 with a `type`. Binary messages are refused. Unknown fields are ignored. A field
that has its default value can be left out; the server leaves it out.

### Signing in

Credentials come in the headers of the upgrade:

| Header | Contains |
|---|---|
| `Authorization` | `Bearer <server password>`, or `Basic` with `name:password` in Base64 (RFC 7617) |
| `Username` | the name, as percent-encoded UTF-8 |
| `Trio-Chat-Token` | the token of an earlier `welcome`, or one that you made; it proves that the name is yours |
| `Trio-Chat-Password` | the password of the account behind the name; it proves the same |
| `Trio-Chat-Invite` | the secret of an invite |

All these values can be percent-encoded, `Bearer` too. A client that cannot set headers, such as one in a browser,
sends none of them. Its first message is a `hello` with the same values in its fields. In both cases the
answer is `welcome`. Without a name, the server makes one. A connection with the token of a name in use is one more
session of that account; each session gets every event.

If the server refuses the headers, it answers before the upgrade, with a status from the column HTTP of the [table of
errors](#protocol-errors) and the event `error` as a JSON body: 401 for a wrong or missing password, 409 for a name that
is taken, 503 if it is full or shutting down (`Retry-After` says when to try again). If it refuses a `hello`, it answers
with `error`, and the client can send another `hello`.

### Which server it is

Every response that accepts an upgrade has `{proof.IDENTITY}`: the server's public key (EC, P-256) as
SubjectPublicKeyInfo in DER, in Base64. Its SHA-256 is the fingerprint of the server. `{proof.TEMPORARY}: 1` says that
the server forgets the key when it stops. Earlier servers (0.1 and 0.2) send neither.

A client that wants a proof before it tells a secret sends `{proof.NONCE}` with the upgrade: {proof.NONCE_SIZE} fresh
random bytes in Base64. It sends no credentials; they follow in `hello`. The response then also has `{proof.PROOF}`:
a signature (ECDSA, SHA-256; in DER, in Base64) over the text `{proof.CONTEXT_SHOWN}`, a zero byte, the nonce, and the
request's `Host` in lower case.

The server signs only for a `Host` that leads to itself, so that a stranger's server cannot pass the question on: the
address and port where the connection arrived, the name in `host` with that port, `localhost` with that port over
loopback, and what `public_host` names. Under another one the response has no `{proof.PROOF}`. A request with the header
`X-Forwarded-For` came through a proxy; for it only `public_host` counts.

### Requests and answers

Every request carries an `id` that the client made, and its answer (`ok`, `error` or the result) carries the `id` back.
A client can send a request without waiting for earlier answers.

The answer to `send` is `ok` once the message is stored, not before. A client that lost its connection before the answer
sends the message again under the same `id`, with `again`. The server looks for the message in the whole log. If it was
stored before, the server acknowledges it with its sequence number, and does not store it again. Without `again`, the
server recognizes the last 64 messages of each account while it runs, and after a restart those of them that are among
the last 4096 stored events. Make ids unique for the account, across restarts of the client too. Other requests that
change something can be sent again with `again` too: the server does them once and acknowledges them.

### Rooms and order

Each room has its own sequence: the numbers of its events (`seq`) start at 1 and have no gaps. Everyone in the room gets
the same events in the same order. The sender of a message gets it as an event too, before the `ok` to the request.

A direct conversation is a room of its people. Its name starts with `@`; do not interpret the rest.

A client that reconnects compares `first` and `last` in `welcome` with the last number it has seen, and asks for the
events that it missed with `history` (`after` is that number). Events below `first` are no longer kept. If `epoch`
differs from before, the server's history started anew, and earlier numbers mean nothing.

Presence, typing and the other notices describe the present: they have no number and are not in the history.

### Closing

Before the server closes a connection, it sends `closing` with the reason. It closes with the code in the column Close
(RFC 6455, section 7.4), or with 1000 if there is none. `retry` is the number of seconds after which to reconnect.
Clients add a random delay, so that they do not all reconnect at once.

## Limits

| What | Limit |
|---|---|
| a request, in bytes | {codec.MAX_FRAME}, or what `welcome` says in `limits.frame` |
| a text, in characters | what `welcome` says in `limits.text` |
| the files of one message | {requests.MAX_FILES}, or what `welcome` says in `files.each` |
| a file, in bytes | what `welcome` says in `files.size`, and the room in `max_file` |
| the name of a file, in bytes of UTF-8 | {files.MAX_FILE_NAME} |
| people in one `to` | what `welcome` says in `limits.to` |
| a name, in characters | {names.MAX_NAME} |
| combining marks on one character of a text | {MAX_MARKS}; more are removed |

## Names

{names.NAME_RULE} Names are compared in their case-folded form (the profile UsernameCaseMapped of
RFC 8265). A name that looks like another name in use is refused (Unicode Technical Standard 39). The names {{reserved}}
are reserved, and so is every name that looks like one of them.

{names.ROOM_RULE} Room names are lower case, but a request can
write them in any case and width, with or without `#`: `OPS` is `#ops`. Everyone is always in `{names.LOBBY}`.

The server cleans every text that it receives: it replaces control characters with visible signs, and removes invisible
characters and characters that change the writing direction, except where they have a purpose.
"""


def page() -> str:
    """The whole page, as Markdown that ends with a newline."""
    parts = [_HEAD.format(reserved=_list(f"`{word}`" for word in sorted(names.RESERVED)))]
    parts += _section("Requests", "Sent by clients.", requests.REQUESTS, examples.REQUESTS)
    parts += _section("Answers", "Sent to the session that made the request.", events.ANSWERS, examples.EVENTS)
    parts += _section("Room events", "The events of a room's log.", events.ROOM_EVENTS, examples.EVENTS)
    parts += _section("Notices", "Events about the present, which are not stored.", events.NOTICES, examples.EVENTS)
    kinds = [type(part) for part in examples.PARTS]
    parts += _section("Parts", "Objects inside requests and events; they have no `type`.", kinds, examples.PARTS)
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
    """Describe one struct: its docstring, its fields, an example."""
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
    """The anchor of a section. It is made from the class name, because requests and events share tags."""
    return "protocol-" + what.lower().replace(" ", "-")


def _row(field: types.Field) -> str:
    value = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    default = "" if field.required else f"`{msgspec.json.encode(value).decode()}`"
    if default == "`null`":
        default = "none"
    return f"| `{field.encode_name}` | {_words(field.type)} | {default} | {_described(field.type)} |"


def _words(kind: types.Type) -> str:  # noqa: PLR0911 - a table of types reads best as returns
    """Describe a field's type and bounds in words."""
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
    raise TypeError(f"no words for {kind!r}: add a case here")


def _bounds(least: float | None, most: float | None, unit: str = "") -> str:
    if most is None:
        return "" if least is None else f" (at least {least}{unit})"
    return f" ({least} to {most}{unit})" if least else f" (at most {most}{unit})"


def _described(kind: types.Type) -> str:
    """The description in a field's type."""
    if isinstance(kind, types.Metadata):
        return _code_room_names(str((kind.extra_json_schema or {}).get("description", "")))
    if isinstance(kind, types.UnionType):
        return "".join(map(_described, kind.types))
    return ""


def _errors() -> Iterator[str]:
    yield (
        "(protocol-errors)=\n## Errors\n\n"
        "The codes of `error` and `closing`. *HTTP* is the status of an answer before the upgrade, and *Close* the\n"
        "WebSocket close code if the error ends the connection. Words in italics stand for values. A newer server may\n"
        "have codes that are not listed here: show their `message` and `advice`.\n"
    )
    yield "| Code | What happened | What to do | HTTP | Close |"
    yield "|---|---|---|---|---|"
    for code, fault in FAULTS.items():
        cells = (f"`{code}`", _template(fault.sentence), _template(fault.advice), fault.http or "", fault.close or "")
        yield "| " + " | ".join(map(str, cells)) + " |"
    yield ""


_CODE: Final = re.compile(r'\{"type".*\}|--[a-z-]+|TRIO_CHAT_[A-Z_]+|/[a-z]+(?: \*room\*)?|"[a-z]+"')


def _template(text: str) -> str:
    """Format a template of the error table, with parameters in italics and typed text as code."""
    filled = "".join(
        literal + (f"*{name}*" if name is not None else "") for literal, name, _, _ in string.Formatter().parse(text)
    )
    # If there is a suggestion, it starts with a space of its own.
    filled = filled.replace("*near*", " *suggestion*").replace("*rule*", "*The rule for names.*")
    return _CODE.sub(lambda found: "`" + found.group().replace("*", "") + "`", filled)


def _prose(docstring: str) -> str:
    """Convert a docstring's reStructuredText to Markdown."""
    return docstring.replace("``", "`")


def _code_room_names(text: str) -> str:
    return re.sub(r"#\w+|@$|\d{4}-\S+Z", lambda found: f"`{found.group()}`", text)


def _list(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}"


if __name__ == "__main__":
    sys.stdout.write(page())

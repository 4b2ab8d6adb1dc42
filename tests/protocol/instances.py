"""Hypothesis strategies for requests and events, made from the definitions of their structs."""

from __future__ import annotations

from functools import partial
from typing import Any, Final

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as types
from msgspec.structs import replace

from trio_chat.protocol import events, parts
from trio_chat.protocol.codec import encode
from trio_chat.protocol.files import clean_file_name

TIMES: Final = (
    "2026-01-31T12:00:00.000Z",
    "2026-02-28T23:59:59.999Z",
    "1971-01-01T00:00:00.000Z",
    "9998-12-31T12:00:00Z",
)
IMPOSSIBLE: Final = (
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59.999-23:59",
    "2026-01-31T12:00:00",
    "soon",
    "\ud7ff",
)
ROOMS: Final = ("#lobby", "#ops", "@ada+bob", "#nowhere")
NAMES: Final = ("ada", "bob", "eve", "Zoë", "\x1b[31m", "")

_TIME: Final = "RFC 3339"
_ROOM: Final = "#lobby, #ops"


def values(kind: types.Type, *, sound: bool) -> st.SearchStrategy[Any]:  # noqa: C901, PLR0911 - a table of types
    """A strategy for the values of a field, made from its msgspec type. Values that are not ``sound`` may be beyond the
    bounds of their type."""
    made = partial(values, sound=sound)
    match kind:
        case types.Metadata(type=inner, extra_json_schema=schema):
            about = (schema or {}).get("description", "")
            if about.startswith(_TIME):
                return st.sampled_from(TIMES if sound else TIMES + IMPOSSIBLE)
            return st.sampled_from(ROOMS) if about.startswith(_ROOM) else made(inner)
        case types.UnionType(types=inner):
            return st.one_of(*map(made, inner))
        case types.NoneType():
            return st.none()
        case types.StrType(min_length=least, max_length=most):
            return st.text(min_size=least or 0, max_size=min(most or 20, 20))
        case types.IntType(ge=least, le=most):
            lowest = least if sound and least is not None else -(2**63)
            highest = most if sound and most is not None else 2**63 - 1
            return st.integers(lowest, highest) | st.integers(max(lowest, 1), 9)
        case types.FloatType(gt=above, ge=least, le=most):
            low = above if least is None else least
            if not sound:
                return st.floats(allow_nan=False, allow_infinity=False)
            return st.floats(low, most, exclude_min=above is not None, allow_nan=False, allow_infinity=False)
        case types.BoolType():
            return st.booleans()
        case types.LiteralType(values=literals):
            return st.sampled_from(literals)
        case types.VarTupleType(item_type=item):
            return st.lists(made(item), max_size=3).map(tuple)
        case types.DictType(key_type=key, value_type=value):
            return st.dictionaries(made(key), made(value), max_size=3)
        case types.RawType():
            lines = (events.Message, events.Edited, events.Deleted, events.Reacted, events.Moderated)
            return st.deferred(lambda: instances(*lines, sound=sound)).map(lambda line: msgspec.Raw(encode(line)))
        case types.StructType(cls=cls):
            return instances(cls, sound=sound)
    raise TypeError(kind)


def instances(*kinds: type[Any], sound: bool = True) -> st.SearchStrategy[Any]:
    """A strategy for requests, events or parts of them. If they are ``sound``, they make sense to a client."""
    return st.one_of(*(_instances(kind, sound=sound) for kind in kinds))


def _instances(kind: type[Any], *, sound: bool) -> st.SearchStrategy[Any]:
    info = types.type_info(kind)
    assert isinstance(info, types.StructType)
    made = st.builds(kind, **{field.name: _field(field, sound=sound) for field in info.fields})
    return made.map(_consistent) if sound else made


def _field(field: types.Field, *, sound: bool) -> st.SearchStrategy[Any]:
    if field.name == "since":
        return st.sampled_from(TIMES if sound else TIMES + IMPOSSIBLE)
    if field.name in {"sender", "name", "by", "old", "new", "target"} and isinstance(field.type, types.StrType):
        return st.sampled_from(NAMES) | st.text(max_size=20)
    return values(field.type, sound=sound)


def _consistent(made: Any) -> Any:
    """The same with parts that belong together."""
    match made:
        case events.RoomInfo():
            last = max(made.last, made.first - 1)
            mentioned = tuple(min(seq, last) for seq in made.mentioned) if last else ()
            ids = (*made.member_ids, 0, 0, 0)[: len(made.members)] if made.member_ids else ()
            return replace(made, last=last, read=min(made.read, last), mentioned=mentioned, member_ids=ids)
        case events.Welcome():
            return replace(made, rooms=(*made.rooms, events.RoomInfo(name=made.lobby)))
        case events.Page():
            return replace(made, last=max(made.last, made.first - 1))
        case events.Presence():
            count, gone = len(made.joined), len(made.left)
            return replace(
                made,
                joined_ids=(*made.joined_ids, 1, 2, 3)[:count],
                joined_roles=(*made.joined_roles, "", "owner", "")[:count],
                left_ids=(*made.left_ids, 1, 2, 3)[:gone],
                left_how=(*made.left_how, "quit", "left", "removed")[:gone],
            )
        case parts.FileInfo():
            kind = "image/png" if made.width and made.height else "text/plain"
            return replace(made, name=clean_file_name(made.name), sha256=f"{made.size:064x}"[-64:], kind=kind)
        case events.Message(sent=sent) if sent is not None:
            return replace(made, sent=TIMES[0])
        case events.Closing(retry=retry) if retry is not None:
            return replace(made, retry=min(abs(retry), 9.0))
        case _:
            return made

"""The page on the client library names everything that is public, and nothing that is not."""

from __future__ import annotations

import dataclasses
import inspect
import re
from pathlib import Path

import trio_chat
from trio_chat.client import (
    Backlog,
    BadEvent,
    Chat,
    Credentials,
    Disconnected,
    Missed,
    Reconnected,
    Reconnection,
    RejoinRefused,
    StreamOptions,
    Timeouts,
    connect,
)
from trio_chat.client.rooms import RoomView

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "client.md").read_text("utf-8")


def test_every_argument_of_connect_has_its_row() -> None:
    section = PAGE.partition("## `connect`")[2].partition("These are groups")[0]
    rows = re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)
    assert sorted(rows) == sorted(set(inspect.signature(connect).parameters) - {"earlier"})


def test_every_field_of_a_group_of_settings_has_its_row() -> None:
    for group in (Credentials, Reconnection, Timeouts, StreamOptions):
        rows = re.findall(
            r"^\| `\.(\w+)` \|", PAGE.partition(f"| `{group.__name__}` |")[2].partition("\n\n")[0], re.MULTILINE
        )
        assert rows == [field.name for field in dataclasses.fields(group)], group


def test_every_public_part_of_a_chat_is_named() -> None:
    named = set(re.findall(r"`(?:await )?chat\.(\w+)", PAGE))
    public = {name for name in vars(Chat) if not name.startswith("_")} | {"url"}
    assert named == public


def test_every_method_is_shown_with_its_arguments() -> None:
    for name, shown in re.findall(r"`await chat\.(\w+)\((.*?)\)`", PAGE):
        parameters = list(inspect.signature(getattr(Chat, name)).parameters)[1:]
        assert re.findall(r"(\w+)(?:=[\w\"()]+)?(?:, |$)", shown) == parameters, name


def test_every_local_event_is_shown_with_its_fields() -> None:
    for kind in (Backlog, BadEvent, Disconnected, Reconnected, Missed, RejoinRefused):
        assert f"`{kind.__name__}({', '.join(kind.__struct_fields__)})`" in PAGE


def test_every_exported_exception_has_its_row() -> None:
    exceptions = {name for name in trio_chat.__all__ if isinstance(getattr(trio_chat, name), type)}
    exceptions = {name for name in exceptions if issubclass(getattr(trio_chat, name), trio_chat.TrioChatError)}
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE.partition("## Exceptions")[2], re.MULTILINE))
    assert rows == exceptions - {"TrioChatError"}


def test_what_is_said_of_rooms_is_there() -> None:
    (row,) = re.findall(r"^\| `chat\.rooms` \|(.*)$", PAGE, re.MULTILINE)
    for name in re.findall(r"`(\w+)`", row):
        assert hasattr(RoomView("#x"), name)

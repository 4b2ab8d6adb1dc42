"""No object's ``repr`` has a secret in it: it would come into logs and crash reports."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

import trio_chat
from trio_chat.protocol.events import Welcome
from trio_chat.protocol.requests import Hello
from trio_chat.secret_fields import SECRET_FIELDS, discreet_repr

SECRETIVE: Final = re.compile(r"password|token|secret|invite|credential|pem$|^headers$", re.IGNORECASE)
"""What the name of a field is like that may hold a secret."""

HARMLESS: Final = frozenset(
    {
        ("ServerConfig", "password_file"),  # a path
        ("ClientConfig", "password_file"),
        ("ServerConfig", "password"),  # masked by the settings' own repr, which tests/test_config.py tests
        ("ClientConfig", "password"),
        ("Option", "secret"),  # whether an option is one
        ("LoginQuestion", "secret"),
        ("Question", "secret"),
        ("Login", "credentials"),  # a class that is here too
        ("Login", "passwords_left"),  # a number
        ("Person", "missed_invites"),  # rooms
        ("Snapshot", "invites"),  # people who are invited to rooms
        ("Snapshot", "invite_links"),  # digests
        ("Snapshot", "next_invite_link"),  # a number
        ("SaveAccount", "invite_link"),  # a number
        ("Person", "invite_link"),  # a number
        ("ChatRoom", "invited"),  # accounts
        ("HttpResponse", "headers"),  # of pages
    }
)
"""Classes and their fields that have such a name and hold no secret."""


def classes() -> Iterator[type]:
    for module in pkgutil.walk_packages(trio_chat.__path__, "trio_chat."):
        if not module.name.endswith("__main__"):
            yield from (
                one
                for one in vars(importlib.import_module(module.name)).values()
                if isinstance(one, type) and one.__module__ == module.name
            )


def shown_fields(one: type) -> list[str]:
    """The fields that the repr of a class shows, as far as the class leaves that to Python or msgspec."""
    if issubclass(one, msgspec.Struct):
        hidden = SECRET_FIELDS if one.__repr__ is discreet_repr else frozenset[str]()
        return [name for name in one.__struct_fields__ if name not in hidden]
    if dataclasses.is_dataclass(one) and "__repr__" in vars(one) and _generated(one):
        return [each.name for each in dataclasses.fields(one) if each.repr]
    return []


def _generated(one: type[Any]) -> bool:
    return "_recursive_repr" in one.__repr__.__qualname__ or hasattr(one.__repr__, "__wrapped__")


def test_every_field_that_may_be_secret_is_left_out() -> None:
    found = {(one.__name__, name) for one in classes() for name in shown_fields(one) if SECRETIVE.search(name)}
    assert found - HARMLESS == set(), "leave it out of the repr, or say here why it is harmless"


def test_a_secret_is_shown_as_dots_and_the_rest_as_it_is() -> None:
    hello = Hello(id="1", name="ada", password="canary-1", token="canary-2", account_password="canary-3", invite="c")
    assert repr(hello) == (
        "Hello(name='ada', password=..., token=..., account_password=..., client='', quiet=False, invite=..., id='1')"
    )
    assert repr(Hello(id="1")).startswith("Hello(name=None, password=None, token=None")


def test_an_event_leaves_out_the_token_too() -> None:
    assert Welcome.__repr__.__name__ == "discreet_repr"


@pytest.mark.parametrize("name", sorted(SECRET_FIELDS))
def test_each_name_of_a_secret_is_hidden(name: str) -> None:
    made = msgspec.defstruct("Made", [(name, str)], namespace={"__repr__": discreet_repr})
    assert repr(made("canary")) == f"Made({name}=...)"

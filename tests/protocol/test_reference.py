"""The protocol page describes the program as it is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from trio_chat.broker.state import SENT_IDS
from trio_chat.errors import FAULTS
from trio_chat.protocol import codec, events, examples, reference, requests
from trio_chat.store.interface import SENT

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "protocol.md"
STRUCTS = [*requests.REQUESTS, *events.EVENTS, *map(type, examples.PARTS)]


def test_the_page_in_the_docs_is_up_to_date() -> None:
    assert PAGE.read_text("utf-8") == reference.page(), f"docs/reference/protocol.md is stale; run: {reference.COMMAND}"


def test_the_command_prints_the_page() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trio_chat.protocol.reference"], capture_output=True, timeout=60, check=True
    )
    assert done.stdout.decode() == reference.page()


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_each_struct_has_a_docstring(kind: type[msgspec.Struct]) -> None:
    assert kind.__doc__
    assert "." in kind.__doc__


def test_there_is_one_example_of_each_struct() -> None:
    assert [type(example) for example in examples.REQUESTS] == list(requests.REQUESTS)
    assert {type(example) for example in examples.EVENTS} == set(events.EVENTS)
    assert len(examples.EVENTS) == len(events.EVENTS)


@pytest.mark.parametrize("example", examples.REQUESTS, ids=lambda example: codec.tag(type(example)))
def test_each_request_example_survives_encoding_and_decoding(example: requests.Request) -> None:
    assert codec.decode_request(codec.encode(example)) == example


@pytest.mark.parametrize("example", examples.EVENTS, ids=lambda example: type(example).__name__)
def test_each_event_example_survives_encoding_and_decoding(example: events.Event) -> None:
    back = codec.decode_event(codec.encode(example))
    assert type(back) is type(example)
    assert codec.encode(back) == codec.encode(example)


def test_each_json_example_decodes_to_the_struct_of_its_heading() -> None:
    blocks = re.findall(r"### `(\w+)`\n.*?```json\n(.*?)```", reference.page(), re.DOTALL)
    assert len(blocks) == len(requests.REQUESTS) + len(events.EVENTS)
    for kind, block in blocks:
        assert msgspec.json.decode(block)["type"] == kind


def test_every_error_is_on_the_page_once() -> None:
    page = reference.page()
    for code in FAULTS:
        assert page.count(f"| `{code}` |") == 1


def test_every_link_on_the_page_has_its_target() -> None:
    page = reference.page()
    for link in re.findall(r"\]\(#([^)]+)\)", page):
        assert page.count(f"({link})=\n") == 1, link


def test_the_page_names_the_numbers_of_ids_that_the_server_remembers() -> None:
    text = " ".join(reference.page().split())
    assert f"last {SENT_IDS} messages of each account while it runs" in text
    assert f"last {SENT} stored events" in text

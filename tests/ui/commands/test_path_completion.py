"""Which path is being typed behind /send and /save, and what Tab puts in."""

from __future__ import annotations

import pytest

from trio_chat.ui.commands.path_completion import FoundName, TypedPath, as_completion, path_at


@pytest.mark.parametrize(
    ("line", "folder", "name"),
    [
        ("/send ", "", ""),
        ("/send bu", "", "bu"),
        ("/send src/ma", "src/", "ma"),
        ("/send /etc/ho", "/etc/", "ho"),
        ("/send ~", "~/", ""),
        ("/send ~/No", "~/", "No"),
        ("/send 'my fo", "", "my fo"),
        ('/send "my folder/a', "my folder/", "a"),
        (r"/send my\ fo", "", "my fo"),
        ("/send a.png b", "", "b"),
        ("/send 'a b.png' ", "", ""),
        ("/save ", "", ""),
        ("/save 2 ~/D", "~/", "D"),
        ("/save #12.2 x/", "x/", ""),
        ("/SEND a", "", "a"),
    ],
)
def test_the_typed_path_is_found(line: str, folder: str, name: str) -> None:
    found = path_at(line, len(line))
    assert found is not None
    assert (found.folder, found.name) == (folder, name)


@pytest.mark.parametrize(
    "line",
    [
        "/send",
        "hello /send a",
        "/send a.png @bo",
        "/send a.png #op",
        "/send a -- b",
        "/save 2 a b",
        "/msg bob a",
        "a",
        "/open x",
    ],
)
def test_other_words_are_no_paths(line: str) -> None:
    assert path_at(line, len(line)) is None


def test_names_become_words_that_name_them() -> None:
    typed = TypedPath(6, 8, "src/", "ma")
    found = as_completion(typed, [FoundName("main.py", is_folder=False)])
    assert (found.candidates, found.after) == (("src/main.py",), " ")
    found = as_completion(typed, [FoundName("make", is_folder=True)])
    assert (found.candidates, found.after) == (("src/make/",), "")
    assert found.shown == ("make/",)


def test_one_name_with_a_space_puts_all_in_quotes() -> None:
    names = [
        FoundName("my file", is_folder=False),
        FoundName("my folder", is_folder=True),
        FoundName("my", is_folder=False),
    ]
    found = as_completion(TypedPath(6, 8, "", "my"), names)
    assert found.candidates == ('"my file"', '"my folder/', '"my"')
    assert found.agreed == '"my'
    assert as_completion(TypedPath(6, 9, "", "my", "'"), names).candidates[0] == "'my file'"

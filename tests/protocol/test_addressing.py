"""Typed lines: each form goes to the right people, and an incomplete form says what is missing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.errors import Refusal
from trio_chat.protocol.addressing import (
    COLON_FORM,
    COMMAND_FORM,
    TRAILING_FORM,
    Command,
    Direct,
    Empty,
    Malformed,
    ParsedLine,
    Say,
    ToLobby,
    find_mentions,
    mentions,
    parse,
)
from trio_chat.protocol.names import check_name, fold_name

names = st.from_regex(r"[a-z]{2,8}[0-9]", fullmatch=True)
words = st.from_regex(r"[a-z]{1,8}", fullmatch=True)
typed = st.lists(
    st.sampled_from(["@", ":", "/", " ", "\n", ",", "@bob", "@ALL", "@a!", "text", "é", "\u0301", "\x1b", "."]),
    max_size=12,
).map("".join)


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("hello", Say("hello")),
        ("  hello \n", Say("hello")),
        ("two\nlines", Say("two\nlines")),
        ("at 10:30", Say("at 10:30")),
        ("ask @bob about it", Say("ask @bob about it")),
        ("@bob hello", Say("@bob hello")),
        ("@bob see http://x", Say("@bob see http://x")),
        ("thanks, @bob.", Say("thanks, @bob.")),
        ("really, @bob?", Say("really, @bob?")),
        ("write to a@example", Say("write to a@example")),
        ("write to @bob@example", Say("write to @bob@example")),
        ("@", Say("@")),
        ("at @", Say("at @")),
        ("to @bob\nand then", Say("to @bob\nand then")),
        ("look @bob and @eve", Say("look @bob and @eve")),
        ("ask @bob about it @sis", Say("ask @bob about it @sis")),
        ("for @dad\n@sis", Say("for @dad\n@sis")),
        ("请@ada看一下 @bob", Say("请@ada看一下 @bob")),
        ("ada: look @bob and @eve", Say("ada: look @bob and @eve")),
        ("//msg bob", Say("/msg bob")),
        ("//", Say("/")),
    ],
)
def test_a_plain_text_goes_to_the_current_room(line: str, parsed: ParsedLine) -> None:
    assert parse(line) == parsed


@pytest.mark.parametrize(
    ("line", "to", "text"),
    [
        ("tea? @sis", ("sis",), "tea?"),
        ("tea? @sis @mom @dad", ("sis", "mom", "dad"), "tea?"),
        ("tea? @sis, @mom", ("sis", "mom"), "tea?"),
        ("tea?   @sis\t@mom  ", ("sis", "mom"), "tea?"),
        ("tea? @Sis @mom @SIS", ("Sis", "mom"), "tea?"),
        ("two\nlines @sis", ("sis",), "two\nlines"),
        ("two\nlines\n@sis @mom", ("sis", "mom"), "two\nlines"),
        ("write to a@example.org @sis", ("sis",), "write to a@example.org"),
        ("lunch @ two @sis", ("sis",), "lunch @ two"),
        ("see https://example.org/@x @sis", ("sis",), "see https://example.org/@x"),
        ("come @here", ("here",), "come"),
        ("lunch at two @owner @sis", ("owner", "sis"), "lunch at two"),
        ("お茶\uff1f \uff20sis", ("sis",), "お茶\uff1f"),
        ("tea? @Ольга @größe", ("Ольга", "größe"), "tea?"),
        ("//msg @sis", ("sis",), "/msg"),
        ("x @user_1.b-c", ("user_1.b-c",), "x"),
    ],
)
def test_names_at_the_end_make_the_line_private(line: str, to: tuple[str, ...], text: str) -> None:
    assert parse(line) == Direct(to, text)


@pytest.mark.parametrize(
    ("line", "to", "text"),
    [
        ("@bob: hi", ("bob",), "hi"),
        ("@bob:hi", ("bob",), "hi"),
        ("@bob : hi", ("bob",), "hi"),
        ("  @bob:   hi  ", ("bob",), "hi"),
        ("@bob @eve: hi", ("bob", "eve"), "hi"),
        ("@bob, @eve: hi", ("bob", "eve"), "hi"),
        ("@bob @BOB: hi", ("bob",), "hi"),
        ("@bob:\ntwo\nlines", ("bob",), "two\nlines"),
        ("@bob: at 10:30", ("bob",), "at 10:30"),
        ("@bob: ask @eve", ("bob",), "ask @eve"),
        ("@\uff22ob: hi", ("Bob",), "hi"),
        ("\uff20bob\uff1a hi", ("bob",), "hi"),
        ("@bob\uff1ahi", ("bob",), "hi"),
        ("@admin: hi", ("admin",), "hi"),
    ],
)
def test_names_before_a_colon_make_the_line_private(line: str, to: tuple[str, ...], text: str) -> None:
    assert parse(line) == Direct(to, text)


@pytest.mark.parametrize("line", ["@ALL: tea", "@all: tea", "@All : tea", "tea @ALL", "tea @all", "tea\n@ALL"])
def test_all_addresses_everyone_in_the_lobby(line: str) -> None:
    assert parse(line) == ToLobby("tea")


@pytest.mark.parametrize(
    ("line", "name", "argument"),
    [
        ("/quit", "quit", ""),
        ("/msg bob hi there", "msg", "bob hi there"),
        ("/MSG  bob", "msg", "bob"),
        ("/topic two\nlines", "topic", "two\nlines"),
        ("/me waves at @bob", "me", "waves at @bob"),
        ("/join #ops", "join", "#ops"),
        ("/usr/bin", "usr/bin", ""),
    ],
)
def test_a_slash_starts_a_command(line: str, name: str, argument: str) -> None:
    assert parse(line) == Command(name, argument)


@pytest.mark.parametrize(
    ("line", "form", "why", "help_"),
    [
        ("@bob:", COLON_FORM, "There is no text for bob.", "@bob: text"),
        ("@bob @eve: ", COLON_FORM, "There is no text for bob, eve.", "@bob @eve: text"),
        ("@: hi", COLON_FORM, "There is no name after the @.", "@bob:"),
        ("@bob @: hi", COLON_FORM, "There is no name after the @.", "@bob:"),
        ("@b!b: hi", COLON_FORM, "'b!b' cannot be a name: it has '!'.", "@bob:"),
        ("@bob@example: hi", COLON_FORM, "'bob@example' cannot be a name: it has '@'.", "@bob:"),
        ("@here:", COLON_FORM, "There is no text for here.", "@here: text"),
        ("@\x1b: hi", COLON_FORM, "'␛' cannot be a name", "@bob:"),
        ("@ALL:", COLON_FORM, "There is no text for everyone.", "@ALL: text"),
        ("@ALL @bob: hi", COLON_FORM, "everyone and some people", "@ALL: text"),
        ("@sis", TRAILING_FORM, "There is no text for sis.", "text @sis"),
        ("@sis @mom", TRAILING_FORM, "There is no text for sis, mom.", "text @sis @mom"),
        ("@ALL", TRAILING_FORM, "There is no text for everyone.", "text @ALL"),
        ("hi @ALL @bob", TRAILING_FORM, "everyone and some people", "text @ALL"),
        ("/", COMMAND_FORM, "There is no command after the slash.", "/help"),
        ("/ quit", COMMAND_FORM, "There is no command after the slash.", "/help"),
    ],
)
def test_an_incomplete_form_says_what_is_missing_and_shows_the_right_form(
    line: str, form: str, why: str, help_: str
) -> None:
    parsed = parse(line)
    assert isinstance(parsed, Malformed)
    assert parsed.form == form
    assert why in parsed.why
    assert help_ in parsed.help
    assert parsed.why.endswith(".")
    assert parsed.help.endswith(".")


@pytest.mark.parametrize("line", ["", " ", "\n", "\t \u3000"])
def test_a_line_of_spaces_is_empty(line: str) -> None:
    assert parse(line) == Empty()


@given(st.one_of(st.text(), typed))
def test_parsing_never_fails(line: str) -> None:
    parsed = parse(line)
    if isinstance(parsed, Say | Direct | ToLobby):
        assert parsed.text
        assert parsed.text == parsed.text.strip()
    if isinstance(parsed, Direct):
        assert parsed.to
    for start, end, name in mentions(line):
        assert line[start + 1 : end] == name


@given(st.lists(words, min_size=1), st.lists(names, min_size=1, max_size=6, unique=True))
def test_both_private_forms_reach_the_same_people(text: list[str], people: list[str]) -> None:
    said, to = " ".join(text), " ".join(f"@{name}" for name in people)
    assert parse(f"{said} {to}") == Direct(tuple(people), said)
    assert parse(f"{to}: {said}") == Direct(tuple(people), said)


@pytest.mark.parametrize(
    "line",
    [
        "@" * 60_000,
        "@a " * 20_000,
        "x" + " @a" * 20_000,
        "@ , " * 20_000 + ":",
        "@a@" * 20_000 + " :",
        "@" + "東" * 60_000,
        "@東" * 20_000,
        "a, " * 20_000,
    ],
)
def test_a_long_hostile_paste_is_parsed_in_one_pass(line: str) -> None:
    parse(line)
    mentions(line)
    find_mentions(line, lambda _name: None)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ask @bob about it", ["bob"]),
        ("@bob, (@eve)!", ["bob", "eve"]),
        ("thanks @bob.", ["bob"]),
        ("is it @bob?", ["bob"]),
        ("@a.b-c_d", ["a.b-c_d"]),
        ("@नमस्ते!", ["नमस्ते"]),
        ("“@Ольга”", ["Ольга"]),
        ("a@example.org", []),
        ("write to é@example", []),
        ("@bob@example.org", []),
        ("https://example.org/@bob", []),
        ("@", []),
        ("@ bob", []),
        ("@...", []),
        ("@ALL and @here", []),
        ("@" + "a" * 33, []),
        ("nobody", []),
    ],
)
def test_mentions_are_names_that_stand_alone(text: str, found: list[str]) -> None:
    assert [name for _, _, name in mentions(text)] == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("ada: ping", ["ada"]),
        ("Ada: ping", ["ada"]),
        ("ada, bob: ping", ["ada", "bob"]),
        ("ada:", ["ada"]),
        ("ada\uff1aping", ["ada"]),
        ("ada:ping", []),
        ("note to ada: ping", []),
        ("yes, ada: ping", ["ada"]),
        ("ping ada", []),
        ("ask @ada about it", ["ada"]),
        ("@adam and @ada2", []),
        ("@ada.", ["ada"]),
        ("done.@ada, -@bob", ["ada", "bob"]),
        ("@ADA", ["ada"]),
        ("@adaさん", ["ada"]),
        ("请@ada看一下", ["ada"]),
        ("请\uff20ada看一下", ["ada"]),
        ("@東京さんと@京都", ["東京"]),
        ("@東京都へ", ["東京都"]),
        ("@ada님 @철수야", ["ada", "철수"]),
        ("@철수야", ["철수"]),
        ("ขอถาม@สมชายครับ", ["สมชาย"]),
        ("@josé", ["jose\u0301"]),
        ("@jose\u0301", ["jose\u0301"]),
        ("@jose", []),
        ("@GRÖSSE", ["größe"]),
        ("@\uff41\uff44\uff41", ["ada"]),
        ("@adaさんは昨日から今日までずっと会議に出ていたそうですから明日また聞いてみてください", ["ada"]),
        ("mail@ada", []),
        ("почта@ada", []),
        ("https://example.org/@ada", []),
        ("@ada@example.org", []),
        ("@bob @ada @bob", ["bob", "ada", "bob"]),
    ],
)
def test_people_are_mentioned_by_their_whole_name_in_every_script(text: str, found: list[str]) -> None:
    people = ["ada", "bob", "東京", "東京都", "철수", "สมชาย", "jose\u0301", "größe"]
    keys = {fold_name(name): name for name in people}
    mentioned = find_mentions(text, keys.get)
    assert [name for _, _, name in mentioned] == found
    for start, end, name in mentioned:
        assert fold_name(text[start:end].lstrip("@\uff20")) == fold_name(name)


def test_only_so_many_parts_of_a_text_are_looked_up() -> None:
    asked: list[str] = []
    assert find_mentions("@a @b @c", asked.append, 2) == []
    assert asked == ["a", "b"]


@given(st.one_of(st.text(), typed), st.lists(st.sampled_from(["bob", "a", "é", "東京"])))
def test_finding_mentions_never_fails(text: str, names: list[str]) -> None:
    keys = {fold_name(name): name for name in names}
    for start, end, name in find_mentions(text, keys.get):
        assert fold_name(text[start:end].lstrip("@\uff20")) == fold_name(name)


@given(st.text(st.characters(categories=["L", "M", "N"]), min_size=1, max_size=8))
def test_a_person_is_found_by_the_name_that_they_have(text: str) -> None:
    name = check_name(text)
    if not isinstance(name, Refusal):
        assert [person for _, _, person in find_mentions(f"@{text}", {name.key: name.key}.get)] == [name.key]


@pytest.mark.parametrize(
    ("line", "parsed"),
    [
        ("tea? @sis @mom", Say("tea? @sis @mom")),
        ("@sis", Say("@sis")),
        ("tea? @nobody", Say("tea? @nobody")),
        ("tea @ALL", ToLobby("tea")),
        ("@sis: tea?", Direct(("sis",), "tea?")),
    ],
)
def test_names_at_the_end_can_be_mentions_instead(line: str, parsed: ParsedLine) -> None:
    assert parse(line, trailing_names="mention") == parsed


def test_a_mention_has_its_position_in_the_text() -> None:
    assert mentions("ask @bob.") == [(4, 8, "bob")]

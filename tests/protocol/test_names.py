"""Names: which are valid, which are the same, which look alike, and which one was meant."""

from __future__ import annotations

import itertools
import string
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.errors import Refusal
from trio_chat.protocol import names
from trio_chat.protocol.names import MAX_NAME, RESERVED, Name, check_name, check_room, nearest, skeleton


def name(text: str) -> Name:
    checked = check_name(text)
    assert isinstance(checked, Name), str(checked)
    return checked


def refusal(text: str) -> Refusal:
    checked = check_name(text)
    assert isinstance(checked, Refusal), checked
    return checked


@pytest.mark.parametrize(
    "text",
    [
        "a",
        "ada",
        "Ada_Lovelace",
        "user_1234",
        "x-1.5",
        "_ada_",
        "7",
        "a" * MAX_NAME,
        "größe",
        "Żółć",
        "Ωmega",
        "Ольга",
        "שלום",
        "محمد",
        "日本語",
        "한국어",
        "नमस्ते",
        "ไทย",
        "Gal·la",  # the middle dot between two l, as Catalan writes it
        "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627",  # a joiner where Persian needs one
    ],
)
def test_letters_of_every_script_are_valid_in_names(text: str) -> None:
    assert name(text).shown == text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (" ", "space"),
        ("a b", "space"),
        ("a" * (MAX_NAME + 1), "33 characters"),
        ("é" * 100_000, "100000 characters"),
        ("...", "no letter"),
        ("___", "no letter"),
        ("-x", "begins with"),
        (".x", "begins with"),
        ("x.", "ends with"),
        ("a@b", "'@'"),
        ("#ops", "'#'"),
        ("a:b", "':'"),
        ("o'neil", '"\'"'),
        ("a\x1b[31m", "it has U+001B (escape)"),
        ("a\nb", "it has U+000A (newline)"),
        ("a\x00", "it has U+0000 (null)"),
        ("a\x07", "it has U+0007"),
        ("bob😀", "symbol or an emoji: '😀'"),
        ("a\u202eb", "invisible"),
        ("a\u200bb", "invisible character: U+200B (zero width space)"),
        ("a\u200db", "invisible"),
        ("\ufb01x", "stands for another"),
        ("Ⅷ", "stands for another"),
        ("עada", "right to left"),
        ("a·b", "cannot have: '·'"),
        ("\u0301a", "accents"),
        ("a" + "\u0323" * 6, "accents"),
        ("a\U0010fffe", "it has"),
        ("\ud800a", "it has"),
    ],
)
def test_an_invalid_name_is_refused_with_the_reason_and_the_rule(text: str, why: str) -> None:
    no = refusal(text)
    assert no.code == "name_invalid"
    assert why in no.params["why"]
    assert no.advice.startswith("A name is 1 to 32 letters")


@pytest.mark.parametrize(("text", "shown"), [("a\nb", "'a␊b'"), ("  ", "'  '"), ("a\t", "'a␉'")])
def test_a_refusal_shows_the_character_that_is_wrong(text: str, shown: str) -> None:
    assert refusal(text).message.startswith(f"{shown} cannot be a name: ")


@given(st.text(alphabet=st.characters(), max_size=300))
def test_a_refused_name_is_quoted_harmlessly_and_shortened(text: str) -> None:
    checked = check_name(text)
    if isinstance(checked, Refusal):
        assert len(checked.message) < 200
        assert "\x1b" not in str(checked)
        assert "\n" not in str(checked)
        str(checked).encode()


@given(st.text(alphabet=st.characters(), max_size=40))
def test_checking_a_name_again_gives_the_same_key(text: str) -> None:
    checked = check_name(text)
    if isinstance(checked, Name):
        assert name(checked.shown) == checked
        assert name(checked.key).key == checked.key
        assert 1 <= len(checked.shown) <= MAX_NAME


def test_every_letter_gives_a_stable_key_or_is_refused() -> None:
    for code in range(0x80, sys.maxunicode):
        ideograph = 0x3400 <= code < 0xA000 or 0xAC00 <= code < 0xD7A4 or code >= 0x17000
        if ideograph and code % 97:
            continue  # thousands of similar letters: a sample is enough
        char = chr(code)
        if unicodedata.category(char)[0] in "LNM":
            checked = check_name("x" + char)
            if isinstance(checked, Name):
                assert isinstance(again := check_name(checked.key), Name), hex(code)
                assert again.key == checked.key, hex(code)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Bob", "bOB"),
        ("\uff42\uff4f\uff42", "bob"),  # full width
        ("\uff76\uff9e", "\u30ac"),  # half width katakana with its sound mark
        ("e\u0301va", "\u00e9va"),
        ("STRASSE", "Straße"),
        ("ΣΟΦΟΣ", "σοφος"),
        ("\u212aim", "kim"),  # the sign for kelvin
        ("Ꮳ", "ꮳ"),
    ],
)
def test_two_spellings_of_a_name_have_the_same_key(one: str, other: str) -> None:
    assert name(one).key == name(other).key


def test_the_shown_form_keeps_case_and_drops_width() -> None:
    assert name("\uff21da").shown == "Ada"
    assert name("e\u0301VA").shown == "\u00e9VA"


@pytest.mark.parametrize("word", sorted(RESERVED))
def test_reserved_words_are_refused_in_any_case(word: str) -> None:
    for text in (word, word.upper(), word.title()):
        assert refusal(text).code == "name_reserved"


@pytest.mark.parametrize(
    "text", ["ALL", "A11", "\u0430ll", "r00t", "ADMlN", "admln", "You", "y0u", "S\u0443stem", "every\u03bfne"]
)
def test_look_alikes_of_reserved_words_are_refused(text: str) -> None:
    assert refusal(text).code == "name_reserved"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("\u0430da", "ada"),  # Cyrillic
        ("b\u03bfb", "bob"),  # Greek
        ("\u0412\u041e\u0412", "bob"),  # Cyrillic capitals that look like BOB
        ("\u039c\u0391\u03a7", "max"),  # Greek capitals that look like MAX
        ("user_1", "user_l"),
        ("Ian", "lan"),
        ("b0b", "bob"),
        ("modern", "modem"),
        ("\u0440\u0430\u0443\u0440\u0430l", "paypal"),
        ("za\u0308k", "z\u00e4k"),
        ("\u0646\u0645\u06cc\u200c\u062e", "\u0646\u0645\u06cc\u062e"),
    ],
)
def test_look_alikes_have_the_same_skeleton(one: str, other: str) -> None:
    assert name(one).skeleton == name(other).skeleton


@pytest.mark.parametrize(
    "distinct",
    [
        ["bob", "ada", "eve", "rob", "bo", "boob"],
        ["user_1234", "user_1235", "user_1243", "user_1"],
        ["n10", "n11", "n01", "n00"],
        ["bob1", "bob2", "bob"],
        ["u1", "u0", "u10", "u2"],
        ["kai", "kal"],
        ["dan", "dav"],
        ["zoe", "zoé"],
        ["日本", "日木"],
        ["Анна", "Инна"],
    ],
)
def test_different_looking_names_have_different_skeletons(distinct: list[str]) -> None:
    assert len({name(text).skeleton for text in distinct}) == len(distinct)


def test_among_ascii_letters_only_the_known_pairs_look_alike() -> None:
    looks: dict[str, set[str]] = {}
    for char in string.ascii_lowercase + string.digits + "_-.":
        looks.setdefault(skeleton(char), set()).add(char)
    assert [sorted(group) for group in looks.values() if len(group) > 1] == [["1", "l"], ["0", "o"]]


@given(st.text(alphabet=string.ascii_letters + string.digits + "_-.", max_size=MAX_NAME))
def test_the_fast_path_for_ascii_agrees_with_the_table(text: str) -> None:
    looks = names._prototypes()
    folded = names._pass(names._pass(text, looks).casefold(), looks).casefold()
    assert skeleton(text) == folded


@given(st.text(max_size=MAX_NAME))
def test_every_text_has_a_skeleton(text: str) -> None:
    assert skeleton(text) == skeleton(unicodedata.normalize("NFD", text))


@pytest.mark.parametrize(
    ("text", "room"),
    [
        ("ops", "#ops"),
        ("#ops", "#ops"),
        ("#Ops", "#ops"),
        ("#Ärger", "#ärger"),
        ("#\uff4fps", "#ops"),
        ("#all", "#all"),
        ("lobby", names.LOBBY),
    ],
)
def test_a_rooms_name_is_valid_with_and_without_its_sign(text: str, room: str) -> None:
    assert check_room(text) == room
    assert check_room(room) == room


@pytest.mark.parametrize("text", ["", "#", "##ops", "@ada", "#a b", "#" + "x" * 33, "#\x1b", "#..."])
def test_an_invalid_room_name_is_refused_with_the_reason_and_the_rule(text: str) -> None:
    no = check_room(text)
    assert isinstance(no, Refusal)
    assert no.code == "room_invalid"
    assert no.params["why"].startswith("it ")
    assert "A room's name is #" in str(no)
    assert "\x1b" not in str(no)


@pytest.mark.parametrize(
    ("text", "known", "near"),
    [
        ("bbo", ["ada", "bob"], "bob"),
        ("BOB", ["ada", "Bob"], "Bob"),
        ("bob2", ["bob", "bob1"], "bob"),
        ("boob", ["bob"], "bob"),
        ("charlei", ["bob", "charlie"], "charlie"),
        ("charly", ["charlie", "bob"], "charlie"),
        ("ali", ["alice", "bob"], "alice"),
        ("ali", ["alice", "alina"], None),
        ("carol", ["dave", "eve"], None),
        ("x", ["y", "z"], None),
        ("", ["ada"], None),
        ("bob", [], None),
        ("#osp", ["#lobby", "#ops"], "#ops"),
    ],
)
def test_the_nearest_name_is_the_one_most_likely_meant(text: str, known: list[str], near: str | None) -> None:
    assert nearest(text, known) == near


def slips(one: str, other: str) -> int:
    """The restricted Damerau-Levenshtein distance by its definition."""
    if not one or not other:
        return len(one) + len(other)
    ways = [slips(one[1:], other) + 1, slips(one, other[1:]) + 1, slips(one[1:], other[1:]) + (one[0] != other[0])]
    if one[:2] == other[1::-1] and len(one) > 1 and len(other) > 1:
        ways.append(slips(one[2:], other[2:]) + 1)
    return min(ways)


def test_the_slips_between_two_words_are_counted_as_defined() -> None:
    words = ["".join(letters) for length in range(5) for letters in itertools.product("ab", repeat=length)]
    words += ["xabz", "zxab", "abc", "bca", "acbd"]
    assert [(one, other) for one in words for other in words if names._slips(one, other) != slips(one, other)] == []


def test_the_search_for_the_nearest_name_is_bounded() -> None:
    crowd = [f"user_{number}" for number in range(20_000)]
    assert nearest("user_4711x", crowd) in {f"user_{number}" for number in range(20_000)}
    assert nearest("somebody_else", crowd) is None


@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=8))
def test_the_nearest_name_is_a_known_one(text: str, known: list[str]) -> None:
    near = nearest(text, known)
    assert near is None or near in known
    if any(one.casefold() == text.casefold() for one in known):
        assert near is not None
        assert near.casefold() == text.casefold()

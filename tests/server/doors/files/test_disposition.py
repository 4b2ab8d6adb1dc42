"""How a download names its file."""

from __future__ import annotations

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_chat.server.doors.files.disposition import attachment


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("build.log", 'attachment; filename="build.log"'),
        ("a b;c=d.txt", 'attachment; filename="a b;c=d.txt"'),
        ("naïve.txt", "attachment; filename=\"naive.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ("отчёт.pdf", "attachment; filename=\"_____.pdf\"; filename*=UTF-8''%D0%BE%D1%82%D1%87%D1%91%D1%82.pdf"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ('say "hi"\\.txt', "attachment; filename=\"say _hi__.txt\"; filename*=UTF-8''say%20%22hi%22%5C.txt"),
        ("it's (1).txt", 'attachment; filename="it\'s (1).txt"'),
        ("l'été.txt", "attachment; filename=\"l'ete.txt\"; filename*=UTF-8''l%27%C3%A9t%C3%A9.txt"),
        ("a\r\nSet-Cookie: x", "attachment; filename=\"a__Set-Cookie_ x\"; filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x"),
    ],
)
def test_names_in_the_header(name: str, header: str) -> None:
    assert attachment(name) == header


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_every_name_makes_a_header_of_one_ascii_line_that_gives_it_back(name: str) -> None:
    header = attachment(name)
    assert header.isascii()
    assert header.isprintable()
    if any(ord(char) < 32 or ord(char) == 127 for char in name):
        return  # Python's reader below drops them; the server's names have none
    message = EmailMessage()
    message["Content-Disposition"] = header
    assert message.get_content_disposition() == "attachment"
    assert header.isascii()
    if "filename*" not in header:
        assert header == f'attachment; filename="{name}"'

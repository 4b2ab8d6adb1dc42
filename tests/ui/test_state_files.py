"""The ignored people of a server, whatever address of this machine it was joined by."""

from __future__ import annotations

import hashlib
from pathlib import Path

from trio_chat.client.known_accounts import KnownAccounts
from trio_chat.ui.model.ignored import Ignore
from trio_chat.ui.state_files import load_ignored


def test_who_was_ignored_at_localhost_is_ignored_at_127_0_0_1(tmp_path: Path) -> None:
    load_ignored("ws://localhost:8765/", tmp_path).do(Ignore("bob"), KnownAccounts("ada"))
    for host in ("127.0.0.1", "[::1]", "localhost"):
        assert load_ignored(f"ws://{host}:8765/", tmp_path).names == ["bob"]
    assert load_ignored("ws://localhost:8766/", tmp_path).names == []


def test_who_was_ignored_with_0_1_0_at_either_address_stays_ignored(tmp_path: Path) -> None:
    for url, names in (("ws://localhost:8765/", '["Bob","mallory"]'), ("ws://127.0.0.1:8765/", '["bob"]')):
        path = tmp_path / "ignored" / f"{hashlib.sha256(url.encode()).hexdigest()[:16]}.json"  # as 0.1.0 named it
        path.parent.mkdir(exist_ok=True)
        path.write_text(names)
    kept = load_ignored("ws://localhost:8765/", tmp_path).names
    assert [name.casefold() for name in kept] == ["bob", "mallory"]
    assert load_ignored("ws://127.0.0.1:8765/", tmp_path).names == kept

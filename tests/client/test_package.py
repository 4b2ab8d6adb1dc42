from __future__ import annotations

import subprocess
import sys

import pytest

import trio_chat


def test_importing_the_package_is_cheap() -> None:
    code = "import trio_chat, sys; sys.exit(sorted({'trio', 'msgspec', 'trio_chat.client'} & sys.modules.keys()) != [])"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


@pytest.mark.parametrize("name", trio_chat.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(trio_chat, name) is not None
    assert name in dir(trio_chat)


def test_other_names_are_not() -> None:
    with pytest.raises(AttributeError, match="no attribute 'conect'"):
        trio_chat.conect  # type: ignore[attr-defined] # noqa: B018 - that is what is tested

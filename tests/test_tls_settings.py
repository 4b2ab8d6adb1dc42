"""The settings of TLS and of a proxy in front: which fit together, and the names of earlier versions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trio_chat.config import ServerConfig, check_server, load_server
from trio_chat.errors import ConfigError


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "chat.example"])
def test_without_tls_a_server_that_others_can_reach_needs_a_proxy_that_does_it(host: str) -> None:
    with pytest.raises(ConfigError, match=r"--behind-proxy ADDRESS"):
        check_server(ServerConfig(host=host, password="x", tls="off"))
    check_server(ServerConfig(host=host, password="x", tls="off", behind_proxy=("192.0.2.9",)))
    check_server(ServerConfig(host="127.0.0.1", tls="off"))


def test_a_certificate_and_its_key_go_together_and_not_with_tls_off() -> None:
    pem = Path("x.pem")
    with pytest.raises(ConfigError, match=r"Give --key too"):
        check_server(ServerConfig(cert=pem))
    with pytest.raises(ConfigError, match=r"Give --cert too"):
        check_server(ServerConfig(key=pem))
    with pytest.raises(ConfigError, match=r"uses no certificate"):
        check_server(ServerConfig(cert=pem, key=pem, tls="off"))
    check_server(ServerConfig(cert=pem, key=pem))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, False),
        ({"host": "localhost"}, False),
        ({"host": "0.0.0.0"}, True),
        ({"host": "chat.example"}, True),
        ({"host": "0.0.0.0", "tls": "off"}, False),
        ({"cert": Path("x.pem"), "key": Path("x.pem")}, True),
    ],
)
def test_tls_is_spoken_beyond_this_machine_and_with_a_certificate(settings: dict[str, Any], expected: bool) -> None:  # noqa: FBT001
    assert ServerConfig(**settings).speaks_tls is expected


def test_the_name_of_an_earlier_version_still_sets_a_setting(tmp_path: Path) -> None:
    file = tmp_path / "chat.toml"
    proxy = ("192.0.2.9",)
    file.write_text('[server]\ntrusted_proxy = ["192.0.2.9"]\n')
    assert load_server(environ={}, path=file).config.behind_proxy == proxy
    assert load_server(environ={"TRIO_CHAT_TRUSTED_PROXY": "192.0.2.9"}).config.behind_proxy == proxy
    loaded = load_server({"trusted_proxy": proxy}, environ={})
    assert loaded.config.behind_proxy == proxy
    assert str(loaded.sources["behind_proxy"]) == "--trusted-proxy"
    assert loaded.warnings == ()


def test_both_names_of_a_setting_in_one_place_are_a_fault(tmp_path: Path) -> None:
    file = tmp_path / "chat.toml"
    file.write_text('[server]\ntrusted_proxy = ["192.0.2.9"]\nbehind_proxy = ["192.0.2.9"]\n')
    with pytest.raises(ConfigError) as caught:
        load_server(environ={}, path=file)
    assert f"{file}:3: the same is given by {file}:2; remove one of them." in str(caught.value)
    both = {"behind_proxy": ("192.0.2.9",), "trusted_proxy": ("192.0.2.9",)}
    with pytest.raises(ConfigError, match="the same is given by"):
        load_server(both, environ={})

"""A real nginx in front of a server, with the settings of the page about proxies."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.programs import PATIENCE

PAGE: Final = Path(__file__).parents[1] / "docs" / "how-to" / "tls-proxy.md"

SETTINGS: Final = """\
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
{server}
}}
"""
"""The directories that an nginx needs for itself."""


def page_settings(behind: int, port: int, cert: str, key: str) -> str:
    """The settings of the page for a port of this machine and another certificate, in front of a server on port
    ``behind``."""
    found = re.search(r"```nginx\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    replaced = (
        (r"listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;"),
        (r"listen \[::\]:443 ssl;\n", ""),
        (r"server_name chat.example;", "server_name localhost;"),
        (r"/etc/letsencrypt/\S*/fullchain.pem", cert),
        (r"/etc/letsencrypt/\S*/privkey.pem", key),
        (r"127\.0\.0\.1:8765", f"127.0.0.1:{behind}"),
    )
    settings = found[1]
    for pattern, new in replaced:
        settings, count = re.subn(pattern, new, settings)
        assert count, pattern
    return settings


@contextlib.contextmanager
def nginx_before(server: str, port: int, folder: Path) -> Iterator[None]:
    """An nginx with a block ``server`` of settings, which listens on a port."""
    folder.mkdir()
    settings = folder / "nginx.conf"
    settings.write_text(SETTINGS.format(folder=folder, server=server), "utf-8")
    program = find_nginx()
    assert program is not None
    process = subprocess.Popen([program, "-c", str(settings), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            assert process.poll() is None, (folder / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait()


def find_nginx() -> str | None:
    return shutil.which("nginx", path=os.pathsep.join([os.environ["PATH"], "/usr/sbin"]))


def needs_nginx() -> None:
    if find_nginx() is None and "CI" not in os.environ:
        pytest.skip("nginx is not installed; Debian's package is nginx-light")

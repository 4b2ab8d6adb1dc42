"""Whether the server does its work: asked over HTTP, and by the operator's own program through the control socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import trio
from msgspec import Struct

if TYPE_CHECKING:
    from trio_chat.server.hub.hub import Hub

_PROBE_TIMEOUT: Final = 2.0
"""Seconds in which a healthy hub answers a probe."""


class Health(Struct, frozen=True, omit_defaults=True):
    """The state of a server. ``hub_ms``: the milliseconds that the hub took to answer, if it did."""

    status: Literal["ok", "not storing", "stuck"]
    hub_ms: float | None = None


async def check_health(hub: Hub) -> Health:
    """Pass a probe through the hub. Returns within seconds, also when the hub is stuck."""
    began = trio.current_time()
    with trio.move_on_after(_PROBE_TIMEOUT):
        await hub.probe()
        if hub.storing.failing is not None:
            return Health("not storing")
        return Health("ok", round((trio.current_time() - began) * 1000, 3))
    return Health("stuck")

"""The first step of a batch: its requests are charged, and it is noted what the store must be asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from msgspec import Struct

from trio_chat.errors import Refusal, refuse

if TYPE_CHECKING:
    from trio_chat.broker import Broker
    from trio_chat.broker.broker import ChargedRequest
    from trio_chat.server.hub.batch import Batch
    from trio_chat.server.hub.items import Requests

_LOOK_UP: Final = 2048
"""The bytes of a batch that one look-up in the store counts for: a hundred of them take some ten milliseconds."""

log = structlog.get_logger()


class Charged(Struct, frozen=True, gc=False):
    """The requests of one reading of a session.

    Each is charged; or it could not be read, and stands there as its id and the refusal; or charging it failed by a bug
    of ours, and it stands there as the refusal that ends the session.
    """

    session: int
    requests: list[ChargedRequest | tuple[str, Refusal] | Refusal]


def charge(broker: Broker, item: Requests, batch: Batch, now: float) -> Charged:
    """Charge a session's requests, and note in the batch what the store must be asked for them."""
    charged = Charged(item.session, [])
    batch.size += item.size
    try:
        batch.asked += len(item.requests)
        for request in item.requests:
            if type(request) is tuple:
                charged.requests.append(request)
                continue
            one = broker.charge(item.session, request, now)  # type: ignore[arg-type] # mypy does not narrow by type() is
            if one is None:  # the session is gone
                continue
            charged.requests.append(one)
            look_up = broker.look_up_for(one) if one.may_look_up else None
            if look_up is not None:
                batch.look_ups[look_up] = None
                batch.size += _LOOK_UP
    except Exception:  # a bug of ours must not end everybody's chat: this one session ends
        log.exception("request failed", session=item.session)
        charged.requests.append(refuse("internal"))
    return charged

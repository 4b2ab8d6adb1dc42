"""The first step of a batch: its requests are charged, and it is noted what the store must be asked for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog
from msgspec import Struct

from trio_chat.broker.prices import FREE_BYTES, price_of_bytes
from trio_chat.errors import Refusal, refuse
from trio_chat.server.hub.items import Requests

if TYPE_CHECKING:
    from trio_chat.broker import Broker
    from trio_chat.broker.broker import ChargedRequest
    from trio_chat.server.hub.batch import Batch

_BATCH: Final = 2048
"""The most requests in one batch: enough to share a commit, and a few tens of milliseconds of work."""

_BATCH_BYTES: Final = 256 * 1024
"""The most bytes of requests in one batch: if one room gets them all, an outbox must be far from full."""

_LOOK_UP: Final = 2048
"""The bytes of a batch that one look-up in the store counts for: a hundred of them take some ten milliseconds."""

_DEAR: Final = 2.5
"""The price from which on a request counts for more bytes of a batch than it has: those of a look-up for each unit."""

log = structlog.get_logger()


class Charged(Struct, gc=False):
    """The requests of one reading of a session.

    Each is charged; or it could not be read, and stands there as its id and the refusal; or charging it failed by a bug
    of ours, and it stands there as the refusal that ends the session. ``extra`` is what each of them costs for its
    bytes, and ``rest`` are those that are still to be charged, in a later batch.
    """

    session: int
    requests: list[ChargedRequest | tuple[str, Refusal] | Refusal]
    extra: float
    rest: Requests | None = None


def is_full(batch: Batch) -> bool:
    """Whether a batch has so much work that all others should get a turn first."""
    return batch.asked >= _BATCH or batch.size >= _BATCH_BYTES


def charge(broker: Broker, item: Requests, batch: Batch, now: float) -> Charged:
    """Charge a session's requests, and note in the batch what the store must be asked for them.

    The requests that the batch has no place for stay uncharged, as the ``rest``.
    """
    extra = price_of_bytes(item.size, len(item.requests)) if item.size > FREE_BYTES else 0.0
    charged = Charged(item.session, [], extra)
    batch.size += item.size
    done = 0
    try:
        for request in item.requests:
            if done and is_full(batch):
                share = item.size * (len(item.requests) - done) // len(item.requests)
                charged.rest = Requests(item.session, item.requests[done:], item.came, share)
                break
            done += 1
            batch.asked += 1
            if type(request) is tuple:
                charged.requests.append(request)
                continue
            one = broker.charge(item.session, request, now, extra)  # type: ignore[arg-type] # mypy does not narrow by type() is
            if one is None:  # the session is gone
                continue
            charged.requests.append(one)
            if one.cost >= _DEAR and one.refusal is None:
                batch.size += int(one.cost * _LOOK_UP)
            look_up = broker.look_up_for(one) if one.may_look_up else None
            if look_up is not None:
                batch.look_ups[look_up] = None
                batch.size += _LOOK_UP
    except Exception:  # a bug of ours must not end everybody's chat: this one session ends
        log.exception("request failed", session=item.session)
        charged.requests.append(refuse("internal"))
    batch.charged.append((item.session, item.size - (0 if charged.rest is None else charged.rest.size)))
    return charged

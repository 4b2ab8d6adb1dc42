"""Orders of the server's operator, given from within the server's own process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.broker.admin import Order
from trio_chat.errors import Refusal, TrioChatError, refuse
from trio_chat.server.hub.items import Administration

if TYPE_CHECKING:
    from trio_chat.broker.admin import Table
    from trio_chat.server.hub.hub import Hub


async def carry_out(hub: Hub, order: Order) -> Table | Refusal:
    """Have the hub carry out an order. Returns its answer once all that it changes is stored.

    If this is cancelled, the order may still be carried out.
    """
    item = Administration(order)
    async with hub.open_inbox() as inbox:
        await inbox.send(item)
        await item.settled.wait()
    return item.answer or refuse("internal")


async def make_invite(hub: Hub, *, uses: int = 1, seconds: float | None = None, note: str = "") -> str:
    """Make an invite for some ``uses`` that ends after some ``seconds`` (``None``: never).

    Returns its secret, for :func:`trio_chat.protocol.invite_link.make_link`; it is known nowhere else. Raises
    ``TrioChatError`` when the invite cannot be made or stored.
    """
    answer = await carry_out(hub, Order("invite", uses=uses, seconds=seconds, note=note))
    if isinstance(answer, Refusal):
        raise TrioChatError(str(answer))
    return str(answer.rows[0][answer.headings.index("secret")])

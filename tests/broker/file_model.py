"""The model of the hub for files: it decides orders of the door for files, and checks that nobody gets a file that they
may not read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.broker import invariants
from trio_chat.broker.admission import digest_of
from trio_chat.broker.effects import Effect, Persist
from trio_chat.broker.file_orders import FindFile, FinishUpload, decide_file_order
from trio_chat.broker.state import seconds
from trio_chat.errors import Refusal
from trio_chat.protocol.events import Message

if TYPE_CHECKING:
    from tests.broker.expected_store import ExpectedStore
    from tests.broker.hub_model import HubModel
    from trio_chat.broker.file_orders import FileOrder
    from trio_chat.records import SaveFile


def decide(hub: HubModel, order: FileOrder) -> tuple[SaveFile | Refusal, list[Effect]]:
    """Decide an order as the hub does, and check the answer. Its effects are not followed yet."""
    before, effects = invariants.summary(hub.broker), list[Effect]()
    stored = hub.ahead.files.get(order.id) if isinstance(order, FindFile) else None
    answer = decide_file_order(hub.broker, order, hub.now, effects, stored).answer
    if isinstance(answer, Refusal):
        assert effects == [], "a refused order had an effect"
        assert invariants.summary(hub.broker) == before, "a refused order changed something"
        assert answer.message, "a refusal without a sentence"
    assert all(isinstance(effect, Persist) for effect in effects), "an order for files told somebody something"
    if isinstance(order, FinishUpload):
        return answer, effects
    account = account_of(hub.ahead, order.token)
    if isinstance(order, FindFile):
        may = account is not None and not is_banned(hub, account) and may_read(hub.ahead, account, order.id)
        if not isinstance(answer, Refusal):
            assert may, "a file was given to somebody who may not read it"
        elif answer.code != "too_fast":
            assert not may, f"a file was kept from somebody who may read it: {answer}"
    elif not isinstance(answer, Refusal):
        assert answer.account == account, "an upload of another account"
        assert answer.room == answer.seq == 0, "a file of a message was taken for an upload"
        assert account is not None, "an upload of nobody"
        assert not is_banned(hub, account), "an upload of somebody who is banned"
    return answer, effects


def found_for(hub: HubModel, order: dict[str, str]) -> list[SaveFile]:
    """The files that the store gives for an operator's order to remove a file, or to list all."""
    drop = order.get("drop")
    if not drop:
        return list(hub.ahead.files.values())
    return [hub.ahead.files[drop]] if drop in hub.ahead.files else []


def account_of(store: ExpectedStore, token: str) -> int | None:
    """The account that a token proves."""
    digest = digest_of(token)
    return next((device.account for device in store.devices.values() if device.digest == digest), None)


def is_banned(hub: HubModel, account: int) -> bool:
    """Whether an account is banned from the server by its name; orders come from an address that nobody bans."""
    return any(
        ban.account == account and ban.room is None and (ban.until is None or seconds(ban.until) > hub.now)
        for ban in hub.ahead.bans.values()
    )


def may_read(store: ExpectedStore, account: int, file: str) -> bool:
    """Whether a file is a whole upload of an account, or a message carries it now that the account can read."""
    kept = store.files.get(file)
    if kept is not None and not kept.room:
        return kept.account == account and bool(kept.digest)
    for room, member in store.members:
        if member != account:
            continue
        for _, event in store.logs[room]:
            if isinstance(event, Message) and not event.deleted and file in {one.id for one in event.files}:
                return kept is not None  # an operator can remove it, and leave the message
    return False


def count_anew(hub: HubModel) -> None:
    """As the hub does after a commit: read the bytes of the accounts that are stale."""
    held = hub.broker.uploads
    if held.is_stale:
        sums = hub.kept.file_bytes()
        held.set_bytes(sums if held.all_stale else {account: sums.get(account, 0) for account in held.stale})

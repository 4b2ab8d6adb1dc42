"""What belongs to an account: its password and its devices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.broker import arrival, rooms
from trio_chat.broker.effects import Acknowledge, Disconnect, Effect, Persist, Reply
from trio_chat.broker.restore import account_of
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import DeviceInfo, DeviceList, Ok
from trio_chat.records import Note

if TYPE_CHECKING:
    from trio_chat.broker.registry import Registry
    from trio_chat.broker.state import Session
    from trio_chat.protocol.requests import Devices, Revoke, SetPassword


def set_password(
    registry: Registry, session: Session, request: SetPassword, now: float, effects: list[Effect]
) -> Refusal | None:
    """Keep the hash that the hub made of the new password."""
    person = rooms.person_of(session)
    if person.guest:
        return refuse("guest")
    if not isinstance(registry.found, str):
        return refuse("internal")
    registry.journal.set(person, "password", registry.found)
    effects.append(Persist(account_of(person)))
    effects.append(Persist(Note(registry.stamp(now), person.name.shown, "password")))
    effects.append(Acknowledge(session.id, Ok(id=request.id)))
    return None


def list_devices(
    registry: Registry,
    session: Session,
    request: Devices,
    now: float,
    effects: list[Effect],
) -> Refusal | None:
    """Say which devices are a person's; those that are connected are here now."""
    person, time = rooms.person_of(session), registry.stamp(now)
    here = {registry.sessions[number].device for number in person.sessions}
    devices = tuple(
        DeviceInfo(
            id=d.id, client=d.label, created=d.created, seen=time if d in here else d.seen, current=d is session.device
        )
        for d in sorted(person.devices.values(), key=lambda device: device.id)
    )
    effects.append(Reply(session.id, DeviceList(id=request.id, devices=devices)))
    return None


def revoke(registry: Registry, session: Session, request: Revoke, now: float, effects: list[Effect]) -> Refusal | None:
    """Let a device in no more, and end its connections."""
    person = rooms.person_of(session)
    device = next((d for d in person.devices.values() if d.id == request.device), None)
    if device is None and request.again:
        effects.append(Persist(account_of(person)))  # it may be gone in this very batch, and that not stored
        effects.append(Acknowledge(session.id, Ok(id=request.id)))
        return None
    if device is None:
        return refuse("unknown_device", device=request.device)
    if not person.guest and len(person.devices) == 1 and person.password is None:
        return refuse("last_device", name=person.name.shown)
    arrival.drop_device(registry, person, device, effects)
    effects.append(Persist(Note(registry.stamp(now), person.name.shown, "revoke", target=device.label)))
    effects.append(Reply(session.id, Ok(id=request.id)))
    effects.extend(
        Disconnect(number, refuse("revoked"))
        for number in sorted(person.sessions)
        if registry.sessions[number].device is device
    )
    return None

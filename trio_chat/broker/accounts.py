"""The password and the devices of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.broker import arrival
from trio_chat.broker.effects import Disconnect
from trio_chat.broker.restore import account_of
from trio_chat.errors import Refusal, refuse
from trio_chat.protocol.events import DeviceList, Ok
from trio_chat.protocol.parts import DeviceInfo
from trio_chat.records import AuditNote

if TYPE_CHECKING:
    from trio_chat.broker.ask import Ask
    from trio_chat.protocol.requests import Devices, Revoke, SetPassword


def set_password(ask: Ask[SetPassword]) -> Refusal | None:
    """Keep the hash that the hub made of the new password."""
    person = ask.person
    if person.guest:
        return refuse("guest")
    if ask.password_hash is None:
        return refuse("internal")
    registry = ask.registry
    registry.journal.set(person, "password", ask.password_hash)
    for session in (registry.sessions[number] for number in person.sessions):
        if session.device is None:  # it came by the password before, and stays
            registry.journal.set(session, "password", ask.password_hash)
    ask.persist(account_of(person))
    ask.persist(AuditNote(ask.time, person.name.shown, "password"))
    ask.acknowledge(Ok(id=ask.request.id))
    return None


def list_devices(ask: Ask[Devices]) -> Refusal | None:
    """List a person's devices; those that are connected are seen now."""
    person = ask.person
    here = {ask.registry.sessions[number].device for number in person.sessions}
    devices = tuple(
        DeviceInfo(
            id=device.id,
            client=device.label,
            created=device.created,
            seen=ask.time if device in here else device.seen,
            current=device is ask.session.device,
        )
        for device in sorted(person.devices.values(), key=lambda device: device.id)
    )
    ask.reply(DeviceList(id=ask.request.id, devices=devices))
    return None


def revoke(ask: Ask[Revoke]) -> Refusal | None:
    """Sign a device out: drop its token, and end its connections."""
    registry, request, person = ask.registry, ask.request, ask.person
    device = next((d for d in person.devices.values() if d.id == request.device), None)
    if device is None and request.again:
        ask.persist(account_of(person))  # this very batch may have dropped the device, and may fail
        ask.acknowledge(Ok(id=request.id))
        return None
    if device is None:
        return refuse("unknown_device", device=request.device)
    if not person.guest and len(person.devices) == 1 and person.password is None:
        return refuse("last_device", name=person.name.shown)
    arrival.drop_device(ask, person, device)
    ask.persist(AuditNote(ask.time, person.name.shown, "revoke", target=device.label))
    ask.reply(Ok(id=request.id))
    ask.effects.extend(
        Disconnect(number, refuse("revoked"))
        for number in sorted(person.sessions)
        if registry.sessions[number].device is device
    )
    return None

"""Requests that are sent again after a connection was lost, and may have been carried out already.

A client that lost its connection before an answer came sends the request again, under the same id, and says so. The
answers to each person's last requests are kept, and given again. A server that was restarted meanwhile has forgotten
them: then a request whose effect is there already counts as carried out where the handlers can see that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from trio_chat.broker.effects import Acknowledge, Effect, Persist, Reply
from trio_chat.broker.restore import account_of
from trio_chat.broker.state import ANSWERS
from trio_chat.protocol.events import Ok
from trio_chat.protocol.requests import ChangeRequest, Leave

if TYPE_CHECKING:
    from trio_chat.broker.journal import Journal
    from trio_chat.broker.state import Session
    from trio_chat.protocol.requests import AnyRequest


def acknowledge(session: Session, request: AnyRequest, effects: list[Effect]) -> bool:
    """Answer a request that was carried out before. Returns whether it was."""
    person = session.person
    if not isinstance(request, ChangeRequest) or not request.again or person is None:
        return False
    answer = person.answers.get(request.id)
    if answer is None and isinstance(request, Leave) and request.room not in person.rooms:
        answer = Ok(id=request.id, room=request.room)
    if answer is None:
        return False
    # so that it fails with what it repeats, which may be of this very batch and not stored either
    effects.append(Persist(account_of(person)))
    effects.append(Acknowledge(session.id, answer))
    return True


def remember(journal: Journal, session: Session, request: ChangeRequest, effects: list[Effect]) -> None:
    """Keep the answer to a request that was carried out now."""
    person = session.person
    answer = next((e.event for e in reversed(effects) if isinstance(e, Acknowledge | Reply)), None)
    if person is None or not isinstance(answer, Ok) or answer.id != request.id:
        return
    person.answers[request.id] = answer
    journal.then(person.answers.pop, request.id, None)
    if len(person.answers) > ANSWERS:
        del person.answers[next(iter(person.answers))]

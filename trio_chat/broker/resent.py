"""What is asked again after a connection was lost, and may be done already.

A client that lost its connection before an answer came asks again, under the same id, and says so. The answers
to each person's last deeds are kept, and given again. A server that was restarted meanwhile has forgotten
them: then a deed whose effect is there already counts as done where the handlers can see that.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from trio_chat.broker.effects import Acknowledge, Effect, Persist, Reply
from trio_chat.broker.restore import account_of
from trio_chat.broker.state import DONE
from trio_chat.protocol.events import Ok
from trio_chat.protocol.requests import Deed, Leave

if TYPE_CHECKING:
    from trio_chat.broker.journal import Journal
    from trio_chat.broker.state import Session
    from trio_chat.protocol.requests import AnyRequest


def acknowledge(session: Session, request: AnyRequest, effects: list[Effect]) -> bool:
    """Answer a deed that was done before; whether it was one, and was."""
    person = session.person
    if not isinstance(request, Deed) or not request.again or person is None:
        return False
    done = person.done.get(request.id)
    if done is None and isinstance(request, Leave) and request.room not in person.rooms:
        done = Ok(id=request.id, room=request.room)
    if done is None:
        return False
    # so that it fails with what it repeats, which may be of this very batch and not stored either
    effects.append(Persist(account_of(person)))
    effects.append(Acknowledge(session.id, done))
    return True


def remember(journal: Journal, session: Session, request: Deed, effects: list[Effect]) -> None:
    """Keep the answer to a deed that was done now."""
    person = session.person
    answer = next((e.event for e in reversed(effects) if isinstance(e, Acknowledge | Reply)), None)
    if person is None or not isinstance(answer, Ok) or answer.id != request.id:
        return
    person.done[request.id] = answer
    journal.then(partial(person.done.pop, request.id, None))
    if len(person.done) > DONE:
        del person.done[next(iter(person.done))]

"""The event library's own EventStore and Repository read our log, with our fold as projector function."""

from __future__ import annotations

from typing import Any

from eventsourcing.application import Repository
from eventsourcing.persistence import EventStore

from ticketcore import Actor, TicketCore
from ticketcore.domain.ticket import Ticket, project
from ticketcore.store.codec import Codec

ANA = Actor.agent("ana")


def test_a_repository_gives_a_ticket_now_and_at_any_version(core: TicketCore) -> None:
    opened = core.open_ticket(channel="form", subject="Hello", by=Actor.system("shop"))
    core.assign(opened.number, agent_id="ana", by=ANA)
    core.solve(opened.number, by=ANA)
    log: Any = core.log
    repository = Repository(EventStore(Codec(), log))

    now: Ticket = repository.get(opened.id, projector_func=project)
    first: Ticket = repository.get(opened.id, version=1, projector_func=project)

    assert now == core._executor.load((opened.id,))[opened.id]
    assert (now.version, now.status, now.agent_id) == (3, "solved", "ana")
    assert (first.version, first.status, first.agent_id) == (1, "new", None)

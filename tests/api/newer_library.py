"""A newer version of the library as a process of its own: it knows an event type, and a version, that this one does not.

Run: ``newer_library.py escalate|assign NUMBER...``, ``retry``, ``mix NUMBER COUNT``; the settings come from the
environment. It prints one line of JSON.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import Any, ClassVar
from uuid import uuid4

from projections.dead_letters import dead_letters, retry_dead_letters
from projections.verify import verify
from ticketcore import Actor, TicketCore
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Meta
from ticketcore.domain.types import Label
from ticketcore.ids import Kind, aggregate_id, parse_number
from ticketcore.store.codec import Codec
from ticketcore.store.port import Append, Appended

ANA = Actor.agent("ana")


class Escalated(ev.TicketEvent):
    """The ticket went to somebody who decides more."""

    TOPIC: ClassVar[str] = "ticket.escalated"
    to: Label


class Assigned(ev.Assigned):
    """A team, an agent or both took responsibility. v2: ``shift`` says for how long."""

    TOPIC: ClassVar[str] = "ticket.assigned"
    class_version: ClassVar[int] = 2
    shift: Label | None = None

    @staticmethod
    def upcast_v1_v2(state: dict[str, Any]) -> None:
        """Say that nothing was said of shifts."""
        state.setdefault("shift", None)


def append(core: TicketCore, number: str, cls: type[ev.TicketEvent], **fields: Any) -> int:
    """Append one event to a ticket through the log, as a command of the newer version would, and return its position."""
    id_ = aggregate_id(parse_number(number, Kind.TICKET), core.log.name)
    command_id = uuid4()
    while True:
        version = len(core.log.load([id_]).streams[id_])
        meta = Meta(occurred_at=datetime.now(UTC), actor=ANA, command_id=command_id)
        event = cls(originator_id=id_, originator_version=version + 1, meta=meta, **fields)
        stored = Codec().to_stored_event(event)
        [outcome] = core.log.append([Append(command_id, b"newer", ((id_, version),), (stored,))])
        if isinstance(outcome, Appended):
            assert outcome.position is not None
            return outcome.position


def mix(core: TicketCore, number: str, count: int) -> list[int]:
    """Write on new tickets of this process, and escalate *number* now and then; return every position."""
    positions = []
    for turn in range(count):
        opened = core.open_ticket(channel="form", by=ANA)
        assigned = append(core, opened.number, Assigned, agent_id="ana", shift="night")
        assert opened.position is not None
        positions += [opened.position, assigned]
        if turn % 5 == 0:
            positions.append(append(core, number, Escalated, to="duty"))
    return positions


def retry(core: TicketCore) -> dict[str, Any]:
    """Fold the dead letters again with the newer classes, and compare every row."""
    dsn = str(core.settings.read_dsn)
    core.catch_up()
    done = retry_dead_letters(dsn, core.log, Codec().decode)
    found = verify(dsn, core.log, Codec().decode)
    return {"retried": done, "left": len(dead_letters(dsn)), "different": found.different, "rows": found.rows}


def main(what: str, *arguments: str) -> None:
    with TicketCore.open() as core:
        result: Any
        if what == "escalate":
            result = [append(core, number, Escalated, to="duty") for number in arguments]
        elif what == "assign":
            result = [append(core, number, Assigned, agent_id="ana", shift="night") for number in arguments]
        elif what == "mix":
            result = mix(core, arguments[0], int(arguments[1]))
        else:
            result = retry(core)
    print(json.dumps(result))


if __name__ == "__main__":
    main(*sys.argv[1:])

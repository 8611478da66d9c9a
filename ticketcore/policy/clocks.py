"""What SLA clocks are derived from, as a fold over a ticket's events: its moments, its facts, and what is recorded.

Nothing is worked out here: :mod:`ticketcore.policy.courses` derives the clocks, at any instant, from what this keeps
and the policies in force. So a ticket's clocks depend on its events and the policies alone, not on when or how often
somebody looked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.domain import service_events as sv
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.ticket import MEASURES, standing
from ticketcore.domain.types import Direction, Role, SlaTarget, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.base import Event
    from ticketcore.policy.facts import Facts

__all__ = ["NO_RULE", "Clocks", "Moment", "Point", "Recorded", "evolve_clocks"]


class Moment(NamedTuple):
    """A message, or a change of status: the events of one command at one instant.

    Attributes:
        at: when.
        first: version of its first event.
        last: version of its last one.
        command: the command that recorded them.
        status: the ticket's, after it.
        inbound: whether the customer wrote.
        reply: whether staff answered publicly.
        solved: whether it entered solved; not where a merge was undone.
    """

    at: datetime
    first: int
    last: int
    command: UUID
    status: Status
    inbound: bool = False
    reply: bool = False
    solved: bool = False


class Point(NamedTuple):
    """What rules know of the ticket from an event on.

    Attributes:
        at: when.
        order: version of the event.
        topic: of the event.
        facts: as they were just after it.
    """

    at: datetime
    order: int
    topic: str
    facts: Facts


class Recorded(NamedTuple):
    """A fact about a promise that is in the log.

    ``kind``: ``applied``, ``paused``, ``resumed``, ``warned``, ``withdrawn``, ``fulfilled`` or ``breached``; ``seen_at``:
    when it was recorded.
    """

    target: SlaTarget
    kind: str
    seen_at: datetime
    due_at: datetime | None = None


class Clocks(NamedTuple):
    """A ticket, as far as its clocks depend on it.

    Attributes:
        status: now.
        moments: messages and changes of status, in order; the first is the opening.
        points: what rules know, in order; the first is the opening.
        opening: which way the first message went.
        recorded: by policies, in order.
        decided: ``(policy, basis) -> rule`` of every decision about promises; ``None``: no rule fitted.
        foreign: targets about which anybody but a policy recorded something: they are left alone.
        looked: version of the last fact or decision about promises that a policy recorded; 0: none.
        measured: values of the last measurement, and ``measured_version`` its version.
        sections: command, version and, by topic, basis of the newest policy decisions; see :func:`_decided`.
    """

    status: Status
    moments: tuple[Moment, ...]
    points: tuple[Point, ...]
    opening: Direction
    recorded: tuple[Recorded, ...] = ()
    decided: tuple[tuple[tuple[str, int], str | None], ...] = ()
    foreign: frozenset[SlaTarget] = frozenset()
    looked: int = 0
    measured: tuple[str | float | None, ...] = ()
    measured_version: int = 0
    before_merge: Status | None = None
    sections: tuple[UUID, int, Mapping[str, int]] | None = None
    seen: frozenset[str] = frozenset()
    reason: None = None
    reason_before_merge: None = None

    @property
    def opened_at(self) -> datetime:
        """When the ticket was opened."""
        return self.moments[0].at


def evolve_clocks(clocks: Clocks | None, event: Event, facts: Facts) -> Clocks | None:
    """Return the clocks after *event*. Never raises; events before the opening are passed over.

    Args:
        clocks: as they were; ``None`` before the first event.
        event: of the ticket.
        facts: what rules know just after *event*; kept, and asked later where a rule looks at them.
    """
    if clocks is None:
        return _opened(event, facts) if isinstance(event, ev.Opened) else None
    rule = _RULES.get(event.TOPIC)
    if rule is not None:
        return rule(clocks, event)
    if event.TOPIC in _SILENT:
        return clocks
    changes = standing(clocks, event)
    status: Any = changes.get("status", clocks.status)
    if event.TOPIC == ev.Updated.TOPIC and status is clocks.status:
        return clocks  # another system's own fields
    inbound = reply = False
    if isinstance(event, ev.Commented):
        inbound = event.direction is Direction.INBOUND
        reply = event.direction is Direction.OUTBOUND and event.meta.actor.is_staff
    values: dict[str, Any] = {"points": _pointed(clocks, event, facts)}
    if status is not clocks.status:
        values["status"] = status
        if event.TOPIC == ev.Merged.TOPIC:
            values["before_merge"] = clocks.status
    if inbound or reply or status is not clocks.status:
        solved = status is Status.SOLVED and clocks.status is not status and event.TOPIC != ev.Unmerged.TOPIC
        values["moments"] = _moved(clocks.moments, event, status, inbound, reply, solved)
    return clocks._replace(**values)


def _opened(event: ev.Opened, facts: Facts) -> Clocks:
    at, version, status = (
        event.meta.occurred_at,
        event.originator_version,
        Status.OPEN if event.agent_id else Status.NEW,
    )
    moment = Moment(at, version, version, event.meta.command_id, status, event.direction is Direction.INBOUND)
    return Clocks(status, (moment,), (Point(at, version, event.TOPIC, facts),), event.direction)


def _moved(
    moments: tuple[Moment, ...], event: Event, status: Status, inbound: bool, reply: bool, solved: bool
) -> tuple[Moment, ...]:
    """Return the moments with *event*: part of the last one where it is of the same command and instant."""
    at, version, command, last = event.meta.occurred_at, event.originator_version, event.meta.command_id, moments[-1]
    if last.command == command and last.at == at and len(moments) > 1:
        inbound, reply, solved = last.inbound or inbound, last.reply or reply, last.solved or solved
        return (*moments[:-1], Moment(at, last.first, version, command, status, inbound, reply, solved))
    return (*moments, Moment(at, version, version, command, status, inbound, reply, solved))


def _pointed(clocks: Clocks, event: Event, facts: Facts) -> tuple[Point, ...]:
    """Return the points with *event*.

    What a policy decides about an event holds from that event on, whenever its worker came to it; only where promises
    were recorded since, or somebody decided the same since, it holds from now on.
    """
    basis = None
    if clocks.sections is not None and _by_policy(event):
        command, version, bases = clocks.sections
        if command == event.meta.command_id and clocks.looked <= version:
            basis = bases.get(event.TOPIC)
    points = clocks.points
    if basis is None or any(point.order > basis and point.topic == event.TOPIC for point in points):
        return (*points, Point(event.meta.occurred_at, event.originator_version, event.TOPIC, facts))
    last = max((index for index, point in enumerate(points) if point.order <= basis), default=0)
    fields = {name: facts.value(name) for name in _FIELDS[event.TOPIC]}
    return (*points[:last], *(point._replace(facts=point.facts.but(fields)) for point in points[last:]))


def _decided(clocks: Clocks, event: sv.PolicyDecided) -> Clocks:
    """Note what was decided of promises, and about which events the command's other decisions are.

    The first agent counts from the opening: had the worker come at once, the ticket would have been given to one then.
    """
    sections: dict[str, int] = {}
    decided, looked, seen = dict(clocks.decided), clocks.looked, set(clocks.seen)
    for decision in event.decisions:
        topics, section, basis = _TOPICS.get(decision.section, ()), decision.section.value, decision.basis
        if decision.section is sv.Section.SLA and basis is not None:
            rule = None if decision.rule == NO_RULE else decision.rule
            decided[decision.outcome.get("policy", event.policy), basis] = rule
            looked = event.originator_version
        elif topics:
            if decision.section is sv.Section.ASSIGNMENT and section not in seen:
                basis = clocks.points[0].order
            elif decision.section is sv.Section.ASSIGNMENT:
                basis = sections.get(ev.Assigned.TOPIC)  # with its team, where that was found anew, else from now on
            for topic in topics:
                if basis is not None and basis > clocks.looked:
                    sections[topic] = max(basis, sections.get(topic, 0))
            seen.add(section)
    return clocks._replace(
        decided=tuple(decided.items()),
        looked=looked,
        seen=frozenset(seen),
        sections=(event.meta.command_id, event.originator_version, sections) if sections else None,
    )


def _fact(kind: str) -> Callable[[Clocks, Any], Clocks]:
    def record(clocks: Clocks, event: Any) -> Clocks:
        if not _by_policy(event):
            return clocks._replace(foreign=clocks.foreign | {event.target})
        due_at = getattr(event, "due_at", None)
        recorded = (*clocks.recorded, Recorded(event.target, kind, event.meta.occurred_at, due_at))
        return clocks._replace(recorded=recorded, looked=event.originator_version)

    return record


def _measured(clocks: Clocks, event: sv.Measured) -> Clocks:
    values = tuple(getattr(event, name) for name in MEASURES)
    return clocks._replace(measured=values, measured_version=event.originator_version)


def _by_policy(event: Event) -> bool:
    return event.meta.actor.role is Role.POLICY


NO_RULE = "none"
"""The rule that a decision names where no rule fitted."""

_TOPICS = {
    sv.Section.CLASSIFICATION: (ev.Classified.TOPIC, ev.Prioritised.TOPIC),
    sv.Section.PRIORITY: (ev.Prioritised.TOPIC,),
    sv.Section.ROUTING: (ev.Assigned.TOPIC,),
    sv.Section.ASSIGNMENT: (ev.Assigned.TOPIC,),
}
_FIELDS = {
    ev.Classified.TOPIC: ("category", "subcategory", "tags"),
    ev.Prioritised.TOPIC: ("priority", "impact", "urgency"),
    ev.Assigned.TOPIC: ("team", "agent"),
}
_SILENT = frozenset(
    f"ticket.{name}"
    for name in (
        "comment_corrected", "redacted", "time_logged", "linked", "unlinked", "delivery_attempted", "delivered", "delivery_failed",
        "delivery_requested", "delivery_dropped", "bounced", "notified", "checklist_added", "step_ticked", "step_unticked",
        "split_off", "follow_up_opened", "absorbed", "released", "participant_added", "participant_removed",
    )
)  # fmt: skip
"""Events that change nothing that clocks depend on."""
_RULES: dict[str, Callable[[Clocks, Any], Clocks]] = {
    "ticket.policy_decided": _decided,
    "ticket.measured": _measured,
    **{
        f"ticket.sla_{kind}": _fact(kind)
        for kind in ("applied", "paused", "resumed", "warned", "withdrawn", "fulfilled", "breached")
    },
}

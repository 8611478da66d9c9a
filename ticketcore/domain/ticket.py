"""The state of a ticket as a fold over its events. It holds what decisions need, and nothing personal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.domain import delivery_events, service_events  # noqa: F401 -- they fill EVENT_CLASSES
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import EVENT_CLASSES
from ticketcore.domain.deliveries import begun, evolve_deliveries
from ticketcore.domain.transitions import TRANSITIONS
from ticketcore.domain.types import Channel, Direction, Level, LinkKind, Priority, SlaTarget, Status
from ticketcore.ids import number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.base import Event
    from ticketcore.domain.deliveries import Delivery
    from ticketcore.domain.service_events import ChecklistAdded, SlaResumed

__all__ = ["MEASURES", "Checklist", "Ticket", "evolve", "opened", "project", "standing"]


class Checklist(NamedTuple):
    """Steps to do on a ticket. ``required``: people can't solve it while a step is not ticked."""

    name: str
    steps: tuple[str, ...]
    required: bool = False
    ticked: frozenset[str] = frozenset()

    @property
    def open(self) -> tuple[str, ...]:
        """The steps that are not ticked, in order."""
        return tuple(step for step in self.steps if step not in self.ticked)


class Ticket(NamedTuple):
    """What a ticket is now.

    Attributes:
        last_at: the newest event's ``occurred_at``.
        comments: versions of the events that hold a message, the opening among them, in order.
        redacted: versions of the events whose personal content is gone.
        persons: ``(version, person)`` of each message: its author where known, else the requester of that time.
        before_merge: the status that unmerging brings back, with ``reason_before_merge``.
        links: ``(other ticket, kind, inverse)``.
        sla: ``(target, "active" | "paused" | "fulfilled" | "breached" | "withdrawn")``.
        sla_terms: ``(target, due time, policy)`` as last applied or resumed.
        sla_warned: ``(target, warned at, due time)`` of every warning since it was last applied.
        measured: the values of the last ``ticket.measured``, in the order of its fields.
        checklists: in the order in which they were added.
        deliveries: how far each outgoing mail is, in order of their comments.
    """

    id: UUID
    version: int
    status: Status
    channel: Channel
    opened_at: datetime
    last_at: datetime
    requester_id: UUID | None = None
    external: str | None = None
    team_id: str | None = None
    agent_id: str | None = None
    category: str | None = None
    subcategory: str | None = None
    tags: tuple[str, ...] = ()
    impact: Level | None = None
    urgency: Level | None = None
    priority: Priority | None = None
    reason: str | None = None
    source_state: str | None = None
    participants: frozenset[UUID] = frozenset()
    comments: tuple[int, ...] = ()
    persons: tuple[tuple[int, UUID], ...] = ()
    corrections: tuple[tuple[int, int], ...] = ()
    redacted: frozenset[int] = frozenset()
    merged_into: UUID | None = None
    before_merge: Status | None = None
    reason_before_merge: str | None = None
    absorbed: frozenset[UUID] = frozenset()
    links: frozenset[tuple[UUID, LinkKind, bool]] = frozenset()
    split_off: tuple[UUID, ...] = ()
    follow_ups: tuple[UUID, ...] = ()
    sla: tuple[tuple[SlaTarget, str], ...] = ()
    score: int | None = None
    reopens: int = 0
    seconds_logged: int = 0
    sla_terms: tuple[tuple[SlaTarget, datetime | None, str], ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    sla_warned: tuple[tuple[SlaTarget, datetime, datetime], ...] = ()
    measured: tuple[str | float | None, ...] = ()
    checklists: tuple[Checklist, ...] = ()

    @property
    def number(self) -> str:
        """The ticket's number as people write it."""
        return number_of(self.id)

    def belongs_to(self, identities: Collection[UUID]) -> bool:
        """Return whether one of *identities*, the records that are one person, is its requester or a participant."""
        return self.requester_id in identities or any(person in identities for person in self.participants)


class _Draft:
    """A ticket in the making: its fields as attributes, private to one fold; what was never set has its default."""


for _name, _default in Ticket._field_defaults.items():
    setattr(_Draft, _name, _default)
_INDEX = {name: index for index, name in enumerate(Ticket._fields)}


def project(state: Ticket | None, events: Iterable[Event]) -> Ticket | None:
    """Fold *events* into *state*; the repository's projector function."""
    if state is not None:  # a command's few events
        for event in events:
            state = evolve(state, event) or state
        return state
    draft: Any = _Draft()
    fields = draft.__dict__
    last: Event | None = None
    for event in events:
        last = event
        if fields:
            topic, source = event.TOPIC, event.meta.source
            change = _CHANGES.get(topic)
            changes = None if change is None else change(draft, event)  # by what it was before
            if topic in _TARGETS:
                fields.update(_moved(event))
            elif source is not None and source.state is not None:
                fields["source_state"] = source.state
            if changes:
                fields.update(changes)
        elif event.TOPIC == ev.Opened.TOPIC:
            fields.update(_opening(event))
    if last is None or not fields:
        return None
    fields["version"], fields["last_at"] = last.originator_version, last.meta.occurred_at
    return Ticket(**fields)


def evolve(state: Ticket | None, event: Event) -> Ticket | None:
    """Return the state after *event*. Never raises: whatever was recorded happened.

    Events before the opening are passed over.
    """
    if state is None:
        return opened(event) if isinstance(event, ev.Opened) else None
    changes = _moved(event)
    changes["version"], changes["last_at"] = event.originator_version, event.meta.occurred_at
    change = _CHANGES.get(event.TOPIC)
    if change is not None:
        changes.update(change(state, event))
    values: list[Any] = list(state)  # a fifth of what _replace() costs
    for name, value in changes.items():
        values[_INDEX[name]] = value
    return Ticket._make(values)


def standing(state: Any, event: Event) -> Mapping[str, object]:
    """Return what *event*, not the first one, changes of where a ticket stands, by the rules of :func:`evolve`.

    That is status, source state, team, agent, category, priority, requester and merge; nothing that grows with the ticket.

    Args:
        state: with these as attributes, ``reason`` and ``reason_before_merge`` among them.
        event: of the ticket.
    """
    topic, source = event.TOPIC, event.meta.source
    rule = _STANDING.get(topic)
    if topic in _TARGETS or (source is not None and source.state is not None):
        changes = _moved(event)
        if rule is not None:
            changes.update(rule(state, event))
        return changes
    return _SAME if rule is None else rule(state, event)


def _moved(event: Event) -> dict[str, object]:
    """Return what an event changes by its type and meta alone."""
    changes: dict[str, object] = {}
    if event.TOPIC in _TARGETS:
        changes["status"], gives_reason = _TARGETS[event.TOPIC]
        changes["reason"] = event.reason if gives_reason else None  # type: ignore[attr-defined]
    source = event.meta.source
    if source is not None and source.state is not None:
        changes["source_state"] = source.state
    return changes


_SAME: Mapping[str, object] = {}
_TARGETS = {
    topic: (move.target, "reason" in EVENT_CLASSES[topic].model_fields)
    for topic, move in TRANSITIONS.items()
    if move.target is not None
}
"""Topic -> the status that it leads to, and whether the event gives a reason."""


def opened(event: ev.Opened) -> Ticket:
    """Return the ticket that an opening makes."""
    return Ticket(**_opening(event))


def _opening(event: Any) -> dict[str, Any]:
    meta = event.meta
    return {
        "id": event.originator_id,
        "version": event.originator_version,
        "status": Status.OPEN if event.agent_id else Status.NEW,
        "channel": event.channel,
        "opened_at": meta.occurred_at,
        "last_at": meta.occurred_at,
        "requester_id": event.requester_id,
        "external": event.external,
        "team_id": event.team_id,
        "agent_id": event.agent_id,
        "category": event.category,
        "subcategory": event.subcategory,
        "tags": event.tags,
        "impact": event.impact,
        "urgency": event.urgency,
        "priority": event.priority,
        "source_state": meta.source.state if meta.source else None,
        "comments": (event.originator_version,),
        "persons": ((event.originator_version, event.requester_id),) if event.requester_id else (),
        "deliveries": begun(event),
    }


def _assigned(t: Ticket, e: ev.Assigned) -> Mapping[str, object]:
    status = Status.OPEN if t.status is Status.NEW and e.agent_id else t.status
    return {"team_id": e.team_id, "agent_id": e.agent_id, "status": status}


def _commented(t: Ticket, e: ev.Commented) -> Mapping[str, object]:
    person = e.author_id or t.requester_id
    return {
        "comments": (*t.comments, e.originator_version),
        "persons": (*t.persons, (e.originator_version, person)) if person else t.persons,
        **_answered(t, e),
        "deliveries": t.deliveries + begun(e),
    }


def _answered(t: Ticket, e: ev.Commented) -> Mapping[str, object]:
    first = t.status is Status.NEW and e.direction is Direction.OUTBOUND and e.meta.actor.is_staff
    return {"status": Status.OPEN} if first else {}


def _delivery(t: Ticket, e: Event) -> Mapping[str, object]:
    return {"deliveries": evolve_deliveries(t.deliveries, e)}


def _sla_applied(t: Ticket, e: ev.SlaApplied) -> Mapping[str, object]:
    terms = (*(known for known in t.sla_terms if known[0] is not e.target), (e.target, e.due_at, e.policy))
    warned = tuple(known for known in t.sla_warned if known[0] is not e.target)
    return {**_sla(t, e.target, "active"), "sla_terms": terms, "sla_warned": warned}


def _sla_resumed(t: Ticket, e: SlaResumed) -> Mapping[str, object]:
    terms = tuple((target, e.due_at if target is e.target else due, policy) for target, due, policy in t.sla_terms)
    return {**_sla(t, e.target, "active"), "sla_terms": terms}


def _checklist(t: Ticket, name: str, change: Callable[[Checklist], Checklist]) -> Mapping[str, object]:
    return {"checklists": tuple(change(known) if known.name == name else known for known in t.checklists)}


def _checklist_added(t: Ticket, e: ChecklistAdded) -> Mapping[str, object]:
    if all(known.name != e.checklist for known in t.checklists):
        return {"checklists": (*t.checklists, Checklist(e.checklist, e.steps, e.required))}
    return _checklist(
        t, e.checklist, lambda known: Checklist(e.checklist, e.steps, e.required, known.ticked.intersection(e.steps))
    )


def _sla(t: Ticket, target: SlaTarget, value: str) -> Mapping[str, object]:
    return {"sla": (*((k, v) for k, v in t.sla if k is not target), (target, value))}


MEASURES = (
    "policy", "calendar", "first_reply_seconds", "first_solved_seconds", "last_solved_seconds", "requester_wait_seconds",
    "agent_wait_seconds",
)  # fmt: skip
"""The fields of a ``ticket.measured``."""

_CHANGES: dict[str, Callable[[Ticket, Any], Mapping[str, object]]] = {
    "ticket.classified": lambda _, e: {"category": e.category, "subcategory": e.subcategory, "tags": e.tags},
    "ticket.prioritised": lambda _, e: {"impact": e.impact, "urgency": e.urgency, "priority": e.priority},
    "ticket.assigned": _assigned,
    "ticket.unassigned": lambda *_: {"team_id": None, "agent_id": None},
    "ticket.commented": _commented,
    "ticket.comment_corrected": lambda t, e: {"corrections": (*t.corrections, (e.originator_version, e.comment))},
    "ticket.participant_added": lambda t, e: {"participants": t.participants | {e.customer_id}},
    "ticket.participant_removed": lambda t, e: {"participants": t.participants - {e.customer_id}},
    "ticket.requester_changed": lambda _, e: {"requester_id": e.requester_id},
    "ticket.reopened": lambda t, _: {"reopens": t.reopens + 1},
    "ticket.merged": lambda t, e: {
        "merged_into": e.target_id,
        "before_merge": t.status,
        "reason_before_merge": t.reason,
    },
    "ticket.unmerged": lambda t, _: {
        "merged_into": None,
        "before_merge": None,
        "reason_before_merge": None,
        "reason": t.reason_before_merge,
        "status": t.before_merge or Status.OPEN,
    },
    "ticket.absorbed": lambda t, e: {"absorbed": t.absorbed | {e.source_id}},
    "ticket.released": lambda t, e: {"absorbed": t.absorbed - {e.source_id}},
    "ticket.split_off": lambda t, e: {"split_off": (*t.split_off, e.new_id)},
    "ticket.linked": lambda t, e: {"links": t.links | {(e.other_id, e.kind, e.inverse)}},
    "ticket.unlinked": lambda t, e: {"links": t.links - {(e.other_id, e.kind, e.inverse)}},
    "ticket.follow_up_opened": lambda t, e: {"follow_ups": (*t.follow_ups, e.new_id)},
    "ticket.rated": lambda _, e: {"score": e.score},
    "ticket.sla_applied": _sla_applied,
    "ticket.sla_fulfilled": lambda t, e: _sla(t, e.target, "fulfilled"),
    "ticket.sla_breached": lambda t, e: _sla(t, e.target, "breached"),
    "ticket.sla_paused": lambda t, e: _sla(t, e.target, "paused"),
    "ticket.sla_resumed": _sla_resumed,
    "ticket.sla_warned": lambda t, e: {"sla_warned": (*t.sla_warned, (e.target, e.warned_at, e.due_at))},
    "ticket.sla_withdrawn": lambda t, e: _sla(t, e.target, "withdrawn"),
    "ticket.measured": lambda _, e: {"measured": tuple(getattr(e, name) for name in MEASURES)},
    "ticket.checklist_added": _checklist_added,
    "ticket.step_ticked": lambda t, e: _checklist(t, e.checklist, lambda c: c._replace(ticked=c.ticked | {e.step})),
    "ticket.step_unticked": lambda t, e: _checklist(t, e.checklist, lambda c: c._replace(ticked=c.ticked - {e.step})),
    "ticket.time_logged": lambda t, e: {"seconds_logged": t.seconds_logged + e.seconds},
    "ticket.updated": lambda t, e: {"status": e.status or t.status},
    "ticket.redacted": lambda t, e: {"redacted": t.redacted | {e.version}},
    **dict.fromkeys(
        (
            "ticket.delivery_attempted", "ticket.delivered", "ticket.delivery_failed", "ticket.delivery_requested",
            "ticket.delivery_dropped", "ticket.bounced",
        ),
        _delivery,
    ),
}  # fmt: skip

_STANDING: dict[str, Callable[[Ticket, Any], Mapping[str, object]]] = {
    "ticket.commented": _answered,
    **{
        f"ticket.{name}": _CHANGES[f"ticket.{name}"]
        for name in (
            "classified", "prioritised", "assigned", "unassigned", "requester_changed", "merged", "unmerged", "updated",
        )
    },
}  # fmt: skip

"""The section of promises: brings what is recorded of a ticket's SLA clocks up to what they are.

What happened is recorded at its true time, however late somebody looks; what is recorded is never taken back.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ticketcore.domain import service_commands as sc
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain.commands import build
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.types import SlaTarget
from ticketcore.policy.clocks import NO_RULE
from ticketcore.policy.conditions import saw
from ticketcore.policy.courses import Entry, course
from ticketcore.policy.duration import format_business
from ticketcore.policy.measures import measures
from ticketcore.policy.steps import Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from uuid import UUID

    from ticketcore.domain.ticket_commands import TicketCommand
    from ticketcore.policy.clocks import Clocks, Recorded
    from ticketcore.policy.courses import Course
    from ticketcore.policy.segments import InForce
    from ticketcore.policy.steps import View
    from ticketcore.policy.terms import Match

__all__ = ["next_wake", "promise_steps", "sla_steps", "sla_wake"]

_TICK = timedelta(microseconds=1)
_RUNS = ("applied", "resumed", "paused")
"""What happened last to a promise that runs or stands still."""


def sla_steps(view: View) -> list[Step]:
    """Return what is to be recorded of the ticket's promises now: nothing where all of it is."""
    return promise_steps(view.case.ticket.id, view.clocks, view.schedule, view.now)


def sla_wake(view: View) -> datetime | None:
    """Return when a warning or a breach is to be recorded though nothing happens until then."""
    return next_wake(view.clocks, view.schedule, view.now)


def promise_steps(ticket: UUID, clocks: Clocks, schedule: InForce, now: datetime) -> list[Step]:
    """Return what is to be recorded of a ticket's promises at *now*: nothing where all of it is."""
    found = course(clocks, schedule, now)
    steps = [Step(decision, ()) for decision in _decisions(clocks, found)]
    commands = [*_missing(ticket, clocks, found), *_measure(ticket, clocks, schedule)]
    return [*steps, Step(None, tuple(commands))] if commands else steps


def next_wake(clocks: Clocks, schedule: InForce, now: datetime) -> datetime | None:
    """Return when something is to be recorded though nothing happens until then: a warning, or a breach."""
    found = course(clocks, schedule, now)
    times = []
    for target in _own(clocks):
        clock = found.latest(target)
        if clock is not None and clock.state == "active" and clock.due_at is not None:
            times += [clock.due_at, clock.warns_at or clock.due_at]
    return max(min(times), now) + _TICK if times else None  # kept at the due time itself is kept


def _own(clocks: Clocks) -> Iterator[SlaTarget]:
    """Yield the targets about which nobody but policies recorded anything."""
    return (target for target in SlaTarget if target not in clocks.foreign)


def _decisions(clocks: Clocks, found: Course) -> Iterator[PolicyDecision]:
    """Yield the decisions that are not recorded: under which rule the ticket falls, and what it was found by."""
    known = dict(clocks.decided)
    for match in found.matches:
        if match.book.rules and (match.book.policy, match.point.order) not in known:
            yield PolicyDecision(
                section=Section.SLA,
                rule=match.rule.rule if match.rule is not None else NO_RULE,
                basis=match.point.order,
                saw=_saw(match),
                outcome=_outcome(match),
            )


def _saw(match: Match) -> dict[str, str]:
    asked: Iterable[Any] = match.book.rules.values() if match.rule is None else (match.rule,)
    found = saw([rule.when for rule in asked], match.point.facts)
    said = match.point.facts.value("priority") is not None
    return {"priority": str(match.priority) if said else f"not set: {match.priority}", **found}


def _outcome(match: Match) -> dict[str, str]:
    outcome = {"policy": match.book.policy}
    for target, terms in match.terms.items():
        outcome["calendar"] = terms.calendar_name
        outcome[target.value] = format_business(terms.promised)
    return outcome


def _missing(ticket: UUID, clocks: Clocks, found: Course) -> list[TicketCommand]:
    """Return the commands that record what happened to promises and is not recorded.

    What is recorded of a target is what it had come to at an earlier look, so the rest is missing. Where it is not, as
    facts from outside the ticket were others then (who belongs to which organisation, a country's holidays), what was
    recorded stays, where the promise stands is brought up to date, and what happened since is added.
    """
    missing: list[Entry] = []
    for target in _own(clocks):
        recorded = [one for one in clocks.recorded if one.target is target]
        entries = [entry for entry in found.entries if entry.target is target]
        begun = [(entry.kind, entry.due_at) for entry in entries[: len(recorded)]]
        if begun == [(one.kind, one.due_at) for one in recorded]:
            missing += entries[len(recorded) :]
        else:
            missing += _settled(recorded, entries)
    missing.sort(key=lambda entry: entry.at)
    return [_command(ticket, entry) for entry in missing]


def _settled(recorded: Sequence[Recorded], entries: Sequence[Entry]) -> Iterator[Entry]:
    """Yield what leads from where a promise stands by the log to where it stood when it was last recorded, and goes on."""
    seen_at = recorded[-1].seen_at
    stands = next((one for one in reversed(recorded) if one.kind != "warned"), recorded[-1])
    stood = [entry for entry in entries if entry.at <= seen_at and entry.kind != "warned"]
    running = stands.kind in _RUNS
    if not stood or stood[-1].kind not in _RUNS:
        if running:
            yield stood[-1] if stood else Entry(stands.target, "withdrawn", seen_at, reason="no promise")
    else:
        last = stood[-1]
        paused = last.kind == "paused"
        if not (stands.kind == "paused" if paused else running and stands.due_at == last.due_at):
            policy = next(entry.policy for entry in reversed(stood) if entry.kind == "applied")
            yield last._replace(kind="applied", policy=policy)
            if paused:
                yield last
    yield from (entry for entry in entries if entry.at > seen_at)


def _measure(ticket: UUID, clocks: Clocks, schedule: InForce) -> Iterator[TicketCommand]:
    found = measures(clocks, schedule)
    if found is not None:
        version, values = found
        if version > clocks.measured_version and tuple(values) != clocks.measured:
            yield build(sc.Measure, ticket_id=ticket, **values._asdict())


def _command(ticket: UUID, entry: Entry) -> TicketCommand:
    what: dict[str, Any] = {"ticket_id": ticket, "target": entry.target}
    if entry.kind == "applied":
        return build(tc.ApplySla, **what, due_at=entry.due_at, policy=entry.policy)
    if entry.kind == "paused":
        return build(sc.PauseSla, **what, at=entry.at, elapsed_seconds=entry.elapsed.total_seconds())
    if entry.kind == "resumed":
        return build(sc.ResumeSla, **what, at=entry.at, due_at=entry.due_at)
    if entry.kind == "warned":
        return build(sc.WarnSla, **what, warned_at=entry.at, due_at=entry.due_at)
    if entry.kind == "withdrawn":
        return build(sc.WithdrawSla, **what, at=entry.at, reason=entry.reason)
    if entry.kind == "fulfilled":
        return build(tc.FulfilSla, **what, fulfilled_at=entry.at)
    return build(tc.BreachSla, **what, breached_at=entry.at)

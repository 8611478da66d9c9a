"""What a policy would have decided about the tickets of a log, beside what was done. Only reads."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.domain.types import SlaTarget
from ticketcore.ids import number_of
from ticketcore.policy.as_if import AsIf
from ticketcore.policy.beside import Tally
from ticketcore.policy.courses import course
from ticketcore.policy.look_back import LookBack
from ticketcore.policy.outcomes import Outcome, derived_outcome, recorded_outcomes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ticketcore.app import TicketCore
    from ticketcore.domain.base import Event
    from ticketcore.policy.as_if import Imagined
    from ticketcore.policy.beside import Beside, RuleCount
    from ticketcore.policy.courses import Course
    from ticketcore.policy.document import PolicyDocument
    from ticketcore.policy.outside import Outside
    from ticketcore.policy.schedule import Schedule

__all__ = ["DryRun", "Judge", "Judged", "Rules", "Said", "dry_run"]

_NEVER = Outcome.NONE


class Said(NamedTuple):
    """What one side says of a ticket: who did the work, or the policy. ``None``: nothing.

    Attributes:
        category: of the company the last one; of the policy the one at the opening.
        priority, team: the first that was said; of the policy those at the opening.
        last_priority, last_team: after the newest event.
        first_reply, next_reply, resolution: what became of the promises.
    """

    category: str | None
    priority: str | None
    last_priority: str | None
    team: str | None
    last_team: str | None
    first_reply: Outcome = _NEVER
    next_reply: Outcome = _NEVER
    resolution: Outcome = _NEVER


class Rules(NamedTuple):
    """The rules that decided at the opening; ``None`` where none did.

    Attributes:
        sets: the category that the classification rule sets, be it that the ticket tells another.
    """

    classification: str | None
    sets: str | None
    priority: str | None
    routing: str | None
    sla: str | None


class Judged(NamedTuple):
    """One ticket, both sides beside each other.

    Attributes:
        external: its number in another system.
        status: the newest.
        replies: public replies of staff.
        told: whether it had a category from its opening on, which stays.
    """

    number: str
    external: str | None
    opened_at: datetime
    status: str
    replies: int
    told: bool
    company: Said
    policy: Said
    rules: Rules


class DryRun(NamedTuple):
    """What a policy would have decided, and where it differs.

    Attributes:
        policy: the document's name.
        since, until: tickets opened in ``[since, until)``; ``None``: at any time.
        position: the log's, up to which it was read.
        now: when promises that run were looked at.
        tickets: how many were looked at.
        solved: how many of them are solved or closed.
        replied: to how many staff replied publicly.
        told: how many had a category from their opening on: it stays, whatever the rules say.
        unreadable: numbers of tickets with events that this release can't read; they are left out.
        rules: what decided, section by section in the order of the document.
        aspects: both sides beside each other.
    """

    policy: str
    since: datetime | None
    until: datetime | None
    position: int
    now: datetime
    tickets: int
    solved: int
    replied: int
    told: int
    unreadable: tuple[str, ...]
    rules: tuple[RuleCount, ...]
    aspects: tuple[Beside, ...]


def dry_run(
    core: TicketCore,
    document: PolicyDocument,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    now: datetime | None = None,
    progress: Callable[[int], None] = lambda _: None,
    on_ticket: Callable[[Judged], None] = lambda _: None,
) -> DryRun:
    """Return what *document* would have decided about past tickets, had it always been in force, beside what was done.

    Classification, priority and team are asked for at each ticket's opening by what was known then, and again at each
    change of it; see :mod:`ticketcore.policy.as_if`. Promises run by what the policy says. Nothing is written.

    Args:
        core: opened with the keys where rules look at texts.
        document: the policy.
        since: aware; only tickets opened at or after.
        until: aware; only tickets opened before.
        now: aware; when promises that still run are looked at; the present where it is not given.
        progress: told how many tickets more were looked at.
        on_ticket: told of each ticket, in the order of their numbers.
    Raises:
        StoreUnavailable: the log is away.
        KeyMissing: a text can't be opened with the keys that are here, and a rule looks at it.
    """
    look, now = LookBack(core, document, since, until), now or datetime.now(UTC)
    judge, tally, unreadable = Judge(look.schedule, look.outside, now), Tally(document), list[str]()
    for id_, events in look.tickets(progress):
        judged = judge.judge(events)
        if judged is None:
            unreadable.append(number_of(id_))
            continue
        tally.add(judged)
        on_ticket(judged)
    return DryRun(
        document.name, since, until, look.position, now, tally.tickets, tally.solved, tally.replied, tally.told, tuple(unreadable),
        tally.rules(), tally.aspects(),
    )  # fmt: skip


class Judge:
    """Asks one policy about tickets, one after the other.

    Args:
        schedule: of the policy that is tried, see :func:`~ticketcore.policy.past.always`.
        outside: answers what the events do not tell.
        now: when promises that still run are looked at; a ticket's newest event counts where that is later.
    """

    def __init__(self, schedule: Schedule, outside: Outside, now: datetime) -> None:
        policy = schedule.in_force(now)
        assert policy is not None  # noqa: S101 -- it was always
        self._schedule, self._now, self._as_if = schedule, now, AsIf(policy, outside)

    def judge(self, events: Sequence[Event]) -> Judged | None:
        """Return the ticket of *events*, all of it in order, as both sides see it; ``None`` for no event."""
        found = self._as_if.imagine(events)
        if found is None:
            return None
        ticket = found.case.ticket
        run = course(found.clocks, self._schedule, max(self._now, events[-1].meta.occurred_at))
        return Judged(
            ticket.number,
            ticket.external,
            ticket.opened_at,
            ticket.status.value,
            found.case.replies,
            found.told,
            _company(events, found),
            _policy(found, run),
            _rules(found, run),
        )


def _company(events: Iterable[Event], found: Imagined) -> Said:
    ticket, first = found.case.ticket, _First()
    for event in events:
        first.see(event)
    kept = recorded_outcomes(events, found.case)
    return Said(
        ticket.category, first.priority, _value(ticket.priority), first.team, ticket.team_id,
        *(kept[target] for target in _TARGETS),
    )  # fmt: skip


class _First:
    """The first priority and team that were said of a ticket."""

    def __init__(self) -> None:
        self.priority: str | None = None
        self.team: str | None = None

    def see(self, event: Any) -> None:
        topic = event.TOPIC
        if self.priority is None and topic in ("ticket.opened", "ticket.prioritised"):
            self.priority = _value(event.priority)
        if self.team is None and topic in ("ticket.opened", "ticket.assigned"):
            self.team = event.team_id


def _policy(found: Imagined, run: Course) -> Said:
    opening, last = found.opening.ticket, found.last.ticket
    return Said(
        opening.category, _value(opening.priority), _value(last.priority), opening.team_id, last.team_id,
        *(derived_outcome(run.clocks, target)[0] for target in _TARGETS),
    )  # fmt: skip


def _rules(found: Imagined, run: Course) -> Rules:
    opening = found.opening
    rule, promise = opening.classification, run.matches[0].rule if run.matches else None
    return Rules(
        None if rule is None else rule.rule, None if rule is None else rule.set.category, opening.priority, opening.routing,
        None if promise is None else promise.rule,
    )  # fmt: skip


def _value(value: Any) -> str | None:
    return None if value is None else str(value.value)


_TARGETS = (SlaTarget.FIRST_REPLY, SlaTarget.NEXT_REPLY, SlaTarget.RESOLUTION)

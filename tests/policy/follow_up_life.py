"""One ticket under a policy, with a clock of its own: what happens, what time passes, and what the rules then record.

The engine is asked as a worker asks it: after each event, and on the wake-up times that it gave, or later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.domain import given as g
from ticketcore.domain import delivery_commands as dc
from ticketcore.domain import service_events as sv
from ticketcore.domain import ticket_commands as tc
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event, Meta, Source
from ticketcore.domain.commands import Command, build
from ticketcore.domain.context import Context
from ticketcore.domain.decide import decide
from ticketcore.domain.service_commands import FollowPolicy
from ticketcore.domain.service_events import Section
from ticketcore.domain.types import Actor, BounceKind, Channel, DeliveryState, Direction, Role, Status
from ticketcore.policy import engine
from ticketcore.policy.case import Case, project_case
from ticketcore.policy.desk import Desk
from ticketcore.policy.engine import Plan, reconcile
from ticketcore.policy.outside import Letter, Nowhere
from ticketcore.policy.schedule import Adopted, Schedule
from ticketcore.policy.source import load_policy

START = datetime.fromisoformat("2026-03-02T09:00:00+00:00")
"""A Monday."""
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
KIM, OUTGOING = Actor.customer("C-2026-000007-C"), Actor.system("outgoing")
SECTIONS = tuple(part for part in engine.SECTIONS if part.name in (Section.CHECKLIST, Section.FOLLOW_UP))
"""What is looked at here: not who gets the ticket, and until when."""

HEAD = """
name: test
calendar: office
calendars: {office: {zone: UTC, hours: {mon-fri: ["09:00-17:00"]}}}
teams: {desk: {}, second-line: {}, leads: {}}
default_team: desk
checklists:
  return: {steps: [label printed, device wiped], required: true}
"""


def rules(*lines: str, more: str = "") -> str:
    """Return a policy document with these follow-up rules."""
    return HEAD + more + "follow_up:\n" + "".join(f"  - {line}\n" for line in lines)


class Letters(Nowhere):
    """Letters in English, but for those that are withheld: template -> why."""

    def __init__(self, withheld: Mapping[str, str]) -> None:
        self.withheld = withheld

    def letter(self, ticket: UUID, template: str, now: datetime) -> Letter:
        if template in self.withheld:
            return Letter(withheld=self.withheld[template])
        return Letter(f"the {template}", "en")


@dataclass
class Life:
    """A ticket from its opening at :data:`START` on.

    Attributes:
        policies: document -> effective at.
        withheld: template -> why it can't be written.
        events: all that was recorded.
        worked: at which times the rules did something.
        mails_go_out: what rules write is sent a minute later, and comes back another minute later.
    """

    policies: Mapping[str, datetime]
    withheld: Mapping[str, str] = field(default_factory=dict)
    now: datetime = START
    events: list[Event] = field(default_factory=list)
    worked: list[datetime] = field(default_factory=list)
    working: bool = True
    mails_go_out: bool = False

    def __post_init__(self) -> None:
        adopted = enumerate(self.policies.items(), 1)
        self.schedule = Schedule(Adopted(n, at, load_policy(text)) for n, (text, at) in adopted)
        meta = Meta(occurred_at=self.now, actor=KIM, command_id=UUID(int=1))
        opened: dict[str, Any] = {
            "channel": Channel.MAIL,
            "requester_id": g.C1,
            "direction": Direction.INBOUND,
            "subject": "Help",
        }
        self._record([ev.Opened(originator_id=g.T1, originator_version=1, meta=meta, **opened)])
        self.works()

    @property
    def case(self) -> Case:
        found = project_case(None, self.events)
        assert found is not None
        return found

    @property
    def status(self) -> Status:
        return self.case.ticket.status

    def does(self, cls: type[Command], *, by: Actor = g.ANA, **values: Any) -> None:
        """Somebody does something now, and a worker comes to it at once if one works."""
        self._decide(build(cls, ticket_id=g.T1, **values), by)
        if self.working:
            self.works()

    def writes(self, direction: Direction = Direction.INBOUND, by: Actor = KIM) -> None:
        """The customer writes; or who else, in another direction."""
        self.does(tc.Comment, by=by, direction=direction, channel=Channel.MAIL, body="Hello")

    def answers(self) -> None:
        """Staff answers the customer."""
        self.writes(Direction.OUTBOUND, g.ANA)

    def imports(self) -> None:
        """An event of another system is imported now."""
        meta = Meta(occurred_at=self.now, actor=Actor.system("import"), command_id=UUID(int=3), source=Source(line=1))
        version = len(self.events) + 1
        self._record([ev.Updated(originator_id=g.T1, originator_version=version, meta=meta, changes={"a": "b"})])

    def passes(self, time: timedelta) -> Life:
        """Let time pass; a worker that works wakes whenever the rules said, and does what is due."""
        end = self.now + time
        while self.working and (wake := self.wake()) is not None and wake <= end:
            assert wake > self.now
            self.now = wake
            self.works()
        self.now = end
        return self

    def stops(self) -> None:
        """The worker is down from now on."""
        self.working = False

    def starts(self) -> None:
        """The worker is back."""
        self.working = True
        self.works()

    def works(self) -> int:
        """Do what is due now; return how many decisions that took, and see that nothing is left to do."""
        plan = self.plan()
        if plan.is_empty:
            return 0
        assert plan.actor is not None
        values = {"policy": plan.policy, "decisions": plan.decisions, "commands": plan.commands}
        assert self._decide(build(FollowPolicy, ticket_id=g.T1, **values), plan.actor)
        assert self.plan().is_empty, "reconciling again gives nothing"
        self.worked.append(self.now)
        if self.mails_go_out:
            self._send()
        return len(plan.decisions)

    def plan(self) -> Plan:
        """Return what the policy in force wants now."""
        return reconcile(self.events, self.schedule, Desk(), self.now, Letters(self.withheld), SECTIONS)

    def wake(self) -> datetime | None:
        """Return when a worker is to look again: at what the rules say, or at the next policy's beginning."""
        return self.plan().wake_at

    def told(self) -> list[str]:
        """Return what the rules decided: ``+3d remind: mail=reminder``, without due times."""
        return [
            f"{_after(event.meta.occurred_at - START)} {one.rule}: "
            + ", ".join(f"{name}={said}" for name, said in one.outcome.items() if name != "due")
            for event in self.events
            if isinstance(event, sv.PolicyDecided)
            for one in event.decisions
        ]

    def done(self) -> list[str]:
        """Return the topics of what the rules recorded beside their decisions."""
        return [
            event.TOPIC.removeprefix("ticket.")
            for event in self.events
            if event.meta.actor.role is Role.POLICY and not isinstance(event, sv.PolicyDecided)
        ]

    def decisions(self) -> list[sv.PolicyDecision]:
        """Return all that was decided."""
        return [one for event in self.events if isinstance(event, sv.PolicyDecided) for one in event.decisions]

    def _send(self) -> None:
        """Let the outgoing worker send what rules wrote, and its server say that there is no such customer."""
        for delivery in self.case.ticket.deliveries:
            if delivery.state is DeliveryState.WAITING:
                self.now += MINUTE
                which: dict[str, Any] = {"ticket_id": g.T1, "comment": delivery.comment}
                self._decide(
                    build(dc.AttemptDelivery, **which, attempt=1, lease=60, message_id="<1@a>", to="a@b.c"), OUTGOING
                )
                self._decide(build(dc.ConfirmDelivery, **which, attempt=1), OUTGOING)
                self.now += MINUTE
                self._decide(build(dc.RecordBounce, **which, kind=BounceKind.SOFT), OUTGOING)

    def _decide(self, command: Command, by: Actor) -> tuple[Event, ...]:
        id_ = UUID(int=len(self.events) + 100)
        context = Context(actor=by, command_id=id_, now=self.now, digest=g.digest)
        events = decide(command, {g.T1: self.case.ticket}, context).events
        self._record(events)
        return events

    def _record(self, events: tuple[Event, ...] | list[Event]) -> None:
        self.events.extend(events)


def _after(time: timedelta) -> str:
    """Return a time since the beginning: ``+3d``, ``+1d02:30``."""
    minutes = int(time.total_seconds()) // 60
    rest = f"{minutes % 1440 // 60:02}:{minutes % 60:02}" if minutes % 1440 else ""
    return f"+{minutes // 1440}d{rest}"


def life(*lines: str, more: str = "", **given: Any) -> Life:
    """Return a ticket under a policy of these follow-up rules, in force long before."""
    return Life({rules(*lines, more=more): START - 365 * DAY}, **given)

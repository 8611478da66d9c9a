"""The events of a ticket that policies record: what they decided, their clocks, notices and checklists."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, ClassVar

from pydantic import Field

from ticketcore.domain.ticket_events import TicketEvent
from ticketcore.domain.types import Frozen, Label, SlaTarget, Text, UtcTime

__all__ = [
    "ChecklistAdded", "Measured", "Notified", "PolicyDecided", "PolicyDecision", "Seconds", "Section", "SlaPaused", "SlaResumed",
    "SlaWarned", "SlaWithdrawn", "StepTicked", "StepUnticked",
]  # fmt: skip

Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
"""A duration in seconds, never negative."""


class Section(StrEnum):
    """The part of a policy that a decision is by."""

    CLASSIFICATION = "classification"
    PRIORITY = "priority"
    ROUTING = "routing"
    ASSIGNMENT = "assignment"
    SLA = "sla"
    FOLLOW_UP = "follow_up"
    CHECKLIST = "checklist"


class PolicyDecision(Frozen):
    """One rule's decision about a ticket.

    Attributes:
        section: the policy's section that the rule stands in.
        rule: the rule's name there.
        basis: version of the ticket's event that it is about; ``None`` where it is about none.
        saw: field -> what the rule saw in it; of texts which pattern was found, never the text.
        outcome: what was decided, by name.
    """

    section: Section
    rule: Label
    basis: Annotated[int | None, Field(ge=1)] = None
    saw: Mapping[Label, Text] = Field(default_factory=dict)
    outcome: Mapping[Label, Text] = Field(default_factory=dict)


class PolicyDecided(TicketEvent):
    """A policy's rules decided about the ticket; the events that follow with the same command id carry it out.

    ``policy``: name and version of the policy in force (``name/3``).
    """

    TOPIC: ClassVar[str] = "ticket.policy_decided"
    policy: Label
    decisions: tuple[PolicyDecision, ...]


class SlaPaused(TicketEvent):
    """A promise's clock stands still since ``at``; ``elapsed_seconds``: business time that it had run until then."""

    TOPIC: ClassVar[str] = "ticket.sla_paused"
    target: SlaTarget
    at: UtcTime
    elapsed_seconds: Seconds


class SlaResumed(TicketEvent):
    """A promise's clock runs again since ``at``, and is to be kept until ``due_at``."""

    TOPIC: ClassVar[str] = "ticket.sla_resumed"
    target: SlaTarget
    at: UtcTime
    due_at: UtcTime


class SlaWarned(TicketEvent):
    """At ``warned_at`` a promise came near to its end at ``due_at``."""

    TOPIC: ClassVar[str] = "ticket.sla_warned"
    target: SlaTarget
    warned_at: UtcTime
    due_at: UtcTime


class SlaWithdrawn(TicketEvent):
    """A promise holds no more since ``at``, neither kept nor broken; ``reason`` says why."""

    TOPIC: ClassVar[str] = "ticket.sla_withdrawn"
    target: SlaTarget
    at: UtcTime
    reason: Label


class Measured(TicketEvent):
    """How long things took in business time.

    Attributes:
        policy: name and version of the policy whose calendar counts (``name/3``).
        calendar: the calendar's name there.
        first_reply_seconds: from the opening to the first public reply by staff; ``None`` before it.
        first_solved_seconds: from the opening to the first time it was solved; ``None`` before it.
        last_solved_seconds: from the opening to the last time it was solved; ``None`` before it.
        requester_wait_seconds: time that the ticket was new, open or on hold.
        agent_wait_seconds: time that the ticket was pending.
    """

    TOPIC: ClassVar[str] = "ticket.measured"
    policy: Label
    calendar: Label
    first_reply_seconds: Seconds | None = None
    first_solved_seconds: Seconds | None = None
    last_solved_seconds: Seconds | None = None
    requester_wait_seconds: Seconds
    agent_wait_seconds: Seconds


class Notified(TicketEvent):
    """Staff were told of something about the ticket.

    Attributes:
        to: teams and agents (``team:second-line``, ``agent:ana``).
        about: what they were told.
        rule: the rule that told them.
    """

    TOPIC: ClassVar[str] = "ticket.notified"
    to: tuple[Label, ...]
    about: Label
    rule: Label


class ChecklistAdded(TicketEvent):
    """The ticket has a checklist, or its steps changed; ticks of steps that stay are kept.

    ``required``: the ticket can't be solved by people while a step is not ticked.
    """

    TOPIC: ClassVar[str] = "ticket.checklist_added"
    checklist: Label
    steps: tuple[Label, ...]
    required: bool = False


class StepTicked(TicketEvent):
    """A step of a checklist was done."""

    TOPIC: ClassVar[str] = "ticket.step_ticked"
    checklist: Label
    step: Label


class StepUnticked(TicketEvent):
    """A step of a checklist is to be done again."""

    TOPIC: ClassVar[str] = "ticket.step_unticked"
    checklist: Label
    step: Label

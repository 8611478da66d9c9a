"""What policies do to a ticket beside what people do, and people's ticks in checklists."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self

from pydantic import AfterValidator, Field, InstanceOf, StrictBool, model_validator
from pydantic_core import PydanticCustomError

from ticketcore.domain.commands import wrong
from ticketcore.domain.service_events import PolicyDecision, Seconds
from ticketcore.domain.ticket_commands import Comment, TicketCommand
from ticketcore.domain.transitions import TRANSITIONS
from ticketcore.domain.types import Label, SlaTarget, UtcTime
from ticketcore.permissions import Action

__all__ = [
    "AddChecklist", "FollowPolicy", "Measure", "Notify", "PauseSla", "ResumeSla", "TickStep", "UntickStep", "WarnSla", "WithdrawSla",
]  # fmt: skip


def _distinct(labels: tuple[str, ...]) -> tuple[str, ...]:
    if not labels:
        raise wrong("at least one", "name one, or leave it out")
    if len(set(labels)) < len(labels):
        raise wrong("each only once", "name each once")
    return labels


Distinct = Annotated[tuple[Label, ...], AfterValidator(_distinct)]
"""One name or more, none twice."""


class PauseSla(TicketCommand):
    """Stop the clock of a promise at ``at``; ``elapsed_seconds``: business time that it had run."""

    NAME: ClassVar[str] = "pause a service level of"
    ACTION: ClassVar[Action] = Action.PAUSE_SLA
    target: SlaTarget
    at: UtcTime
    elapsed_seconds: Seconds


class ResumeSla(TicketCommand):
    """Let the clock of a paused promise run again from ``at``, to be kept until ``due_at``."""

    NAME: ClassVar[str] = "resume a service level of"
    ACTION: ClassVar[Action] = Action.RESUME_SLA
    target: SlaTarget
    at: UtcTime
    due_at: UtcTime


class WarnSla(TicketCommand):
    """Record that a promise came near to its end."""

    NAME: ClassVar[str] = "warn of a service level of"
    ACTION: ClassVar[Action] = Action.WARN_SLA
    target: SlaTarget
    warned_at: UtcTime
    due_at: UtcTime


class WithdrawSla(TicketCommand):
    """End a promise that is neither kept nor broken."""

    NAME: ClassVar[str] = "withdraw a service level of"
    ACTION: ClassVar[Action] = Action.WITHDRAW_SLA
    target: SlaTarget
    at: UtcTime
    reason: Label


class Measure(TicketCommand):
    """Record how long things took in business time; see :class:`~ticketcore.domain.service_events.Measured`."""

    NAME: ClassVar[str] = "measure"
    ACTION: ClassVar[Action] = Action.MEASURE
    policy: Label
    calendar: Label
    first_reply_seconds: Seconds | None = None
    first_solved_seconds: Seconds | None = None
    last_solved_seconds: Seconds | None = None
    requester_wait_seconds: Seconds
    agent_wait_seconds: Seconds


class Notify(TicketCommand):
    """Tell staff of something about the ticket. ``to``: ``team:NAME`` or ``agent:NAME``."""

    NAME: ClassVar[str] = "notify staff about"
    ACTION: ClassVar[Action] = Action.NOTIFY
    to: Distinct
    about: Label
    rule: Label

    @model_validator(mode="after")
    def _staff(self) -> Self:
        for one in self.to:
            if not one.startswith(("team:", "agent:")) or one.endswith(":"):
                expected, remedy = "team:NAME or agent:NAME", "say which it is"
                context = {"field": "to", "got": one, "expected": expected, "remedy": remedy}
                raise PydanticCustomError("wrong", "{field}: expected {expected} ({remedy})", context)
        return self


class AddChecklist(TicketCommand):
    """Give the ticket a checklist, or other steps to one it has. ``required``: people solve it only when all are ticked."""

    NAME: ClassVar[str] = "add a checklist to"
    ACTION: ClassVar[Action] = Action.ADD_CHECKLIST
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"ticket.checklist_added"})
    checklist: Label
    steps: Distinct
    required: StrictBool = False


class TickStep(TicketCommand):
    """Say that a step of a checklist is done."""

    NAME: ClassVar[str] = "tick a step of"
    ACTION: ClassVar[Action] = Action.TICK_STEP
    checklist: Label
    step: Label


class UntickStep(TicketCommand):
    """Say that a step of a checklist is to be done again."""

    NAME: ClassVar[str] = "untick a step of"
    ACTION: ClassVar[Action] = Action.UNTICK_STEP
    checklist: Label
    step: Label


class FollowPolicy(TicketCommand):
    """Record what a policy's rules decided about the ticket, and carry it out: all of it or nothing.

    Whatever was recorded meanwhile is a conflict, since the rules did not see it.

    Attributes:
        policy: name and version of the policy in force (``name/3``).
        decisions: of its rules; may be empty where ``commands`` only bring clocks up to date.
        commands: to the same ticket alone, without files, in order; each is decided on what the one before it left.
    """

    NAME: ClassVar[str] = "follow a policy on"
    ACTION: ClassVar[Action] = Action.FOLLOW_POLICY
    conflicts_with: ClassVar[frozenset[str]] = frozenset(TRANSITIONS)
    policy: Label
    decisions: tuple[PolicyDecision, ...] = ()
    commands: Annotated[tuple[InstanceOf[TicketCommand], ...], Field(repr=False)] = ()

    @model_validator(mode="after")
    def _of_this_ticket(self) -> Self:
        for command in self.commands:
            files = isinstance(command, Comment) and command.attachments
            if command.streams() != (self.ticket_id,) or isinstance(command, FollowPolicy) or files:
                context = {
                    "field": "commands",
                    "got": type(command).__name__,
                    "expected": "commands to this ticket alone, without files, none of them another FollowPolicy",
                    "remedy": "give the others on their own",
                }
                raise PydanticCustomError("wrong", "{field}: expected {expected} ({remedy})", context)
        return self

    def actions(self) -> tuple[Action, ...]:
        return (self.ACTION, *dict.fromkeys(command.ACTION for command in self.commands))

    def canonical(self) -> bytes:
        own = self.model_copy(update={"commands": ()})
        return b"\0".join([super(FollowPolicy, own).canonical(), *(command.canonical() for command in self.commands)])

"""What can be done to a ticket."""

from __future__ import annotations

from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import AfterValidator, Field, StrictInt, model_validator
from pydantic_core import PydanticCustomError

from ticketcore.domain.commands import AttachmentContent, Command, CustomerId, TicketId, is_blank
from ticketcore.domain.types import Channel, Direction, Label, Level, LinkKind, Priority, SlaTarget, Text, UtcTime
from ticketcore.ids import Kind
from ticketcore.permissions import Action

__all__ = [
    "AddParticipant", "ApplySla", "Assign", "BreachSla", "ChangeRequester", "Classify", "Close", "Comment",
    "CorrectComment", "FulfilSla", "Hold", "Link", "LogTime", "Merge", "OpenFollowUp", "OpenTicket", "Opening", "Pend",
    "Prioritise", "Rate", "Redact", "RemoveParticipant", "Reopen", "Resume", "Solve", "SplitOff", "TicketCommand",
    "Unassign", "Unlink", "Unmerge",
]  # fmt: skip

_STATUS = frozenset(
    f"ticket.{name}"
    for name in ("pended", "held", "resumed", "solved", "closed", "reopened", "merged", "unmerged")
)  # fmt: skip
_OVER = _STATUS | {"ticket.commented"}  # who solves or closes must have read the last message
_RESPONSIBLE = frozenset({"ticket.assigned", "ticket.unassigned"})
_MERGING = _STATUS | {"ticket.absorbed", "ticket.released"}

Version = Annotated[StrictInt, Field(ge=1)]
"""The version of an event of the ticket."""


def _distinct(tags: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tags))


Tags = Annotated[tuple[Label, ...], AfterValidator(_distinct)]
"""Tags in the order given, each once."""


def _wrong(field: str, got: object, expected: str, remedy: str) -> PydanticCustomError:
    context = {"field": field, "got": got, "expected": expected, "remedy": remedy}
    return PydanticCustomError("wrong", "{field}: expected {expected} ({remedy})", context)


class TicketCommand(Command):
    """Base of the commands to an existing ticket."""

    NOUN: ClassVar[str] = "a ticket"
    ticket_id: TicketId

    def streams(self) -> tuple[UUID, ...]:
        return (self.ticket_id,)


class Opening(Command):
    """What a new ticket may begin with. Priority follows from impact and urgency where it is not given."""

    NOUN: ClassVar[str] = "a ticket"
    CREATES: ClassVar[tuple[Kind, ...]] = (Kind.TICKET,)
    subject: Text | None = None
    body: Text | None = None
    attachments: tuple[AttachmentContent, ...] = ()
    language: Label | None = None
    category: Label | None = None
    subcategory: Label | None = None
    tags: Tags = ()
    impact: Level | None = None
    urgency: Level | None = None
    priority: Priority | None = None
    team_id: Label | None = None
    agent_id: Label | None = None


class OpenTicket(Opening):
    """Make an inquiry a ticket. ``external``: its number in another system, unique in the log."""

    NAME: ClassVar[str] = "open"
    ACTION: ClassVar[Action] = Action.OPEN_TICKET
    channel: Channel
    requester_id: CustomerId | None = None
    direction: Direction = Direction.INBOUND
    external: Label | None = None


class SplitOff(Opening):
    """Make a part of a ticket a ticket of its own, of the same requester and channel.

    ``comments``: versions of the comments that it is about; they stay where they are.
    """

    NAME: ClassVar[str] = "split off from"
    ACTION: ClassVar[Action] = Action.SPLIT_OFF
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"ticket.merged", "ticket.requester_changed"})
    ticket_id: TicketId
    comments: tuple[Version, ...] = ()

    def streams(self) -> tuple[UUID, ...]:
        return (self.ticket_id,)


class OpenFollowUp(Opening):
    """Take up a closed ticket in a new one. The requester is the closed one's where none is given."""

    NAME: ClassVar[str] = "open a follow-up of"
    ACTION: ClassVar[Action] = Action.OPEN_FOLLOW_UP
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"ticket.reopened"})
    ticket_id: TicketId
    channel: Channel
    requester_id: CustomerId | None = None
    direction: Direction = Direction.INBOUND

    def streams(self) -> tuple[UUID, ...]:
        return (self.ticket_id,)


class Classify(TicketCommand):
    """Set category, subcategory and tags; each is the whole new value."""

    NAME: ClassVar[str] = "classify"
    ACTION: ClassVar[Action] = Action.CLASSIFY
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"ticket.classified"})
    category: Label | None = None
    subcategory: Label | None = None
    tags: Tags = ()


class Prioritise(TicketCommand):
    """Set the priority: by hand, or by the matrix from impact and urgency."""

    NAME: ClassVar[str] = "prioritise"
    ACTION: ClassVar[Action] = Action.PRIORITISE
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"ticket.prioritised"})
    impact: Level | None = None
    urgency: Level | None = None
    priority: Priority | None = None

    @model_validator(mode="after")
    def _enough(self) -> Self:
        if self.priority is None and (self.impact is None or self.urgency is None):
            raise _wrong("priority", None, "a priority, or both impact and urgency", "give one or the other")
        return self


class Assign(TicketCommand):
    """Make a team, an agent or both responsible; both fields are the whole new value."""

    NAME: ClassVar[str] = "assign"
    ACTION: ClassVar[Action] = Action.ASSIGN
    conflicts_with: ClassVar[frozenset[str]] = _RESPONSIBLE
    team_id: Label | None = None
    agent_id: Label | None = None

    @model_validator(mode="after")
    def _somebody(self) -> Self:
        if self.team_id is None and self.agent_id is None:
            raise _wrong("agent_id", None, "a team, an agent or both", "name one, or unassign the ticket")
        return self


class Unassign(TicketCommand):
    """Leave nobody responsible."""

    NAME: ClassVar[str] = "unassign"
    ACTION: ClassVar[Action] = Action.UNASSIGN
    conflicts_with: ClassVar[frozenset[str]] = _RESPONSIBLE


class Comment(TicketCommand):
    """Add a message or a note.

    ``channel``: the ticket's where it is not given, ``internal`` for notes. ``author_id``: of an inbound one the
    customer. ``message_id``: a mail's own. Whatever comes in is kept, whole, at any length, even when empty.
    """

    NAME: ClassVar[str] = "comment on"
    ACTION: ClassVar[Action] = Action.COMMENT
    direction: Direction
    channel: Channel | None = None
    author_id: CustomerId | None = None
    author_name: Text | None = None
    body: Text | None = None
    attachments: tuple[AttachmentContent, ...] = ()
    language: Label | None = None
    message_id: Text | None = None

    @property
    def is_empty(self) -> bool:
        """Whether it says nothing and brings no file."""
        return is_blank(self.body) and not self.attachments

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.direction is not Direction.INBOUND and self.is_empty:
            raise _wrong("body", self.body, "a text or an attachment", "write something, or leave the comment out")
        return self


class CorrectComment(TicketCommand):
    """Correct a comment's text; the first one stays in the history. ``comment``: version of the comment's event."""

    NAME: ClassVar[str] = "correct a comment of"
    ACTION: ClassVar[Action] = Action.CORRECT_COMMENT
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"ticket.comment_corrected", "ticket.redacted"})
    comment: Version
    body: Text
    reason: Text | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if is_blank(self.body):
            raise _wrong("body", self.body, "a text", "write the corrected text, or redact the comment")
        return self


class AddParticipant(TicketCommand):
    """Let a customer follow the ticket: read it and write in it."""

    NAME: ClassVar[str] = "add a participant to"
    ACTION: ClassVar[Action] = Action.ADD_PARTICIPANT
    customer_id: CustomerId


class RemoveParticipant(TicketCommand):
    """Let a customer follow the ticket no more."""

    NAME: ClassVar[str] = "remove a participant from"
    ACTION: ClassVar[Action] = Action.REMOVE_PARTICIPANT
    customer_id: CustomerId


class ChangeRequester(TicketCommand):
    """Give the ticket to another customer, or to nobody known."""

    NAME: ClassVar[str] = "change the requester of"
    ACTION: ClassVar[Action] = Action.CHANGE_REQUESTER
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"ticket.requester_changed"})
    requester_id: CustomerId | None


class Pend(TicketCommand):
    """Wait for the customer."""

    NAME: ClassVar[str] = "pend"
    ACTION: ClassVar[Action] = Action.PEND
    conflicts_with: ClassVar[frozenset[str]] = _STATUS
    reason: Label | None = None


class Hold(TicketCommand):
    """Wait for somebody other than the customer."""

    NAME: ClassVar[str] = "hold"
    ACTION: ClassVar[Action] = Action.HOLD
    conflicts_with: ClassVar[frozenset[str]] = _STATUS
    reason: Label | None = None


class Resume(TicketCommand):
    """Go on with a waiting ticket."""

    NAME: ClassVar[str] = "resume"
    ACTION: ClassVar[Action] = Action.RESUME
    conflicts_with: ClassVar[frozenset[str]] = _STATUS


class Solve(TicketCommand):
    """Say that the inquiry is answered."""

    NAME: ClassVar[str] = "solve"
    ACTION: ClassVar[Action] = Action.SOLVE
    conflicts_with: ClassVar[frozenset[str]] = _OVER
    resolution: Label | None = None


class Close(TicketCommand):
    """End a solved ticket; a further message opens a follow-up."""

    NAME: ClassVar[str] = "close"
    ACTION: ClassVar[Action] = Action.CLOSE
    conflicts_with: ClassVar[frozenset[str]] = _OVER
    resolution: Label | None = None


class Reopen(TicketCommand):
    """Say that the solution did not hold."""

    NAME: ClassVar[str] = "reopen"
    ACTION: ClassVar[Action] = Action.REOPEN
    conflicts_with: ClassVar[frozenset[str]] = _STATUS
    reason: Label | None = None


class Merge(TicketCommand):
    """End the ticket in another, which goes on for both. Its events stay where they are."""

    NAME: ClassVar[str] = "merge"
    ACTION: ClassVar[Action] = Action.MERGE
    conflicts_with: ClassVar[frozenset[str]] = _MERGING
    target_id: TicketId

    def streams(self) -> tuple[UUID, ...]:
        return (self.ticket_id, self.target_id)

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.ticket_id == self.target_id:
            raise _wrong("target_id", self.target_id, "another ticket", "name the ticket to go on with")
        return self


class Unmerge(TicketCommand):
    """Undo a merge: the ticket is what it was before, beside the one it had ended in. Undoing it twice is refused."""

    NAME: ClassVar[str] = "unmerge"
    ACTION: ClassVar[Action] = Action.UNMERGE
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"ticket.merged", "ticket.unmerged"})


class Link(TicketCommand):
    """Relate two tickets; ``kind`` as seen from the first. Written on both."""

    NAME: ClassVar[str] = "link"
    ACTION: ClassVar[Action] = Action.LINK
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"ticket.unlinked"})
    other_id: TicketId
    kind: LinkKind = LinkKind.RELATED

    def streams(self) -> tuple[UUID, ...]:
        return (self.ticket_id, self.other_id)

    @model_validator(mode="after")
    def _two(self) -> Self:
        if self.ticket_id == self.other_id:
            raise _wrong("other_id", self.other_id, "another ticket", "a ticket has no relation to itself")
        return self


class Unlink(Link):
    """Remove a relation; written on both."""

    NAME: ClassVar[str] = "unlink"
    ACTION: ClassVar[Action] = Action.UNLINK
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"ticket.linked"})


class Rate(TicketCommand):
    """Record the customer's satisfaction: 1 (bad) to 5 (good)."""

    NAME: ClassVar[str] = "rate"
    ACTION: ClassVar[Action] = Action.RATE
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"ticket.rated"})
    score: Annotated[StrictInt, Field(ge=1, le=5)]
    remark: Text | None = None


class ApplySla(TicketCommand):
    """Put a promise in force, or other terms of it. ``policy``: name and version of the policy that makes it."""

    NAME: ClassVar[str] = "apply a service level to"
    ACTION: ClassVar[Action] = Action.APPLY_SLA
    target: SlaTarget
    due_at: UtcTime | None = None
    policy: Label


class FulfilSla(TicketCommand):
    """Record that an active promise was kept; at the command's time where none is given."""

    NAME: ClassVar[str] = "fulfil a service level of"
    ACTION: ClassVar[Action] = Action.FULFIL_SLA
    target: SlaTarget
    fulfilled_at: UtcTime | None = None


class BreachSla(TicketCommand):
    """Record that an active promise was broken; ``breached_at``: when, where known."""

    NAME: ClassVar[str] = "breach a service level of"
    ACTION: ClassVar[Action] = Action.BREACH_SLA
    target: SlaTarget
    breached_at: UtcTime | None = None


class LogTime(TicketCommand):
    """Record work on the ticket, 1 second to 365 days."""

    NAME: ClassVar[str] = "log time on"
    ACTION: ClassVar[Action] = Action.LOG_TIME
    seconds: Annotated[StrictInt, Field(ge=1, le=31_536_000)]
    agent_id: Label
    note: Text | None = None


class Redact(TicketCommand):
    """Make a comment and all its corrections unreadable for ever. ``comment``: version of the comment's event."""

    NAME: ClassVar[str] = "redact a comment of"
    ACTION: ClassVar[Action] = Action.REDACT
    conflicts_with: ClassVar[frozenset[str]] = frozenset()  # decided again, it covers a correction made meanwhile
    comment: Version
    reason: Label

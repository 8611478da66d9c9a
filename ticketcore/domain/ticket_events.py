"""The events of a ticket. Names are in the past tense, topics never change, versions only grow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import Field

from ticketcore.domain.base import Event
from ticketcore.domain.types import (
    Channel,
    Direction,
    Frozen,
    Label,
    Level,
    LinkKind,
    Personal,
    Priority,
    SlaTarget,
    Status,
    Text,
    UtcTime,
)

PersonalText = Annotated[Text | None, Personal]
"""A sealed text; ``None`` where it was not given, or its key is gone."""


class BlobRef(Frozen):
    """A sealed blob beside the log: long text or an attachment.

    Attributes:
        digest: SHA-256 of the stored ciphertext, hex; so anyone can check it, and only a key's holder can read it.
        size: of the plain content, in bytes.
    """

    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


class Attachment(Frozen):
    """What an attachment is; sealed with its comment.

    Attributes:
        name: the file's name as given.
        media_type: as given, for example ``application/pdf``.
        sha256: of the plain content, hex.
        blob: index into the event's ``blobs``; ``None`` for one that is withheld.
        offset: of a file that shares its blob with others: where it begins there, in bytes; ``None`` for the others.
        size: of a file that shares its blob with others, or is withheld: its bytes; ``None`` for the others.
        per_person: whether the blob is sealed with a key made of the person's and of ``sha256``, so that the same file
            of the same person is stored once; else it is sealed with the event's key.
        danger: what makes it risky to open, as found in its name and content; ``None`` where nothing was found.
        withheld: why its content was not kept with the message; ``None`` for one that was.
    """

    name: Text
    media_type: Label
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    blob: Annotated[int | None, Field(ge=0)] = None
    offset: Annotated[int | None, Field(ge=0)] = None
    size: Annotated[int | None, Field(ge=0)] = None
    per_person: bool = False
    danger: Label | None = None
    withheld: Label | None = None


class TicketEvent(Event):
    """Base of all events of a ticket."""


class Opened(TicketEvent):
    """An inquiry became a ticket. Imports and split or follow-up tickets may know more at once.

    ``external``: the number in the system it was imported from. ``body``: its first message, as in a comment;
    ``body_blob``: index into ``blobs`` of the whole text where ``body`` is only its beginning. v2: attachments may be
    stored once for a person, marked as dangerous or withheld.
    """

    TOPIC: ClassVar[str] = "ticket.opened"
    class_version: ClassVar[int] = 2
    SINCE: ClassVar[Mapping[str, int]] = {"attachments": 2}
    channel: Channel
    requester_id: UUID | None = None
    direction: Direction = Direction.INBOUND
    subject: PersonalText = None
    body: PersonalText = None
    body_blob: int | None = None
    blobs: tuple[BlobRef, ...] = ()
    attachments: Annotated[tuple[Attachment, ...] | None, Personal] = None
    language: Label | None = None
    category: Label | None = None
    subcategory: Label | None = None
    tags: tuple[Label, ...] = ()
    impact: Level | None = None
    urgency: Level | None = None
    priority: Priority | None = None
    team_id: Label | None = None
    agent_id: Label | None = None
    external: Label | None = None
    split_from: UUID | None = None
    follow_up_of: UUID | None = None


class Classified(TicketEvent):
    """Category, subcategory and tags were set; each field is the whole new value."""

    TOPIC: ClassVar[str] = "ticket.classified"
    category: Label | None = None
    subcategory: Label | None = None
    tags: tuple[Label, ...] = ()


class Prioritised(TicketEvent):
    """Priority was set: by the matrix from impact and urgency, or by hand."""

    TOPIC: ClassVar[str] = "ticket.prioritised"
    impact: Level | None = None
    urgency: Level | None = None
    priority: Priority
    by_hand: bool = False


class Assigned(TicketEvent):
    """A team, an agent or both took responsibility; both fields are the whole new value."""

    TOPIC: ClassVar[str] = "ticket.assigned"
    team_id: Label | None = None
    agent_id: Label | None = None


class Unassigned(TicketEvent):
    """Nobody is responsible any more."""

    TOPIC: ClassVar[str] = "ticket.unassigned"


class Commented(TicketEvent):
    """A message came in, went out, or a note was made. Its id within the ticket is its ``originator_version``.

    ``author_id``: of inbound ones the customer's id where known. ``body`` holds the whole text, or its beginning
    where ``body_blob`` names the blob that holds it all. ``message_id`` is a mail's own. v2: attachments may be stored
    once for a person, marked as dangerous or withheld.
    """

    TOPIC: ClassVar[str] = "ticket.commented"
    class_version: ClassVar[int] = 2
    SINCE: ClassVar[Mapping[str, int]] = {"attachments": 2}
    direction: Direction
    channel: Channel
    author_id: UUID | None = None
    author_name: PersonalText = None
    body: PersonalText = None
    body_blob: int | None = None
    blobs: tuple[BlobRef, ...] = ()
    attachments: Annotated[tuple[Attachment, ...] | None, Personal] = None
    language: Label | None = None
    message_id: PersonalText = None


class CommentCorrected(TicketEvent):
    """A comment's text was corrected; the first stays in the history. ``comment``: version of the comment's event."""

    TOPIC: ClassVar[str] = "ticket.comment_corrected"
    comment: int
    body: PersonalText = None
    body_blob: int | None = None
    blobs: tuple[BlobRef, ...] = ()
    reason: PersonalText = None


class ParticipantAdded(TicketEvent):
    """A customer follows the ticket and may read and write in it."""

    TOPIC: ClassVar[str] = "ticket.participant_added"
    customer_id: UUID


class ParticipantRemoved(TicketEvent):
    """A customer follows the ticket no more."""

    TOPIC: ClassVar[str] = "ticket.participant_removed"
    customer_id: UUID


class RequesterChanged(TicketEvent):
    """The ticket belongs to another customer now."""

    TOPIC: ClassVar[str] = "ticket.requester_changed"
    requester_id: UUID | None


class Pended(TicketEvent):
    """The ticket waits for the customer."""

    TOPIC: ClassVar[str] = "ticket.pended"
    reason: Label | None = None


class Held(TicketEvent):
    """The ticket waits for somebody other than the customer."""

    TOPIC: ClassVar[str] = "ticket.held"
    reason: Label | None = None


class Resumed(TicketEvent):
    """Work on the ticket goes on."""

    TOPIC: ClassVar[str] = "ticket.resumed"


class Solved(TicketEvent):
    """The agent says that the inquiry is answered."""

    TOPIC: ClassVar[str] = "ticket.solved"
    resolution: Label | None = None


class Closed(TicketEvent):
    """The ticket is over; a further message opens a follow-up."""

    TOPIC: ClassVar[str] = "ticket.closed"
    resolution: Label | None = None


class Reopened(TicketEvent):
    """The solution did not hold."""

    TOPIC: ClassVar[str] = "ticket.reopened"
    reason: Label | None = None


class Merged(TicketEvent):
    """This ticket ends in another; its events stay where they are."""

    TOPIC: ClassVar[str] = "ticket.merged"
    target_id: UUID


class Absorbed(TicketEvent):
    """Another ticket was merged into this one."""

    TOPIC: ClassVar[str] = "ticket.absorbed"
    source_id: UUID


class Unmerged(TicketEvent):
    """The merge into ``target_id`` was undone; the ticket is what it was before."""

    TOPIC: ClassVar[str] = "ticket.unmerged"
    target_id: UUID


class Released(TicketEvent):
    """A ticket that had been merged into this one stands alone again."""

    TOPIC: ClassVar[str] = "ticket.released"
    source_id: UUID


class SplitOff(TicketEvent):
    """A part of this ticket became a ticket of its own; ``comments``: versions of the comments it is about."""

    TOPIC: ClassVar[str] = "ticket.split_off"
    new_id: UUID
    comments: tuple[int, ...] = ()


class Linked(TicketEvent):
    """This ticket relates to another; written on both, ``inverse`` on the other."""

    TOPIC: ClassVar[str] = "ticket.linked"
    other_id: UUID
    kind: LinkKind
    inverse: bool = False


class Unlinked(TicketEvent):
    """A relation was removed; written on both."""

    TOPIC: ClassVar[str] = "ticket.unlinked"
    other_id: UUID
    kind: LinkKind
    inverse: bool = False


class FollowUpOpened(TicketEvent):
    """A new ticket takes up this closed one."""

    TOPIC: ClassVar[str] = "ticket.follow_up_opened"
    new_id: UUID


class Rated(TicketEvent):
    """The customer said how satisfied they are: 1 (bad) to 5 (good)."""

    TOPIC: ClassVar[str] = "ticket.rated"
    score: Annotated[int, Field(ge=1, le=5)]
    remark: PersonalText = None


class SlaApplied(TicketEvent):
    """A promise is in force; ``policy``: name and version of the policy that made it."""

    TOPIC: ClassVar[str] = "ticket.sla_applied"
    target: SlaTarget
    due_at: UtcTime | None = None
    policy: Label


class SlaFulfilled(TicketEvent):
    """A promise was kept at ``fulfilled_at``."""

    TOPIC: ClassVar[str] = "ticket.sla_fulfilled"
    target: SlaTarget
    fulfilled_at: UtcTime


class SlaBreached(TicketEvent):
    """A promise was broken; ``breached_at``: when, ``None`` where only the noticing is known (imports)."""

    TOPIC: ClassVar[str] = "ticket.sla_breached"
    target: SlaTarget
    breached_at: UtcTime | None = None


class TimeLogged(TicketEvent):
    """Somebody worked on the ticket for ``seconds``."""

    TOPIC: ClassVar[str] = "ticket.time_logged"
    seconds: Annotated[int, Field(ge=1, le=31_536_000)]
    agent_id: Label
    note: PersonalText = None


class Updated(TicketEvent):
    """An imported row changed what no other event tells; ``status``: the status it moved to, where it did."""

    TOPIC: ClassVar[str] = "ticket.updated"
    changes: Mapping[Label, Text | None] = Field(default_factory=dict)
    status: Status | None = None


class Redacted(TicketEvent):
    """The personal content of one event (``version``) was made unreadable for ever; ``reason`` says why."""

    TOPIC: ClassVar[str] = "ticket.redacted"
    version: Annotated[int, Field(ge=1)]
    reason: Label

"""Commands to tickets: one method per command, each returning what it recorded and its position."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from ticketcore.api.base import Api, Name
from ticketcore.domain import ticket_commands as cmd
from ticketcore.domain.types import Actor, Channel, Direction, Level, LinkKind, Priority, SlaTarget
from ticketcore.execution import Options, Recorded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ticketcore.domain.commands import AttachmentContent

__all__ = ["TicketCommands"]


class TicketCommands(Api):
    """One method per command to a ticket.

    Every method raises ``InvalidCommand`` for a value it can't take, ``NotFound`` for an unknown ticket,
    ``BadNumber`` for a malformed one, ``NotAllowed`` where the actor may not, ``WrongState`` or ``TicketClosed``
    where the ticket's status forbids it, ``Conflict`` where somebody else changed what it depends on, and
    ``StoreUnavailable`` where the data base can't be reached. A command that changes nothing records nothing and
    returns ``position=None``.
    """

    def open_ticket(
        self,
        *,
        by: Actor,
        channel: Channel | str,
        requester: Name | None = None,
        subject: str | None = None,
        body: str | None = None,
        attachments: Sequence[AttachmentContent] = (),
        direction: Direction | str = Direction.INBOUND,
        language: str | None = None,
        category: str | None = None,
        subcategory: str | None = None,
        tags: Sequence[str] = (),
        impact: Level | str | None = None,
        urgency: Level | str | None = None,
        priority: Priority | str | None = None,
        team_id: str | None = None,
        agent_id: str | None = None,
        external: str | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Make an inquiry a ticket with a number. *external*: its number in another system, unique in the log.

        Raises:
            ClaimTaken: another ticket has the outside number.
        """
        return self._do(
            cmd.OpenTicket, by, options, channel=channel, requester_id=self._writer(requester, by, direction), subject=subject,
            body=body, attachments=attachments, direction=direction, language=language, category=category,
            subcategory=subcategory, tags=tags, impact=impact, urgency=urgency, priority=priority,
            team_id=team_id, agent_id=agent_id, external=external,
        )  # fmt: skip

    def classify(
        self,
        ticket: Name,
        *,
        by: Actor,
        category: str | None = None,
        subcategory: str | None = None,
        tags: Sequence[str] = (),
        **options: Unpack[Options],
    ) -> Recorded:
        """Set category, subcategory and tags; each is the whole new value."""
        return self._on(cmd.Classify, ticket, by, options, category=category, subcategory=subcategory, tags=tags)

    def prioritise(
        self,
        ticket: Name,
        *,
        by: Actor,
        impact: Level | str | None = None,
        urgency: Level | str | None = None,
        priority: Priority | str | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Set the priority: by hand, or by the matrix from *impact* and *urgency*."""
        return self._on(cmd.Prioritise, ticket, by, options, impact=impact, urgency=urgency, priority=priority)

    def assign(
        self,
        ticket: Name,
        *,
        by: Actor,
        team_id: str | None = None,
        agent_id: str | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Make a team, an agent or both responsible; both are the whole new value."""
        return self._on(cmd.Assign, ticket, by, options, team_id=team_id, agent_id=agent_id)

    def unassign(self, ticket: Name, *, by: Actor, **options: Unpack[Options]) -> Recorded:
        """Leave nobody responsible."""
        return self._on(cmd.Unassign, ticket, by, options)

    def comment(
        self,
        ticket: Name,
        *,
        by: Actor,
        direction: Direction | str,
        body: str | None = None,
        channel: Channel | str | None = None,
        author: Name | None = None,
        author_name: str | None = None,
        attachments: Sequence[AttachmentContent] = (),
        language: str | None = None,
        message_id: str | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Add a message or a note; its id within the ticket is the event's version.

        An inbound message resumes a pending ticket and reopens a solved one. Inbound text of any length is kept.

        Raises:
            TicketClosed: open a follow-up.
        """
        return self._on(
            cmd.Comment, ticket, by, options, direction=direction, channel=channel, author_id=self._writer(author, by, direction),
            author_name=author_name, body=body, attachments=attachments, language=language, message_id=message_id,
        )  # fmt: skip

    def correct_comment(
        self, ticket: Name, *, by: Actor, comment: int, body: str, reason: str | None = None, **options: Unpack[Options]
    ) -> Recorded:
        """Correct a comment's text; the first stays in the history. *comment*: version of the comment's event."""
        return self._on(cmd.CorrectComment, ticket, by, options, comment=comment, body=body, reason=reason)

    def redact(self, ticket: Name, *, by: Actor, comment: int, reason: str, **options: Unpack[Options]) -> Recorded:
        """Make a comment, its corrections and the mail that it came with unreadable for ever. *reason* is recorded in clear."""
        return self._on(cmd.Redact, ticket, by, options, comment=comment, reason=reason)

    def add_participant(self, ticket: Name, *, by: Actor, customer: Name, **options: Unpack[Options]) -> Recorded:
        """Let a customer read the ticket and write in it."""
        return self._on(cmd.AddParticipant, ticket, by, options, customer_id=self._customer(customer))

    def remove_participant(self, ticket: Name, *, by: Actor, customer: Name, **options: Unpack[Options]) -> Recorded:
        """Let a customer follow the ticket no more."""
        return self._on(cmd.RemoveParticipant, ticket, by, options, customer_id=self._customer(customer))

    def change_requester(
        self, ticket: Name, *, by: Actor, requester: Name | None, **options: Unpack[Options]
    ) -> Recorded:
        """Give the ticket to another customer, or to nobody known."""
        return self._on(cmd.ChangeRequester, ticket, by, options, requester_id=self._customer(requester))

    def pend(self, ticket: Name, *, by: Actor, reason: str | None = None, **options: Unpack[Options]) -> Recorded:
        """Wait for the customer."""
        return self._on(cmd.Pend, ticket, by, options, reason=reason)

    def hold(self, ticket: Name, *, by: Actor, reason: str | None = None, **options: Unpack[Options]) -> Recorded:
        """Wait for somebody other than the customer."""
        return self._on(cmd.Hold, ticket, by, options, reason=reason)

    def resume(self, ticket: Name, *, by: Actor, **options: Unpack[Options]) -> Recorded:
        """Go on with a waiting ticket."""
        return self._on(cmd.Resume, ticket, by, options)

    def solve(self, ticket: Name, *, by: Actor, resolution: str | None = None, **options: Unpack[Options]) -> Recorded:
        """Say that the inquiry is answered."""
        return self._on(cmd.Solve, ticket, by, options, resolution=resolution)

    def close_ticket(
        self, ticket: Name, *, by: Actor, resolution: str | None = None, **options: Unpack[Options]
    ) -> Recorded:
        """End a solved ticket."""
        return self._on(cmd.Close, ticket, by, options, resolution=resolution)

    def reopen(self, ticket: Name, *, by: Actor, reason: str | None = None, **options: Unpack[Options]) -> Recorded:
        """Say that the solution did not hold."""
        return self._on(cmd.Reopen, ticket, by, options, reason=reason)

    def merge(self, ticket: Name, *, by: Actor, into: Name, **options: Unpack[Options]) -> Recorded:
        """End *ticket* in another, which goes on for both; written on both."""
        return self._on(cmd.Merge, ticket, by, options, target_id=self._ticket(into))

    def unmerge(self, ticket: Name, *, by: Actor, **options: Unpack[Options]) -> Recorded:
        """Undo the merge that *ticket* ended in."""
        return self._on(cmd.Unmerge, ticket, by, options)

    def split_off(
        self,
        ticket: Name,
        *,
        by: Actor,
        comments: Sequence[int] = (),
        subject: str | None = None,
        body: str | None = None,
        attachments: Sequence[AttachmentContent] = (),
        team_id: str | None = None,
        agent_id: str | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Make a part of *ticket* a ticket of its own; returns the new one."""
        return self._on(
            cmd.SplitOff, ticket, by, options, comments=comments, subject=subject, body=body,
            attachments=attachments, team_id=team_id, agent_id=agent_id,
        )  # fmt: skip

    def open_follow_up(
        self,
        ticket: Name,
        *,
        by: Actor,
        channel: Channel | str,
        requester: Name | None = None,
        subject: str | None = None,
        body: str | None = None,
        attachments: Sequence[AttachmentContent] = (),
        direction: Direction | str = Direction.INBOUND,
        **options: Unpack[Options],
    ) -> Recorded:
        """Take up the closed *ticket* in a new one; returns the new one."""
        return self._on(
            cmd.OpenFollowUp, ticket, by, options, channel=channel, requester_id=self._writer(requester, by, direction),
            subject=subject, body=body, attachments=attachments, direction=direction,
        )  # fmt: skip

    def link(
        self,
        ticket: Name,
        *,
        by: Actor,
        other: Name,
        kind: LinkKind | str = LinkKind.RELATED,
        **options: Unpack[Options],
    ) -> Recorded:
        """Relate two tickets; *kind* as seen from the first. Written on both."""
        return self._on(cmd.Link, ticket, by, options, other_id=self._ticket(other), kind=kind)

    def unlink(
        self,
        ticket: Name,
        *,
        by: Actor,
        other: Name,
        kind: LinkKind | str = LinkKind.RELATED,
        **options: Unpack[Options],
    ) -> Recorded:
        """Remove a relation; written on both."""
        return self._on(cmd.Unlink, ticket, by, options, other_id=self._ticket(other), kind=kind)

    def rate(
        self, ticket: Name, *, by: Actor, score: int, remark: str | None = None, **options: Unpack[Options]
    ) -> Recorded:
        """Record the customer's satisfaction: 1 (bad) to 5 (good)."""
        return self._on(cmd.Rate, ticket, by, options, score=score, remark=remark)

    def apply_sla(
        self,
        ticket: Name,
        *,
        by: Actor,
        target: SlaTarget | str,
        policy: str,
        due_at: datetime | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Put a promise in force; *policy*: name and version of the policy that makes it."""
        return self._on(cmd.ApplySla, ticket, by, options, target=target, policy=policy, due_at=due_at)

    def fulfil_sla(
        self,
        ticket: Name,
        *,
        by: Actor,
        target: SlaTarget | str,
        fulfilled_at: datetime | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Record that an active promise was kept."""
        return self._on(cmd.FulfilSla, ticket, by, options, target=target, fulfilled_at=fulfilled_at)

    def breach_sla(
        self,
        ticket: Name,
        *,
        by: Actor,
        target: SlaTarget | str,
        breached_at: datetime | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Record that an active promise was broken, and when, where known."""
        return self._on(cmd.BreachSla, ticket, by, options, target=target, breached_at=breached_at)

    def log_time(
        self,
        ticket: Name,
        *,
        by: Actor,
        seconds: int,
        agent_id: str,
        note: str | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Record *seconds* (1 to 31,536,000) of work on the ticket."""
        return self._on(cmd.LogTime, ticket, by, options, seconds=seconds, agent_id=agent_id, note=note)

    def _on(self, cls: type[Any], ticket: Name, by: Actor, options: Options, **values: Any) -> Recorded:
        return self._do(cls, by, options, ticket_id=self._ticket(ticket), **values)

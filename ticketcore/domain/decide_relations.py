"""Decisions about more than one ticket: merges, splits, links, follow-ups. Each writes all tickets it is about."""

from __future__ import annotations

from typing import Any

from ticketcore.domain import ticket_commands as cmd
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.context import Context
from ticketcore.domain.decide_ticket import known_comment, opening, queued
from ticketcore.domain.decision import NOTHING, Decider, Decision, States, found_ticket, guard
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.types import LinkKind

__all__ = ["DECIDERS"]


def _merge(command: cmd.Merge, states: States, context: Context) -> Decision:
    source, target = found_ticket(states, command.ticket_id), found_ticket(states, command.target_id)
    if source.merged_into == target.id:
        return NOTHING
    guard(source, ev.Merged.TOPIC, command.NAME)
    guard(target, ev.Absorbed.TOPIC, "merge into")
    return Decision((
        context.stamp(ev.Merged, source, target_id=target.id),
        context.stamp(ev.Absorbed, target, source_id=source.id),
    ))  # fmt: skip


def _unmerge(command: cmd.Unmerge, states: States, context: Context) -> Decision:
    source = found_ticket(states, command.ticket_id)
    guard(source, ev.Unmerged.TOPIC, command.NAME)
    assert source.merged_into is not None  # noqa: S101 only a merge leads to this status
    if source.merged_into not in states:
        return Decision(needs=(source.merged_into,))
    target = found_ticket(states, source.merged_into)
    guard(target, ev.Released.TOPIC, command.NAME)
    return Decision((
        context.stamp(ev.Unmerged, source, target_id=target.id),
        context.stamp(ev.Released, target, source_id=source.id),
    ))  # fmt: skip


def _split_off(command: cmd.SplitOff, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.SplitOff.TOPIC, command.NAME)
    for comment in command.comments:
        known_comment(ticket, comment)
    event = opening(command, context, channel=ticket.channel, requester_id=ticket.requester_id, split_from=ticket.id)
    part = context.stamp(ev.SplitOff, ticket, new_id=event.originator_id, comments=command.comments)
    return Decision((event, part))


def _follow_up(command: cmd.OpenFollowUp, states: States, context: Context) -> Decision:
    ticket = found_ticket(states, command.ticket_id)
    guard(ticket, ev.FollowUpOpened.TOPIC, command.NAME)
    event = opening(
        command,
        context,
        channel=command.channel,
        requester_id=command.requester_id or ticket.requester_id,
        direction=command.direction,
        follow_up_of=ticket.id,
    )
    return Decision((event, context.stamp(ev.FollowUpOpened, ticket, new_id=event.originator_id)), queued(event))


def _ends(command: cmd.Link, states: States, topic: str) -> tuple[tuple[Ticket, Ticket, bool], ...]:
    """Return both ends as ``(ticket, other, inverse)``; where the relation stands the other way round, as it stands."""
    first, second = found_ticket(states, command.ticket_id), found_ticket(states, command.other_id)
    guard(first, topic, command.NAME)
    guard(second, topic, command.NAME)
    if command.kind is LinkKind.RELATED and (second.id, command.kind, True) in first.links:
        first, second = second, first
    return (first, second, False), (second, first, True)


def _link(command: cmd.Link, states: States, context: Context) -> Decision:
    return Decision(tuple(
        context.stamp(ev.Linked, ticket, other_id=other.id, kind=command.kind, inverse=inverse)
        for ticket, other, inverse in _ends(command, states, ev.Linked.TOPIC)
        if (other.id, command.kind, inverse) not in ticket.links
    ))  # fmt: skip


def _unlink(command: cmd.Unlink, states: States, context: Context) -> Decision:
    return Decision(tuple(
        context.stamp(ev.Unlinked, ticket, other_id=other.id, kind=command.kind, inverse=inverse)
        for ticket, other, inverse in _ends(command, states, ev.Unlinked.TOPIC)
        if (other.id, command.kind, inverse) in ticket.links
    ))  # fmt: skip


DECIDERS: dict[type[Any], Decider] = {
    cmd.Merge: _merge,
    cmd.Unmerge: _unmerge,
    cmd.SplitOff: _split_off,
    cmd.OpenFollowUp: _follow_up,
    cmd.Link: _link,
    cmd.Unlink: _unlink,
}
"""Command class -> its decider."""

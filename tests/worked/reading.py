"""The figures as the read models give them, in the shape in which they are worked out by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from projections.history import Message
from projections.performance import Facts, Interval
from tests.worked.lives import Figures, Stretch, moment
from ticketcore.read_models import QueueEntry

__all__ = ["backlog_of", "figures_of"]


def figures_of(
    row: Facts, intervals: Iterable[Interval], entry: QueueEntry | None, messages: Iterable[Message]
) -> Figures:
    """Return a ticket's figures from its rows."""
    sent = sum(message.direction != "internal" for message in messages)
    return Figures(
        status=row.status,
        stretches=tuple(_stretch(interval) for interval in sorted(intervals, key=lambda i: i.seq)),
        first_reply=_since(row, row.first_reply_at),
        first_solved=_since(row, row.first_solved_at),
        last_solved=_since(row, row.last_solved_at),
        closed=_since(row, row.closed_at),
        requester_wait=row.requester_wait_seconds,
        on_hold=row.on_hold_seconds,
        agent_wait=row.agent_wait_seconds,
        business=_business(row),
        reopens=row.reopens,
        team_changes=row.team_changes,
        team_reassignments=row.team_reassignments,
        agent_changes=row.agent_changes,
        agent_reassignments=row.agent_reassignments,
        replies=row.public_replies,
        inbound=row.inbound_messages,
        notes=row.internal_notes,
        other_messages=sent - row.public_replies - row.inbound_messages,
        one_touch=row.one_touch,
        sla=(row.sla_first_reply, row.sla_next_reply, row.sla_resolution),
        sla_attained=row.sla_attained,
        sla_breached=row.sla_breached,
        score=row.score,
        seconds_logged=row.seconds_logged,
        irregular_events=row.irregular_events,
        merged_into=row.merged_into,
        waiting_since=_clock(entry.waiting_since) if entry else None,
        due_at=_clock(entry.due_at) if entry and entry.due_at else None,
    )


def backlog_of(rows: Mapping[str, Mapping[Any, Any]], instant: datetime) -> dict[UUID, float]:
    """Return what was new, open, pending or on hold at *instant*, and its age in seconds; from the intervals alone."""
    return {
        interval.ticket_id: (instant - rows["tickets"][(interval.ticket_id,)].opened_at).total_seconds()
        for interval in rows["intervals"].values()
        if interval.status in ("new", "open", "pending", "on_hold")
        and interval.started_at <= instant
        and (interval.ended_at is None or instant < interval.ended_at)
    }


def _since(row: Facts, time: datetime | None) -> float | None:
    return None if time is None else (time - row.opened_at).total_seconds()


def _business(row: Facts) -> tuple[Any, ...]:
    return (
        row.first_reply_business_seconds,
        row.first_solved_business_seconds,
        row.last_solved_business_seconds,
        row.requester_wait_business_seconds,
        row.agent_wait_business_seconds,
    )


def _stretch(interval: Interval) -> Stretch:
    end = None if interval.ended_at is None else _clock(interval.ended_at)
    return _clock(interval.started_at), end, interval.status, interval.team_id, interval.agent_id


def _clock(time: datetime) -> str:
    text = f"{time:%Y-%m-%d %H:%M}"
    assert moment(text) == time, f"{time} has seconds: the worked lives have none"
    return text

"""The one table of a ticket's transitions. Decisions are guarded by it and the documentation's diagram is drawn from it."""

from __future__ import annotations

from typing import NamedTuple

from ticketcore.domain.types import Status

__all__ = ["TRANSITIONS", "VISIBLE", "Transition", "is_regular", "mermaid"]

_S = Status
VISIBLE = (_S.NEW, _S.OPEN, _S.PENDING, _S.ON_HOLD, _S.SOLVED)
"""The statuses in which a ticket can be worked on; closed and merged tickets take nothing but a way back."""


class Transition(NamedTuple):
    """From which statuses an event is regular, and to which it leads (``None``: the status stays)."""

    sources: tuple[Status, ...]
    target: Status | None
    remedy: str


_ANY = Transition(VISIBLE, None, "reopen or unmerge it first, or open a follow-up")

TRANSITIONS: dict[str, Transition] = {
    "ticket.pended": Transition((_S.NEW, _S.OPEN, _S.ON_HOLD), _S.PENDING, "reopen or resume it first"),
    "ticket.held": Transition((_S.NEW, _S.OPEN, _S.PENDING), _S.ON_HOLD, "reopen or resume it first"),
    "ticket.resumed": Transition((_S.PENDING, _S.ON_HOLD), _S.OPEN, "only a waiting ticket can be resumed"),
    "ticket.solved": Transition((_S.NEW, _S.OPEN, _S.PENDING, _S.ON_HOLD), _S.SOLVED, "it is solved or over already"),
    "ticket.closed": Transition((_S.SOLVED,), _S.CLOSED, "solve it first"),
    "ticket.reopened": Transition((_S.SOLVED, _S.CLOSED), _S.OPEN, "only a solved or closed ticket can be reopened"),
    "ticket.merged": Transition(VISIBLE, _S.MERGED, "reopen or unmerge it first"),
    "ticket.unmerged": Transition((_S.MERGED,), None, "only a merged ticket can be unmerged"),
    # An agent's responsibility or answer begins the work: new becomes open (see ticket.evolve); else nothing moves.
    "ticket.assigned": _ANY,
    "ticket.commented": _ANY,
    **{
        f"ticket.{name}": _ANY
        for name in (
            "classified", "prioritised", "unassigned", "participant_added", "participant_removed",
            "requester_changed", "absorbed", "split_off", "checklist_added", "step_ticked", "step_unticked",
        )
    },
    **{
        f"ticket.{name}": Transition((*VISIBLE, _S.CLOSED), None, "unmerge it first")
        for name in ("comment_corrected", "linked", "unlinked", "rated", "time_logged")
    },
    "ticket.follow_up_opened": Transition((_S.CLOSED,), None, "write into the ticket itself, it is not closed"),
    **{
        f"ticket.{name}": Transition(tuple(Status), None, "")
        for name in (
            "released", "redacted", "updated", "delivery_attempted", "delivered", "delivery_failed", "delivery_requested",
            "delivery_dropped", "bounced", "policy_decided", "measured", "notified",
            # a policy's clocks are recorded when its worker comes to them, at their true times
            "sla_applied", "sla_paused", "sla_resumed", "sla_warned", "sla_withdrawn", "sla_fulfilled", "sla_breached",
        )
    },
}  # fmt: skip
"""Topic -> its transition. ``ticket.opened`` makes a ticket that is new and stands in no row."""


def is_regular(topic: str, status: Status) -> bool:
    """Return whether an event of *topic* may happen to a ticket in *status*."""
    return status in TRANSITIONS[topic].sources


def mermaid() -> str:
    """Return the state diagram in Mermaid's notation, one arrow per row and source."""
    lines = ["stateDiagram-v2", "    [*] --> new: opened", "    new --> open: assigned to an agent, answered"]
    for topic, (sources, target, _) in TRANSITIONS.items():
        if target is not None:
            lines += [f"    {s.value} --> {target.value}: {topic.removeprefix('ticket.')}" for s in sources]
    lines += [f"    merged --> {s.value}: unmerged" for s in VISIBLE]
    return "\n".join([*lines, "    closed --> [*]"]) + "\n"

"""What ``policy explain`` says of a ticket's checklists: who or which rule added them, who ticked what, what they hinder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from workers.cli.output import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ticketcore.replay import HistoryEntry

__all__ = ["checklists_of", "print_checklists"]

_BEGINS_AND_ENDS = {
    "ticket.solved": True, "ticket.closed": True, "ticket.merged": True, "ticket.reopened": False, "ticket.unmerged": False,
}  # fmt: skip


def checklists_of(entries: Sequence[HistoryEntry]) -> list[dict[str, Any]]:
    """Return the checklists of a ticket's history, in the order in which they were added.

    Each has ``checklist``, ``required``, ``added_at``, ``added_by``; ``policy``, ``section``, ``rule`` and ``saw`` where a rule added it;
    ``steps`` with ``step``, ``ticked_at``, ``ticked_by``; and ``hinders``: why people can't solve the ticket now, ``None`` where they can.
    """
    found: dict[str, dict[str, Any]] = {}
    decided: HistoryEntry | None = None
    over = False
    for entry in entries:
        over = _BEGINS_AND_ENDS.get(entry.topic, over)
        if entry.topic == "ticket.policy_decided":
            decided = entry
        elif entry.topic == "ticket.checklist_added":
            name = str(entry.fields["checklist"])
            of_rule = decided if decided is not None and decided.command_id == entry.command_id else None
            found[name] = _added(entry, found.get(name), _rule(of_rule, name))
        elif entry.topic in ("ticket.step_ticked", "ticket.step_unticked"):
            done = entry.topic == "ticket.step_ticked"
            for step in found.get(str(entry.fields["checklist"]), {"steps": ()})["steps"]:
                if step["step"] == entry.fields["step"]:
                    step["ticked_at"], step["ticked_by"] = (entry.recorded_at, entry.actor) if done else (None, None)
    for one in found.values():
        open_ = [step["step"] for step in one["steps"] if step["ticked_at"] is None]
        hinders = one["required"] and open_ and not over
        one["hinders"] = f"people can't solve it before they tick {', '.join(map(repr, open_))}" if hinders else None
    return list(found.values())


def print_checklists(ticket: str, known: Sequence[Mapping[str, Any]], pairs: Callable[[Any], str]) -> None:
    """Print what :func:`checklists_of` found; nothing where there is no checklist."""
    if not known:
        return
    table(
        f"The checklists of {ticket}",
        ("added", "checklist", "by", "policy", "rule", "saw", "required", "hinders"),
        ((one["added_at"], one["checklist"], one["added_by"], one["policy"], one["rule"], pairs(one["saw"]) or None,
          "yes" if one["required"] else "no", one["hinders"]) for one in known),
    )  # fmt: skip
    table(f"The steps of the checklists of {ticket}", ("checklist", "step", "ticked", "by"), _steps(known))


def _steps(known: Sequence[Mapping[str, Any]]) -> Iterator[tuple[object, ...]]:
    for one in known:
        for step in one["steps"]:
            yield one["checklist"], step["step"], step["ticked_at"], step["ticked_by"]


def _added(entry: HistoryEntry, before: Mapping[str, Any] | None, rule: Mapping[str, Any]) -> dict[str, Any]:
    """Return a checklist as it was added, or given other steps; ticks of steps that stay are kept."""
    ticked = {step["step"]: step for step in before["steps"]} if before else {}
    wanted: Any = entry.fields["steps"]
    steps = [ticked.get(step) or {"step": step, "ticked_at": None, "ticked_by": None} for step in wanted]
    return {
        "checklist": entry.fields["checklist"], "required": bool(entry.fields.get("required")), "position": entry.position,
        "added_at": entry.recorded_at, "added_by": entry.actor,
        **{name: rule.get(name) for name in ("policy", "section", "rule", "saw")}, "steps": steps,
    }  # fmt: skip


def _rule(entry: HistoryEntry | None, checklist: str) -> Mapping[str, Any]:
    """Return the decision by which a rule added it: of its own condition, or a follow-up's action."""
    decisions: Any = entry.fields.get("decisions", ()) if entry is not None else ()
    for one in decisions:
        outcome: Mapping[str, str] = one.get("outcome") or {}
        if checklist in (said for action, said in outcome.items() if action.partition(" ")[0] == "checklist"):
            return {**one, "policy": entry.fields["policy"]} if entry is not None else {}
    return {}

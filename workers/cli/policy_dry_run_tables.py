"""A dry run as people read it: what decided, both sides beside each other, and the biggest groups that differ."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.markup import escape

from ticketcore.domain.types import Priority
from ticketcore.policy.beside import PROMISED
from ticketcore.policy.outcomes import Outcome
from workers.cli.looking_back import what_was_read
from workers.cli.output import say, table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ticketcore.policy.beside import Beside, Pair
    from ticketcore.policy.dry_run import DryRun

__all__ = ["print_dry_run"]

_TALLEST, _WIDEST = 10, 8
"""Rows and columns of a table of values against values."""
_SHOWN = 3
"""Numbers of tickets that are shown of each group."""
_TITLES = {
    "category": "category",
    "priority": "priority, first",
    "last_priority": "priority, last",
    "team": "team, first",
    "last_team": "team, last",
    "first_reply": "first reply",
    "next_reply": "next reply",
    "resolution": "resolution",
}
_CROSSED = ("category", "priority", "team", *PROMISED)
_ORDER = (*Priority, *Outcome)


def print_dry_run(found: DryRun, source: str, limit: int) -> None:
    """Print what was found. *source*: where the policy is from; *limit*: at most so many groups of each difference."""
    what_was_read(found, f" ({source})", f", {found.solved:,} of them solved")
    if not found.replied:
        say("No public reply of staff is recorded: a first reply counts as given when the ticket was solved.")
    if found.told:
        say(f"{found.told:,} had a category from their opening on: it stays, whatever the rules say.")
    for one in found.aspects:
        if one.differ is None:
            say(f"Nothing is recorded of the promise {_TITLES[one.aspect]!r}: there is nothing to compare it with.")
    table(
        "What decided, at the opening of each ticket",
        ("section", "rule", "tickets", "as the company", "share"),
        ((one.section, one.rule, f"{one.tickets:,}", *_share(one.agree, one.tickets)) for one in found.rules),
        numbers=("tickets", "as the company", "share"),
    )
    for aspect in found.aspects:
        if aspect.aspect in _CROSSED and not (aspect.differ is None and len(aspect.pairs) == 1):
            _cross(aspect)
    table(
        "Where company and policy say the same",
        ("", "same", "share", "different"),
        ((_TITLES[one.aspect], *_share(one.agree, found.tickets), _number(one.differ)) for one in found.aspects),
        numbers=("same", "different", "share"),
    )  # fmt: skip
    groups = [(one.aspect, pair) for one in found.aspects for pair in _biggest(one, limit)]
    if not groups:
        say("They differ nowhere.")
        return
    table(
        "Where they differ: the biggest groups",
        ("", "company", "policy", "tickets", "for example"),
        ((_TITLES[aspect], _word(pair.company), _word(pair.policy), f"{pair.tickets:,}", ", ".join(pair.examples[:_SHOWN]))
         for aspect, pair in groups),
        numbers=("tickets",),
    )  # fmt: skip
    number = groups[0][1].examples[0]
    say(f"Look at one: ticketcore ticket show {number}; and at what was decided: ticketcore policy explain {number}")


def _biggest(one: Beside, limit: int) -> list[Pair]:
    return [pair for pair in one.pairs if pair.agree is False][:limit]


def _cross(one: Beside) -> None:
    """Print the company's values against the policy's, the most frequent ones, the others summed."""
    down, down_rest = _kept(one.pairs, _TALLEST, company=True)
    across, across_rest = _kept(one.pairs, _WIDEST, company=False)
    counts: Counter[tuple[str, str]] = Counter()
    for pair in one.pairs:
        counts[down.get(pair.company, down_rest), across.get(pair.policy, across_rest)] += pair.tickets
    rows = list(dict.fromkeys((*down.values(), *(row for row, _ in counts))))
    columns = list(dict.fromkeys((*across.values(), *(column for _, column in counts))))
    heads = [escape(column) for column in columns]
    table(
        f"{_TITLES[one.aspect].capitalize()}: the company's down, the policy's across",
        ("company", *heads, "all"),
        (
            (row, *(_number(counts[row, column] or None) for column in columns), f"{sum(counts[row, column] for column in columns):,}")
            for row in rows
        ),
        numbers=(*heads, "all"),
    )  # fmt: skip


def _kept(pairs: Sequence[Pair], most: int, *, company: bool) -> tuple[dict[str | None, str], str]:
    """Return the most frequent values with their names, in the order in which they are shown, and the name of the rest."""
    counts: Counter[str | None] = Counter()
    for pair in pairs:
        counts[pair.company if company else pair.policy] += pair.tickets
    values = [value for value, _ in counts.most_common()]
    kept = values if len(values) <= most else values[: most - 1]
    return {value: _word(value) for value in _ordered(kept)}, f"({len(values) - len(kept)} others)"


def _ordered(values: Iterable[str | None]) -> list[str | None]:
    return sorted(values, key=lambda value: _ORDER.index(value) if value in _ORDER else -1)


def _word(value: str | None) -> str:
    return "(nothing)" if value is None else str(value).replace("not_reported", "not reported")


def _number(count: int | None) -> str | None:
    return None if count is None else f"{count:,}"


def _share(agree: int | None, tickets: int) -> tuple[str | None, str | None]:
    return (None, None) if agree is None else (f"{agree:,}", _percent(agree, tickets))


def _percent(part: int, whole: int) -> str | None:
    return f"{part / whole:.1%}" if whole else None

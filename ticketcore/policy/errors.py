"""What can be wrong with a policy, told with line and column, everything at once."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, NamedTuple

from ticketcore.errors import TicketCoreError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

__all__ = ["BadPolicy", "Mistake", "PolicyLoop", "UnreadablePolicy", "did_you_mean", "shown"]


class Mistake(NamedTuple):
    """One thing that is wrong with a document.

    Attributes:
        line, column: where it stands, from 1.
        path: the keys that lead there, with dots: ``sla.0.targets.high``.
        problem: what is wrong and what was got.
        expected: what would be right.
        remedy: what to do.
    """

    line: int
    column: int
    path: str
    problem: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        where = f"line {self.line}, column {self.column}"
        key = f" ({self.path})" if self.path else ""
        return f"{where}{key}: {self.problem}, expected {self.expected} ({self.remedy})"


class BadPolicy(TicketCoreError):
    """A policy document can't be taken; nothing of it was adopted."""

    code = "bad_policy"
    exit_code = 2

    def __init__(self, source: str, mistakes: Iterable[Mistake]) -> None:
        self.source = source
        self.mistakes = tuple(sorted(mistakes))
        count = len(self.mistakes)
        head = f"cannot take the policy {source}: {count} mistake{'s' if count != 1 else ''}"
        super().__init__("\n  ".join([head, *map(str, self.mistakes)]))


class UnreadablePolicy(TicketCoreError):
    """This release can't read a policy that was adopted: another release adopted it.

    Attributes:
        version: the policy's.
        mistakes: what this release takes for wrong in it.
    """

    code = "unreadable_policy"
    exit_code = 8

    def __init__(self, version: int, adopted_at: datetime, error: BadPolicy) -> None:
        self.version, self.adopted_at, self.mistakes = version, adopted_at, error.mistakes
        super().__init__(
            f"cannot read policy version {version}, adopted {adopted_at.isoformat(timespec='seconds')}: {error.mistakes[0]}"
            f"{f', and {len(error.mistakes) - 1} more' if len(error.mistakes) > 1 else ''} (go on with the release that"
            " adopted it, or adopt one that this release reads: what happens from its effective time on is decided by that)"
        )


class PolicyLoop(TicketCoreError):
    """A ticket's rules want something because of what rules did, again and again; nothing more is done for it.

    Attributes:
        ticket: its number.
        rules: the last that decided, as ``section: rule``.
        times: how often in a row.
    """

    code = "policy_loop"
    exit_code = 5

    def __init__(self, ticket: str, rules: Iterable[str], times: int) -> None:
        self.ticket, self.rules, self.times = ticket, tuple(rules), times
        super().__init__(
            f"cannot go on with the policy on ticket {ticket}: rules answered rules {times} times in a row, the last ones"
            f" {', '.join(self.rules)}, expected an end (mend the rules and adopt them, or do something on the ticket)"
        )


def did_you_mean(got: str, known: Iterable[str]) -> str | None:
    """Return the known name that is nearest to *got*; ``None`` where none is near."""
    lower = {name.lower(): name for name in known}
    near = get_close_matches(got[:100].lower().replace("-", "_"), lower, n=1, cutoff=0.6) or get_close_matches(
        got[:100].lower(), lower, n=1, cutoff=0.6
    )
    return lower[near[0]] if near else None


def shown(value: object, limit: int = 60) -> str:
    """Return a value of a document as a message shows it, long ones cut."""
    match value:
        case None:
            return "empty"
        case dict():
            return "a table of keys"
        case list() | tuple():
            return f"a list of {len(value)}" if value else "an empty list"
        case _:
            text = str(value)
            return repr(text if len(text) <= limit else f"{text[:limit]}...")

"""Counts what was done to tickets beside what a policy would have done: by rule, and aspect by aspect."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.types import Status
from ticketcore.policy.clocks import NO_RULE
from ticketcore.policy.outcomes import Outcome
from ticketcore.policy.priority import DEFAULT, MATRIX
from ticketcore.policy.routing import DEFAULT_TEAM

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ticketcore.policy.document import PolicyDocument
    from ticketcore.policy.dry_run import Judged

__all__ = ["ASPECTS", "EXAMPLES", "PROMISED", "Beside", "Pair", "RuleCount", "Tally", "differs"]

PROMISED = ("first_reply", "next_reply", "resolution")
ASPECTS = ("category", "priority", "last_priority", "team", "last_team", *PROMISED)
"""What is compared: the fields of :class:`~ticketcore.policy.dry_run.Said`."""
EXAMPLES = 5
"""Numbers of tickets that are kept of each pair of values."""
_SILENT = (Outcome.NONE, Outcome.NOT_REPORTED)
_SOLVED = (Status.SOLVED.value, Status.CLOSED.value)


class RuleCount(NamedTuple):
    """What one rule decided at the openings.

    Attributes:
        section: ``classification``, ``priority``, ``routing`` or ``sla``.
        rule: its name; ``matrix``, ``default``, ``default_team`` and ``none`` (no rule fits) among them.
        tickets: how many it decided.
        agree: of how many the company says the same: the category that the rule sets, priority, team, whether the
            resolution was broken; ``None`` where the rule says nothing of it.
    """

    section: str
    rule: str
    tickets: int
    agree: int | None


class Pair(NamedTuple):
    """Tickets of which the company says one value and the policy another, or the same.

    Attributes:
        company, policy: the values; ``None``: nothing was said.
        tickets: how many there are.
        agree: whether both say the same; of promises: whether they are broken in both, or in neither; ``None`` where
            nothing of the kind is recorded at all, so that there is nothing to compare.
        examples: numbers of the first :data:`EXAMPLES` of them.
    """

    company: str | None
    policy: str | None
    tickets: int
    agree: bool | None
    examples: tuple[str, ...]


class Beside(NamedTuple):
    """One of :data:`ASPECTS`, company and policy beside each other.

    Attributes:
        agree, differ: how many tickets; ``None`` where nothing of the kind is recorded at all.
        pairs: all pairs of values, the most tickets first.
    """

    aspect: str
    agree: int | None
    differ: int | None
    pairs: tuple[Pair, ...]


def differs(aspect: str, company: str | None, policy: str | None) -> bool:
    """Return whether company and policy say different things about an aspect."""
    if aspect in PROMISED:
        return (company == Outcome.BROKEN) != (policy == Outcome.BROKEN)
    return company != policy


class Tally:
    """Counts tickets, one after the other.

    Args:
        document: the policy; what it says nothing of is not compared.
    """

    def __init__(self, document: PolicyDocument) -> None:
        self.tickets = self.solved = self.replied = self.told = 0
        self._names = _names(document)
        self._aspects = [aspect for aspect in ASPECTS if _says(document, aspect)]
        self._rules: Counter[tuple[str, str]] = Counter()
        self._agree: Counter[tuple[str, str]] = Counter()
        self._asked: set[tuple[str, str]] = set()
        self._pairs: dict[str, Counter[tuple[str | None, str | None]]] = {name: Counter() for name in self._aspects}
        self._examples: dict[tuple[str, str | None, str | None], list[str]] = {}

    def add(self, one: Judged) -> None:
        """Count one ticket."""
        self.tickets += 1
        self.solved += one.status in _SOLVED
        self.replied += one.replies > 0
        self.told += one.told
        company, policy = one.company, one.policy
        for aspect in self._aspects:
            said, would = getattr(company, aspect), getattr(policy, aspect)
            self._pairs[aspect][said, would] += 1
            examples = self._examples.setdefault((aspect, said, would), [])
            if len(examples) < EXAMPLES:
                examples.append(one.number)
        rules = one.rules
        same = not differs("resolution", company.resolution, policy.resolution)
        self._count(
            "classification", rules.classification, None if rules.sets is None else rules.sets == company.category
        )
        self._count("priority", rules.priority, company.priority == policy.priority)
        self._count("routing", rules.routing, company.team == policy.team)
        self._count("sla", rules.sla, None if rules.sla is None else same)

    def _count(self, section: str, rule: str | None, agree: bool | None) -> None:
        key = section, rule or NO_RULE
        self._rules[key] += 1
        if agree is not None:
            self._asked.add(key)
            self._agree[key] += agree

    def rules(self) -> tuple[RuleCount, ...]:
        """Return what each rule decided, those that decided nothing among them."""
        asked = {key for key in self._asked if key[0] != "sla" or self._is_recorded("resolution")}
        return tuple(
            RuleCount(*key, self._rules[key], self._agree[key] if key in asked else None) for key in self._names
        )

    def aspects(self) -> tuple[Beside, ...]:
        """Return both sides beside each other."""
        return tuple(map(self._beside, self._aspects))

    def _beside(self, aspect: str) -> Beside:
        known = self._is_recorded(aspect)
        pairs = tuple(
            Pair(
                said, would, count, not differs(aspect, said, would) if known else None,
                tuple(self._examples[aspect, said, would]),
            )
            for (said, would), count in self._pairs[aspect].most_common()
        )  # fmt: skip
        if not known:
            return Beside(aspect, None, None, pairs)
        agree = sum(pair.tickets for pair in pairs if pair.agree)
        return Beside(aspect, agree, self.tickets - agree, pairs)

    def _is_recorded(self, aspect: str) -> bool:
        """Return whether anything at all is recorded of such promises; not so of a source that only reports others."""
        return aspect not in PROMISED or any(said not in _SILENT for said, _ in self._pairs[aspect])


def _names(document: PolicyDocument) -> list[tuple[str, str]]:
    """Return section and name of all that can decide."""
    return [(section, name) for section, names in _by_section(document) for name in names]


def _by_section(document: PolicyDocument) -> Iterator[tuple[str, list[str]]]:
    if document.classification:
        yield "classification", [*(rule.rule for rule in document.classification), NO_RULE]
    yield "priority", [*(rule.rule for rule in document.priority.rules), MATRIX, DEFAULT]
    if document.default_team is not None:
        yield "routing", [*(rule.rule for rule in document.routing), DEFAULT_TEAM]
    if document.sla:
        yield "sla", [*(rule.rule for rule in document.sla), NO_RULE]


def _says(document: PolicyDocument, aspect: str) -> bool:
    if aspect in PROMISED:
        return bool(document.sla)
    return document.default_team is not None or "team" not in aspect

"""Conditions in the familiar form: ``all``, ``any`` and ``none`` of some, nested; or a field with an operator.

``{all: [{field: channel, is: mail}, {none: [{field: tags, contains: spam}]}]}``. An empty one, ``{}``, always holds.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import (
    ConfigDict,
    Field,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)

from ticketcore.domain.types import Frozen
from ticketcore.policy.checks import Check
from ticketcore.policy.errors import did_you_mean, shown
from ticketcore.policy.fields import FIELDS, OPERATORS
from ticketcore.policy.names import defined_calendar, unfit
from ticketcore.policy.operators import Unfit, parse_check

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ticketcore.policy.facts import Facts

__all__ = ["ALWAYS", "Condition", "saw"]

_OPERATORS = sorted({name for names in OPERATORS.values() for name in names})
_Checked = Annotated[Any, PlainSerializer(lambda check: check and check.written)]
_MOST = 100


class Condition(Frozen):
    """One condition: groups of others, or a field with exactly one operator.

    Several groups side by side must all hold. Which operators fit which field is in docs/policies.md.
    """

    model_config = ConfigDict(populate_by_name=True, arbitrary_types_allowed=True)

    all_: Annotated[tuple[Condition, ...] | None, Field(alias="all", min_length=1, max_length=_MOST)] = None
    any_: Annotated[tuple[Condition, ...] | None, Field(alias="any", min_length=1, max_length=_MOST)] = None
    none_: Annotated[tuple[Condition, ...] | None, Field(alias="none", min_length=1, max_length=_MOST)] = None
    field: str | None = None
    is_: Annotated[_Checked, Field(alias="is")] = None
    is_not: _Checked = None
    in_: Annotated[_Checked, Field(alias="in")] = None
    not_in: _Checked = None
    contains: _Checked = None
    contains_any: _Checked = None
    contains_all: _Checked = None
    not_contains: _Checked = None
    starts_with: _Checked = None
    ends_with: _Checked = None
    matches_: Annotated[_Checked, Field(alias="matches")] = None
    above: _Checked = None
    below: _Checked = None
    between: _Checked = None
    before: _Checked = None
    after: _Checked = None
    within: _Checked = None
    not_within: _Checked = None
    is_set: _Checked = None

    @field_validator("field", mode="before")
    @classmethod
    def _known(cls, name: object) -> object:
        if name in FIELDS:
            return name
        near = did_you_mean(str(name), FIELDS)
        remedy = f"did you mean {near}?" if near else "choose one of these"
        raise unfit(f"the field {shown(name)} is unknown", f"one of {', '.join(FIELDS)}", remedy)

    @field_validator(
        "is_", "is_not", "in_", "not_in", "contains", "contains_any", "contains_all", "not_contains", "starts_with", "ends_with",
        "matches_", "above", "below", "between", "before", "after", "within", "not_within", "is_set", mode="before",
    )  # fmt: skip
    @classmethod
    def _fits(cls, raw: object, info: ValidationInfo) -> object:
        name = info.data.get("field")
        if name is None or isinstance(raw, Check):
            return raw  # what is wrong is told of the field
        operator = (info.field_name or "").rstrip("_")
        try:
            check = parse_check(name, FIELDS[name], operator, raw)
        except Unfit as error:
            raise unfit(error.problem, error.expected, error.remedy, error.index) from None
        if operator in ("within", "not_within"):
            defined_calendar(check.operand[0], info)
        return check

    @model_validator(mode="after")
    def _one_form(self) -> Condition:
        checks = [name for name in _OPERATORS if getattr(self, _attribute(name)) is not None]
        groups = [name for name in ("all", "any", "none") if getattr(self, f"{name}_") is not None]
        form = "a field with one operator, as in {field: channel, is: mail}"
        if self.field is None and checks:
            raise unfit(f"{checks[0]} has no field", form, "name the field")
        if self.field is not None and groups:
            raise unfit(f"{groups[0]} and field stand in one condition", "either", f"put the field under {groups[0]}")
        if self.field is not None and not checks:
            raise unfit(f"{self.field} has no operator", form, f"add one of {', '.join(_fitting(self.field))}")
        if len(checks) > 1:
            raise unfit(f"{self.field} has {' and '.join(checks)}", "one operator", "put one condition each under all")
        return self

    @field_validator("all_", "any_", "none_", mode="after")
    @classmethod
    def _no_empty(cls, parts: tuple[Condition, ...] | None) -> tuple[Condition, ...] | None:
        for index, part in enumerate(parts or ()):
            if part.always:
                raise unfit("a condition is empty", "a field or a group", "remove it: it always holds", index)
        return parts

    @model_serializer(mode="wrap")
    def _short(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {
            name.rstrip("_"): list(value) if isinstance(value, tuple) else value
            for name, value in handler(self).items()
            if value is not None
        }

    @property
    def always(self) -> bool:
        """Whether it says nothing, and so holds of every ticket."""
        return self.field is None and self.all_ is None and self.any_ is None and self.none_ is None

    @cached_property
    def check(self) -> Check | None:
        """What it checks, where it is no group."""
        if self.field is None:
            return None
        found: Check = next(check for name in _OPERATORS if (check := getattr(self, _attribute(name))) is not None)
        return found

    @property
    def checks(self) -> Iterator[Check]:
        """All that is checked in it, in order."""
        if (check := self.check) is not None:
            yield check
        for group in (self.all_, self.any_, self.none_):
            for part in group or ():
                yield from part.checks

    @property
    def fields(self) -> frozenset[str]:
        """The fields that it looks at."""
        return frozenset(check.field for check in self.checks)

    def matches(self, facts: Facts) -> bool:
        """Return whether the ticket is so. What is not known makes a condition false, not an error."""
        if self.field is not None:
            check = self.check
            return check is not None and check.holds(facts)
        return (
            all(part.matches(facts) for part in self.all_ or ())
            and (self.any_ is None or any(part.matches(facts) for part in self.any_))
            and not any(part.matches(facts) for part in self.none_ or ())
        )

    def saw(self, facts: Facts) -> dict[str, str]:
        """Return what it looked at, by field, in words that hold nothing personal."""
        return saw((self,), facts)


def saw(conditions: Iterable[Condition], facts: Facts) -> dict[str, str]:
    """Return what several conditions looked at, by field: the values; of texts, which of the patterns were found.

    At most a hundred of a field. Of a duration it says on which side of the limits it was, since it is another one at every look.
    """
    found: dict[str, dict[str, None]] = {}
    for condition in conditions:
        for check in condition.checks:
            found.setdefault(check.field, {}).update(dict.fromkeys(check.saw(facts)))
    return {field: _listed(list(words)) for field, words in sorted(found.items())}


def _listed(words: list[str]) -> str:
    """Return the last words, among which are those of the rule that counts, and how many there are before them."""
    more = [f"and {len(words) - _MOST:,} before"] if len(words) > _MOST else []
    return ", ".join(words[-_MOST:] + more) or "no match"


def _attribute(operator: str) -> str:
    return f"{operator}_" if operator in ("is", "in", "matches") else operator


def _fitting(field: str) -> tuple[str, ...]:
    return OPERATORS[FIELDS[field].kind]


ALWAYS = Condition()
"""Holds of every ticket."""

"""Names that one part of a policy gives and another uses: each use is checked against what the document defines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import AfterValidator, Field, ValidationInfo
from pydantic_core import PydanticCustomError

from ticketcore.domain.types import Label
from ticketcore.policy.errors import did_you_mean, shown

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Addressee", "CalendarName", "ChecklistName", "OwnCalendar", "RuleName", "TeamName", "TemplateName", "defined_calendar", "needs_calendar",
    "unfit",
]  # fmt: skip


def unfit(problem: str, expected: str, remedy: str, index: int | None = None) -> PydanticCustomError:
    """Return an error that the reading of a document tells with its line; of item *index*, where it is a list's."""
    context: dict[str, Any] = {"problem": problem, "expected": expected, "remedy": remedy}
    if index is not None:
        context["index"] = index
    return PydanticCustomError("wrong", "{problem}", context)


def _unknown(what: str, name: str, known: tuple[str, ...], section: str) -> PydanticCustomError:
    """Return the error that *name* is not defined."""
    near = did_you_mean(name, known)
    expected = f"one of {', '.join(known)}" if known else "one that is defined; there is none"
    return unfit(f"the {what} {shown(name)} is not defined", expected, f"did you mean {near}?" if near else section)


def _defined(what: str, section: str, remedy: str) -> Callable[[str, ValidationInfo], str]:
    def check(name: str, info: ValidationInfo) -> str:
        known = (info.context or {}).get(section)  # where nothing is known, nothing is checked
        if known is not None and name not in known:
            raise _unknown(what, name, tuple(known), remedy)
        return name

    return check


def _addressee(name: str, info: ValidationInfo) -> str:
    kind, colon, rest = name.partition(":")
    if not colon or not rest or kind not in ("team", "agent"):
        raise unfit(f"it is {shown(name)}", "team:NAME or agent:NAME", "say which")
    teams = (info.context or {}).get("teams")
    if kind == "team" and teams is not None and rest not in teams:
        raise _unknown("team", rest, tuple(teams), "add it to teams")
    return name


def needs_calendar(info: ValidationInfo) -> None:
    """Raise where a calendar is needed, and neither the place nor the document names one."""
    if info.context is not None and not info.context.get("calendar"):
        raise unfit("it has no calendar", "one here, or calendar: NAME for the whole document", "name one of calendars")


def _own_or_default(name: str | None, info: ValidationInfo) -> str | None:
    if name is None:
        needs_calendar(info)
    return name


RuleName = Label
"""A rule's name, once in its section; it stands in every decision."""
defined_calendar = _defined("calendar", "calendars", "add it to calendars")
CalendarName = Annotated[Label, AfterValidator(defined_calendar)]
OwnCalendar = Annotated[CalendarName | None, AfterValidator(_own_or_default), Field(validate_default=True)]
"""Left out: the document's own, which then must name one."""
TeamName = Annotated[Label, AfterValidator(_defined("team", "teams", "add it to teams"))]
ChecklistName = Annotated[Label, AfterValidator(_defined("checklist", "checklists", "add it to checklists"))]
TemplateName = Annotated[
    Label,
    AfterValidator(
        _defined("template", "templates", "write it into the folder TICKETCORE_MAIL_TEMPLATES, or name another")
    ),
]
Addressee = Annotated[Label, AfterValidator(_addressee)]
"""``team:NAME`` or ``agent:NAME``."""

"""The sections of a policy that say what happens later, and which steps a procedure has.

Every follow-up rule and every checklist whose condition holds counts, each for itself.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator, model_serializer, model_validator

from ticketcore.domain.types import Frozen, Label, Priority, Text
from ticketcore.policy.conditions import Condition
from ticketcore.policy.duration import BusinessDuration, Duration
from ticketcore.policy.errors import did_you_mean, shown
from ticketcore.policy.names import (
    Addressee,
    CalendarName,
    ChecklistName,
    TeamName,
    TemplateName,
    needs_calendar,
    unfit,
)
from ticketcore.policy.sections import Rule

__all__ = ["Action", "After", "AssignTo", "Checklist", "FollowUpRule", "Since"]


class Since(StrEnum):
    """From which moment a follow-up counts."""

    OPENED = "opened"
    STATUS = "status"
    """Since the ticket has its status."""
    SOLVED = "solved"
    CLOSED = "closed"
    CUSTOMER = "customer"
    """The customer's newest message."""
    REPLY = "reply"
    """Our newest public reply."""
    UNANSWERED = "unanswered"
    """The first message of the customer that nobody answered."""


class After(Frozen):
    """How much later: ``3d`` on the clock, or ``{business: 16h}`` in working time.

    Attributes:
        elapsed: on the clock.
        business: working time of *calendar*; exactly one of the two is given.
        calendar: the document's own where it is left out.
    """

    elapsed: Duration | None = None
    business: BusinessDuration | None = None
    calendar: CalendarName | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if isinstance(value, dict | After):
            return value
        return {"elapsed": value}

    @model_validator(mode="after")
    def _one(self, info: ValidationInfo) -> After:
        if (self.elapsed is None) == (self.business is None):
            raise unfit("it has no duration of its own", "a duration like 3d, or {business: 16h}", "give one of them")
        if self.calendar is not None and self.business is None:
            raise unfit("it has a calendar for time on the clock", "{business: 16h, calendar: ...}", "say business")
        if self.business is not None and self.calendar is None:
            needs_calendar(info)
        return self

    @model_serializer(mode="wrap")
    def _text(self, handler: Any) -> Any:
        found = {name: value for name, value in handler(self).items() if value is not None}
        return found.get("elapsed", found)

    @property
    def at_once(self) -> bool:
        """Whether it is no time at all."""
        return self.elapsed is not None and not self.elapsed


class AssignTo(Frozen):
    """To whom a ticket is given: a team, an agent, or both."""

    team: TeamName | None = None
    agent: Label | None = None

    @model_validator(mode="after")
    def _somebody(self) -> AssignTo:
        if self.team is None and self.agent is None:
            raise unfit("it names nobody", "a team, an agent or both", "name one")
        return self


class Action(Frozen):
    """One thing to do; exactly one is given. Those without a value are written as a word: ``close``.

    Attributes:
        mail: sends the customer a mail made from the template of that name.
        note: writes an internal note.
        pend, hold, resume, solve, close, reopen: changes the status so.
        survey: asks the customer how it was, once for each solution.
        raise_priority: by so many steps, at most to critical.
        set_priority: whatever it was.
        assign, unassign: gives it to a team or agent, or to nobody.
        notify: tells teams and agents.
        add_tags: adds tags.
        checklist: adds one of ``checklists``.
    """

    mail: TemplateName | None = None
    note: Annotated[Text, Field(min_length=1, max_length=4_000)] | None = None
    pend: bool | None = None
    hold: bool | None = None
    resume: bool | None = None
    solve: bool | None = None
    close: bool | None = None
    reopen: bool | None = None
    survey: bool | None = None
    raise_priority: Annotated[int, Field(ge=1, le=3)] | None = None
    set_priority: Priority | None = None
    assign: AssignTo | None = None
    unassign: bool | None = None
    notify: Annotated[tuple[Addressee, ...], Field(min_length=1, max_length=50)] | None = None
    add_tags: Annotated[tuple[Label, ...], Field(min_length=1, max_length=50)] | None = None
    checklist: ChecklistName | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if isinstance(value, dict | Action):
            return value
        if value in _WORDS:
            return {str(value): True}
        near = did_you_mean(str(value), Action.model_fields)
        if value in Action.model_fields:
            raise unfit(f"{value} has no value", f"{{{value}: ...}}", "give it one")
        remedy = f"did you mean {near}?" if near else "choose one of these"
        raise unfit(f"the action {shown(value)} is unknown", f"one of {', '.join(Action.model_fields)}", remedy)

    @field_validator("pend", "hold", "resume", "solve", "close", "reopen", "survey", "unassign")
    @classmethod
    def _wanted(cls, value: bool | None) -> bool | None:
        if value is False:
            raise unfit("it is false", "true, or the word alone", "remove the action")
        return value

    @model_validator(mode="after")
    def _one(self) -> Action:
        given = [name for name in Action.model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "nothing"
            raise unfit(f"one action has {got}", "exactly one", "write each as an item of its own")
        return self

    @model_serializer(mode="wrap")
    def _short(self, handler: Any) -> Any:
        return self.kind if self.kind in _WORDS else {self.kind: handler(self)[self.kind]}

    @property
    def kind(self) -> str:
        """The name of what is done: ``mail``, ``close``, ..."""
        return next(name for name in Action.model_fields if getattr(self, name) is not None)


_WORDS = ("pend", "hold", "resume", "solve", "close", "reopen", "survey", "unassign")


class FollowUpRule(Rule):
    """What is done for the tickets that it fits, some time after something.

    Attributes:
        after: how much later.
        since: than what.
        repeat: how often it is done in all, each time *after* later, while the condition holds.
        do: what, in order.
    """

    after: After
    since: Since = Since.STATUS
    repeat: Annotated[int, Field(ge=1, le=100)] = 1
    do: Annotated[tuple[Action, ...], Field(min_length=1, max_length=20)]

    @model_validator(mode="after")
    def _spaced(self) -> FollowUpRule:
        if self.repeat > 1 and self.after.at_once:
            raise unfit(f"it repeats {self.repeat} times with no time between", "after of more than 0s", "say how long")
        return self


class Checklist(Frozen):
    """The steps of a standard procedure.

    Attributes:
        when: which tickets get it; left out: those to which somebody adds it.
        steps: in order, each once.
        required: the ticket can't be solved before all are ticked.
    """

    when: Condition | None = None
    steps: Annotated[tuple[Label, ...], Field(min_length=1, max_length=100)]
    required: bool = False

    @field_validator("steps")
    @classmethod
    def _once(cls, steps: tuple[str, ...]) -> tuple[str, ...]:
        for index, step in enumerate(steps):
            if step in steps[:index]:
                raise unfit(f"the step {shown(step)} stands twice", "each step once", "tell them apart", index)
        return steps

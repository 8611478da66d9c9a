"""The section of a policy that says what is promised, and by when."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import Field, field_validator, model_serializer, model_validator

from ticketcore.domain.types import Frozen, Priority, SlaTarget, Status
from ticketcore.policy.duration import BusinessDuration, format_business, format_duration, parse_duration
from ticketcore.policy.errors import shown
from ticketcore.policy.names import OwnCalendar, unfit
from ticketcore.policy.sections import Rule

__all__ = ["SlaRule", "Targets", "Warn"]

_PAUSING = (Status.PENDING, Status.ON_HOLD)
_PERCENT = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)\s*%", re.ASCII)
_WHOLE = 100


class Targets(Frozen):
    """How long each promise may take, in working time of the rule's calendar; what is left out is not promised."""

    first_reply: BusinessDuration | None = None
    next_reply: BusinessDuration | None = None
    resolution: BusinessDuration | None = None

    @model_validator(mode="after")
    def _promises_something(self) -> Targets:
        if not self.promised:
            raise unfit("it promises nothing", "first_reply, next_reply or resolution", "add one, or remove the line")
        return self

    @property
    def promised(self) -> dict[SlaTarget, timedelta]:
        """What is promised."""
        found = ((target, getattr(self, target.value)) for target in SlaTarget)
        return {target: duration for target, duration in found if duration is not None}


class Warn(Frozen):
    """When to warn before a promise is broken: ``80%`` of the time is used up, or ``15m`` of it are left.

    Attributes:
        percent: of the promised time, more than 0 and at most 100.
        left: working time before the due time.
    """

    percent: float | None = None
    left: timedelta | None = None

    @model_validator(mode="before")
    @classmethod
    def _read(cls, value: object) -> object:
        if isinstance(value, dict | Warn):
            return value
        text = str(value or "").strip()
        if match := _PERCENT.fullmatch(text):
            percent = float(match[1])
            if not 0 < percent <= _WHOLE:
                raise unfit(f"it is {shown(text)}", "more than 0% and at most 100%", "warn before the time is over")
            return {"percent": percent}
        try:
            left = parse_duration(text.removesuffix("before"))
        except ValueError:
            left = timedelta()
        if not left:
            raise unfit(f"it is {shown(value)}", "a part like 80%, or the time left like 15m", "write one of them")
        return {"left": left}

    @model_serializer(mode="plain")
    def _text(self) -> str:
        return format_duration(self.left) if self.left is not None else f"{self.percent:g}%"


class SlaRule(Rule):
    """What is promised for the tickets that it fits; the first rule that fits counts.

    Attributes:
        calendar: in whose working time is counted; the document's own where it is left out.
        targets: priority -> what is promised; a priority that is not named is promised nothing.
        pause_on: statuses in which next reply and resolution stand still.
        pause_first_reply_on: statuses in which the first reply stands still.
        warn: when to warn, before.
    """

    calendar: OwnCalendar = None
    targets: Annotated[dict[Priority, Targets], Field(min_length=1)]
    pause_on: tuple[Status, ...] = (Status.PENDING,)
    pause_first_reply_on: tuple[Status, ...] = ()
    warn: Annotated[tuple[Warn, ...], Field(max_length=10)] = ()

    @field_validator("pause_on", "pause_first_reply_on")
    @classmethod
    def _can_pause(cls, statuses: tuple[Status, ...]) -> tuple[Status, ...]:
        for index, status in enumerate(statuses):
            if status not in _PAUSING:
                problem = f"a clock cannot pause on {status.value}"
                raise unfit(problem, "pending or on_hold", "remove it: then it is our turn, or all is done", index)
        return statuses

    @model_validator(mode="after")
    def _warns_in_time(self) -> SlaRule:
        for targets in self.targets.values():
            longest = max(targets.promised.values())
            for warn in self.warn:
                if warn.left is not None and warn.left >= longest:
                    problem = f"it warns {format_business(warn.left)} before, and promises {format_business(longest)}"
                    raise unfit(problem, "less than every priority's longest promise", "warn later, or by percent")
        return self

"""What a mapping file may say: pydantic models of its keys. docs/import.md is its reference for people."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Generic, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from ticketcore.domain.types import (
    Channel,
    Direction,
    IdentityKind,
    Label,
    Level,
    Priority,
    Role,
    SlaTarget,
    Status,
)

__all__ = [
    "EVENTS", "ActivitiesMapping", "Activity", "FileFormat", "Mapped", "Mapping", "RecordsMapping", "Requester",
    "SlaColumn", "SlaWord", "Stated", "Step", "columns_of",
]  # fmt: skip

T = TypeVar("T")
Column = Annotated[str, StringConstraints(min_length=1)]
System = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,60}$")]

EVENTS = (
    "opened", "classified", "prioritised", "assigned", "unassigned", "commented", "requester_changed", "pended", "held",
    "resumed", "solved", "closed", "reopened", "rated", "time_logged", "sla_fulfilled", "sla_breached", "updated",
)  # fmt: skip
"""The events that an activity can become."""

EventName = Literal[
    "opened", "classified", "prioritised", "assigned", "unassigned", "commented", "requester_changed", "pended", "held",
    "resumed", "solved", "closed", "reopened", "rated", "time_logged", "sla_fulfilled", "sla_breached", "updated",
]  # fmt: skip
assert get_args(EventName) == EVENTS  # noqa: S101 - the one list is for people, the other for the type checker


def _error(message: str, **context: Any) -> PydanticCustomError:
    return PydanticCustomError("mapping", message, context or None)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Step(StrEnum):
    """What a state of the source is to us: a status, or nothing that moves the ticket (``keep``)."""

    NEW = "new"
    OPEN = "open"
    PENDING = "pending"
    ON_HOLD = "on_hold"
    SOLVED = "solved"
    CLOSED = "closed"
    KEEP = "keep"

    @property
    def status(self) -> Status | None:
        """The status; ``None`` for ``keep``."""
        return None if self is Step.KEEP else Status(self.value)


class SlaWord(StrEnum):
    """What a value of a column says about a promise."""

    MET = "met"
    BREACHED = "breached"


class FileFormat(_Part):
    """How the file is written. ``columns`` names the columns of a file without a first line of names."""

    encoding: str = "utf-8-sig"
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] = ","
    quote: Annotated[str, StringConstraints(max_length=1)] = '"'
    null: tuple[str, ...] = ("",)
    times: Annotated[tuple[str, ...], Field(min_length=1)] = ("iso8601",)
    columns: tuple[Column, ...] | None = None

    @model_validator(mode="after")
    def _known(self) -> FileFormat:
        try:
            "".encode(self.encoding)
        except LookupError:
            raise _error("encoding {got} is unknown, expected one of Python's", got=repr(self.encoding)) from None
        for form in self.times:
            if form not in {"iso8601", "epoch", "epoch_ms"} and not re.search(r"%[A-Za-z]", form):
                raise _error("times has {got}, expected iso8601, epoch, epoch_ms or a strptime form", got=repr(form))
        return self


class Mapped(_Part, Generic[T]):
    """A field's value: from ``column``, through ``values`` where given, ``default`` where null; or a ``const``.

    In the file a bare text stands for ``{column: text}``.
    """

    column: Column | None = None
    const: T | None = None
    values: dict[str, T] | None = None
    default: T | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: object) -> object:
        return {"column": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one(self) -> Mapped[T]:
        if (self.column is None) == (self.const is None):
            raise _error("has both or none of `column` and `const`, expected one of them")
        if self.const is not None and (self.values is not None or self.default is not None):
            raise _error("`const` stands alone, expected no `values` and no `default` beside it")
        return self


class Requester(_Part):
    """By what a customer is known. ``identity`` says of what kind the column's value is; an IP address is no identity
    that belongs to one person.
    """

    column: Column
    identity: Literal[
        IdentityKind.EXTERNAL,
        IdentityKind.MAIL,
        IdentityKind.PHONE,
        IdentityKind.CHAT,
        IdentityKind.CONTRACT,
        IdentityKind.LOGIN,
    ] = IdentityKind.EXTERNAL
    name: Column | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: object) -> object:
        return {"column": data} if isinstance(data, str) else data


class Stated(_Part):
    """A figure or time that the source states.

    Attributes:
        type: ``text`` is kept as it is, ``time`` becomes ISO 8601 in UTC.
        on: events it may stand on; every event of a row where it changed, if not given.
        not_before: column of a time; the value is held back until a row at or past it. A time holds itself back.
    """

    column: Column
    type: Literal["text", "time"] = "text"
    on: tuple[Literal["solved", "closed"], ...] | None = None
    not_before: Column | None = None

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: object) -> object:
        return {"column": data} if isinstance(data, str) else data


class SlaColumn(_Part):
    """A column that says whether a promise was kept."""

    column: Column
    target: SlaTarget = SlaTarget.RESOLUTION
    values: dict[str, SlaWord]


class _Common(_Part):
    format: Literal["1"] = "1"
    system: System
    file: FileFormat = FileFormat()
    case: Column
    time: Column
    actor: Column | None = None
    channel: Mapped[Channel] = Mapped[Channel](const=Channel.INTERNAL)
    requester: Requester | None = None
    language: Mapped[Label] | None = None
    category: Mapped[Label] | None = None
    subcategory: Mapped[Label] | None = None
    tags: tuple[Column, ...] = ()
    impact: Mapped[Level] | None = None
    urgency: Mapped[Level] | None = None
    priority: Mapped[Priority] | None = None
    team: Mapped[Label] | None = None
    agent: Mapped[Label] | None = None


class Opening(_Part):
    """Where the first row of a case says when and by whom it was opened."""

    time: Column | None = None
    actor: Column | None = None


class StateColumn(_Part):
    """The column of the source's state and what its values are to us."""

    column: Column
    values: Annotated[dict[str, Step], Field(min_length=1)]


class RecordsMapping(_Common):
    """Each row is the whole record after one update; it is compared with the case's row before."""

    rows: Literal["records"]
    opened: Opening = Opening()
    state: StateColumn
    sla: tuple[SlaColumn, ...] = ()
    changes: tuple[Column, ...] = ()
    stated: dict[Label, Stated] = Field(default_factory=dict)


_FIELDS: dict[str, frozenset[str]] = {
    "classified": frozenset({"category", "subcategory", "tags"}),
    "prioritised": frozenset({"impact", "urgency", "priority"}),
    "assigned": frozenset({"team", "agent"}),
    "commented": frozenset({"direction", "channel", "author", "body", "language"}),
    "requester_changed": frozenset({"requester"}),
    "pended": frozenset({"reason"}),
    "held": frozenset({"reason"}),
    "solved": frozenset({"resolution"}),
    "closed": frozenset({"resolution"}),
    "reopened": frozenset({"reason"}),
    "rated": frozenset({"score", "body"}),
    "time_logged": frozenset({"seconds", "agent", "body"}),
    "sla_fulfilled": frozenset({"target"}),
    "sla_breached": frozenset({"target"}),
}
_REQUIRED: dict[str, tuple[str, ...]] = {
    "prioritised": ("priority",),
    "requester_changed": ("requester",),
    "rated": ("score",),
    "time_logged": ("seconds",),
}


class Activity(_Part):
    """What one activity becomes. Which fields an event takes stands in docs/import.md.

    Attributes:
        by: in which role the row's actor acted; a customer is the ticket's requester.
        changes: columns kept beside an ``updated``.
    """

    event: EventName
    by: Literal[Role.AGENT, Role.CUSTOMER, Role.SYSTEM] = Role.AGENT
    direction: Mapped[Direction] | None = None
    channel: Mapped[Channel] | None = None
    author: Mapped[str] | None = None
    body: Mapped[str] | None = None
    language: Mapped[Label] | None = None
    category: Mapped[Label] | None = None
    subcategory: Mapped[Label] | None = None
    tags: tuple[Column, ...] | None = None
    impact: Mapped[Level] | None = None
    urgency: Mapped[Level] | None = None
    priority: Mapped[Priority] | None = None
    team: Mapped[Label] | None = None
    agent: Mapped[Label] | None = None
    requester: Requester | None = None
    reason: Mapped[Label] | None = None
    resolution: Mapped[Label] | None = None
    score: Mapped[int] | None = None
    seconds: Mapped[int] | None = None
    target: Mapped[SlaTarget] | None = None
    changes: tuple[Column, ...] = ()

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, data: object) -> object:
        return {"event": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _fits(self) -> Activity:
        allowed = _FIELDS.get(self.event, frozenset())
        given = self.model_fields_set - {"event", "by"}
        if self.event == "updated":
            allowed = frozenset({"changes"})
        for name in sorted(given - allowed):
            expected = ", ".join(sorted(allowed)) or "none"
            raise _error("{event} takes no `{name}`, expected of its fields: {expected}", event=self.event, name=name,
                         expected=expected)  # fmt: skip
        for name in _REQUIRED.get(self.event, ()):
            if name not in given:
                raise _error("{event} needs `{name}`, expected it beside the event", event=self.event, name=name)
        return self


class ActivitiesMapping(_Common):
    """Each row is something that was done in a case. The first row of a case opens it, whatever it is."""

    rows: Literal["activities"]
    activity: Column
    subject: Mapped[str] | None = None
    body: Mapped[str] | None = None
    activities: Annotated[dict[str, Activity], Field(min_length=1)]
    others: Literal["reject", "update"] = "reject"


Mapping = RecordsMapping | ActivitiesMapping


def columns_of(mapping: Mapping) -> dict[str, str]:
    """Return every column that *mapping* reads -> the key that names it first (``channel.column``)."""
    found: dict[str, str] = {}
    _walk(mapping, "", found)
    return found


_COLUMN_KEYS = frozenset({"case", "time", "actor", "activity", "column", "name", "not_before"})
_COLUMN_LISTS = frozenset({"tags", "changes"})


def _walk(part: BaseModel, prefix: str, found: dict[str, str]) -> None:
    for key in type(part).model_fields:
        value = getattr(part, key)
        path = f"{prefix}{key}"
        if isinstance(part, FileFormat) or value is None:
            continue
        if key in _COLUMN_KEYS and isinstance(value, str):
            found.setdefault(value, path)
        elif key in _COLUMN_LISTS:
            for column in value:
                found.setdefault(column, path)
        elif isinstance(value, BaseModel):
            _walk(value, f"{path}.", found)
        elif isinstance(value, dict):
            for name, item in value.items():
                if isinstance(item, BaseModel):
                    _walk(item, f"{path}.{name}.", found)
        elif isinstance(value, tuple):
            for number, item in enumerate(value):
                if isinstance(item, BaseModel):
                    _walk(item, f"{path}.{number}.", found)

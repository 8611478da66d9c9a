"""Events as the log stores them, written from values that were checked cell by cell, without building the event.

To build, validate and encode an event costs several times as much. The tests hold whatever is written here against the
codec: it reads it, and writes the same bytes.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic_core import to_json

from ticketcore.domain.base import Event
from ticketcore.domain.types import Actor, Role
from ticketcore.importing.values import room
from ticketcore.store.codec import plain_version

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["Actors", "Draft", "Who", "Writer"]

_LONG = 200
_ABSENT = object()


class Draft(NamedTuple):
    """An event to be recorded.

    Attributes:
        cls: its class.
        fields: of the class itself, checked values. Drafts are remembered and shared: never change them.
        text: the fields as they stand behind ``meta`` in the stored event, without what is personal.
        personal: whether some of it is personal and must be sealed.
    """

    cls: type[Event]
    fields: Mapping[str, Any]
    text: str
    personal: bool


class Who(NamedTuple):
    """Who acts, and how it stands in an event."""

    actor: Actor
    text: str

    @classmethod
    def of(cls, actor: Actor) -> Who:
        """Return *actor* as a writer takes them."""
        return cls(actor, actor.model_dump_json(exclude_defaults=True))


class Writer:
    """Writes the stored form of events of checked values. What is written again and again is remembered."""

    def __init__(self) -> None:
        self._texts: dict[str, str] = {}
        self._times: dict[datetime, str] = {}
        self._own: dict[type[Event], list[tuple[str, str, Any]]] = {}

    def draft(self, cls: type[Event], fields: Mapping[str, Any]) -> Draft:
        """Return the draft of an event of *cls*; what has its default value is not written, as the codec does."""
        own = self._own.get(cls)
        if own is None:
            own = self._own[cls] = _own(cls)
        parts = []
        for name, key, default in own:
            if name in fields:
                value = fields[name]
                if value != default:
                    parts.append(key + self._json(value))
        if cls.class_version > 1 and (version := plain_version(cls, fields)) > 1:
            parts.append(f',"class_version":{version}')
        personal = any([fields.get(name) is not None for name in cls.PERSONAL])  # noqa: C419 - most have none
        return Draft(cls, fields, "".join(parts), personal)

    def text(self, text: str) -> str:
        """Return *text* as JSON."""
        found = self._texts.get(text)
        if found is None:
            found = to_json(text).decode()
            if len(text) <= _LONG:
                room(self._texts)[text] = found
        return found

    def time(self, time: datetime) -> str:
        """Return *time*, in UTC, as JSON."""
        found = self._times.get(time)
        if found is None:
            found = room(self._times)[time] = to_json(time).decode()
        return found

    def source(self, line: int, state: str | None = None, stated: Mapping[str, str] | None = None) -> str:
        """Return where an event comes from, as :class:`ticketcore.domain.base.Source` has it, as JSON."""
        if state is None and not stated:
            return f'{{"line":{line}}}'
        where = "" if state is None else f',"state":{self.text(state)}'
        if stated:
            where += f',"stated":{self._mapping(stated)}'
        return f'{{"line":{line}{where}}}'

    def state(
        self, draft: Draft, at: datetime, raw: datetime | None, who: Who, command: str, source: str, *, irregular: bool
    ) -> bytes:
        """Return the stored state of an event, without what is personal.

        It occurred *at*, or *raw* where that is before the event before it; *command* is the command's id, *source* as
        :meth:`source` writes it.
        """
        time = self._times.get(at) or self.time(at)
        if raw is not None:
            time += f',"occurred_raw":{self.time(raw)}'
        mark = ',"irregular":true' if irregular else ""
        return (
            f'{{"meta":{{"occurred_at":{time},"actor":{who.text},"command_id":"{command}"{mark},"source":{source}}}'
            f"{draft.text}}}"
        ).encode()

    def _json(self, value: Any) -> str:
        if type(value) is str:
            return self.text(value)
        if isinstance(value, StrEnum):
            return f'"{value}"'
        return self._mapping(value) if type(value) is dict else to_json(value).decode()

    def _mapping(self, values: Mapping[str, str | None]) -> str:
        text = self.text
        pairs = [f"{text(name)}:{'null' if value is None else text(value)}" for name, value in values.items()]
        return f"{{{','.join(pairs)}}}"


class Actors:
    """Who acts, by the source's names; each made once. Who is not named is the source itself.

    Args:
        system: the source's name.
    """

    def __init__(self, system: str) -> None:
        self.nobody = Who.of(Actor.system(system))
        self._known: dict[Role, dict[str, Who]] = {role: {} for role in Role}

    def get(self, name: str | None, role: Role = Role.AGENT) -> Who:
        """Return the actor of a checked name in *role*; whether an agent was logged in is not known."""
        if name is None:
            return self.nobody
        known = self._known[role]
        found = known.get(name)
        if found is None:
            found = known[name] = Who.of(Actor(role=role, id=name))
        return found


def _own(cls: type[Event]) -> list[tuple[str, str, Any]]:
    """Return what is stored in clear of the class's own fields, in its order: name, JSON key, default.

    The default is :data:`_ABSENT` where there is none.
    """
    return [
        (
            name,
            f',"{name}":',
            _ABSENT if field.is_required() else field.get_default(call_default_factory=True, validated_data={}),
        )
        for name, field in cls.model_fields.items()
        if name not in Event.model_fields and name not in cls.PERSONAL
    ]

"""Hypothesis strategies that make events of every type from their models: ``events("ticket.rated")``, ``any_event()``."""

import types
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin
from uuid import UUID

import annotated_types
from hypothesis import strategies as st
from pydantic import AwareDatetime, BaseModel, StringConstraints

import ticketcore.domain.agent_events
import ticketcore.domain.customer_events
import ticketcore.domain.delivery_events
import ticketcore.domain.message_events
import ticketcore.domain.policy_events
import ticketcore.domain.service_events
import ticketcore.domain.ticket_events  # noqa: F401 - importing the modules makes their events known
from ticketcore.domain.base import EVENT_CLASSES, Event
from ticketcore.ids import Kind, Number, aggregate_id

__all__ = ["aggregate_ids", "any_event", "events", "values"]

_CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_PATTERN = "pattern"
_Model = TypeVar("_Model", bound=BaseModel)


def events(topic: str, **fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    """Events of one type, personal fields in the clear and ``sealed`` empty; *fixed*: a field's own strategy."""
    cls = EVENT_CLASSES[topic]
    known: dict[str, st.SearchStrategy[Any]] = {"sealed": st.none(), "originator_id": aggregate_ids(_kind(topic))}
    if not cls.PERSONAL:
        known["overflow"] = st.none()
    return _models(cls, {**known, **fixed})


def any_event(**fixed: st.SearchStrategy[Any]) -> st.SearchStrategy[Event]:
    """Events of every type of the library; each example shows one."""
    topics = sorted(topic for topic, cls in EVENT_CLASSES.items() if cls.__module__.startswith("ticketcore."))
    return st.sampled_from(topics).flatmap(lambda topic: events(topic, **fixed))


def aggregate_ids(kind: Kind) -> st.SearchStrategy[UUID]:
    """Ids of a kind of aggregate of the log ``main``."""
    return st.builds(
        lambda year, counter: aggregate_id(Number(kind, year, counter), "main"),
        st.integers(2000, 2100),
        st.integers(1, 10_000_000),
    )


def values(annotation: Any, metadata: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:
    """Values of one of the types that events use, within their limits.

    Raises:
        NotImplementedError: a type that no event used so far.
    """
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return values(arguments[0], (*arguments[1:], *metadata))
    if origin in (Union, types.UnionType):
        return st.one_of([values(choice, metadata) for choice in arguments])
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return st.dictionaries(values(arguments[0]), values(arguments[1]), max_size=3)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return _models(annotation, {})
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return st.sampled_from(annotation)
    return _plain(annotation, metadata)


def _plain(annotation: Any, metadata: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    limits = _limits(metadata)
    if annotation is type(None):
        return st.none()
    if annotation is bool:
        return st.booleans()
    if annotation is int:
        return st.integers(limits.get("ge", 0), limits.get("le", 2**31 - 1))
    if annotation is float:
        return st.floats(limits.get("ge", 0.0), limits.get("le", 1e12), allow_nan=False)
    if annotation is str and _PATTERN in limits:
        return st.from_regex(limits[_PATTERN], fullmatch=True)
    if annotation is str:
        return st.text(
            _CHARACTERS, min_size=limits.get("min_length", 0), max_size=min(limits.get("max_length", 60), 60)
        )
    if annotation is UUID:
        return st.one_of(st.uuids(), aggregate_ids(Kind.TICKET))
    if annotation in (datetime, AwareDatetime):
        return st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - made aware
    if annotation is Any:
        plain = st.one_of(st.none(), st.booleans(), st.integers(-(2**53), 2**53), st.text(_CHARACTERS, max_size=20))
        return st.recursive(
            plain, lambda part: st.one_of(st.lists(part), st.dictionaries(st.text(_CHARACTERS), part)), max_leaves=5
        )
    raise NotImplementedError(f"no strategy for the type {annotation!r} yet (write one here)")


def _limits(metadata: tuple[Any, ...]) -> dict[str, Any]:
    """Return ``ge``, ``le``, ``min_length``, ``max_length`` and ``pattern``, however pydantic spells them."""
    found: dict[str, Any] = {}
    for mark in metadata:
        parts = [mark] if isinstance(mark, StringConstraints | annotated_types.BaseMetadata) else []
        for part in [*parts, *getattr(mark, "metadata", ())]:
            for name in ("ge", "le", "min_length", "max_length", _PATTERN):
                if (limit := getattr(part, name, None)) is not None:
                    found[name] = limit
        if (pattern := getattr(mark, _PATTERN, None)) is not None:
            found[_PATTERN] = pattern
    return found


def _models(model: type[_Model], fixed: Mapping[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[_Model]:
    fields = {
        name: fixed[name] if name in fixed else values(field.annotation, tuple(field.metadata))
        for name, field in model.model_fields.items()
    }
    return st.fixed_dictionaries(fields).map(model.model_validate)


def _kind(topic: str) -> Kind:
    return Kind[topic.partition(".")[0].upper()]

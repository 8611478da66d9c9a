"""Which keys a place in a policy document may have, by its models."""

from __future__ import annotations

import types
from typing import TYPE_CHECKING, Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["keys_at"]


def keys_at(model: type[BaseModel], path: tuple[str | int, ...]) -> tuple[str, ...]:
    """Return the keys that the table at *path* of a document of *model* may have; none where it has free ones."""
    found: list[type[BaseModel]] = [model]
    for part in path:
        inside: list[type[BaseModel]] = []
        for one in found:
            names = {field.alias or name: field for name, field in one.model_fields.items()}
            if part in names:
                inside += _models(names[str(part)].annotation)
        found = inside or found  # a list's index or a table's name leads to no other model
    return tuple(field.alias or name for one in found[:1] for name, field in one.model_fields.items())


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models in an annotation: of its choices, items and values."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (Union, types.UnionType, tuple, dict):
        for one in get_args(annotation):
            yield from _models(one)
    elif get_origin(annotation) is Annotated:
        yield from _models(get_args(annotation)[0])

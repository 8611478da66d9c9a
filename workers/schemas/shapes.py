"""How two schemas of one version differ, beyond their words.

The rule: **any change of the stored form but descriptions needs a new version**. Readers of the version before refuse
unknown fields and values, and put what they can't read aside as dead letters; under a new version they do so knowing
why, and an upcast lets newer readers read the old. So no change counts as compatible, not even a new optional field.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["differences"]

_WORDS = ("title", "description", "$schema")
_MAPS = ("properties", "$defs")


def differences(stored: Any, now: Any, where: str = "") -> Iterator[str]:
    """Yield how *now* differs in shape from *stored*, a sentence each; nothing where they are equal but for words.

    Args:
        stored: a JSON Schema or a part of one.
        now: the same part today.
        where: the path of the part in its schema, dotted.
    """
    if isinstance(stored, dict) and isinstance(now, dict):
        yield from _objects(stored, now, where)
    elif stored != now:
        yield f"{where or 'schema'} was {stored!r} and is {now!r}"


def _objects(stored: dict[str, Any], now: dict[str, Any], where: str) -> Iterator[str]:
    for key in sorted((stored.keys() | now.keys()) - set(_WORDS)):
        path = f"{where}.{key}" if where else key
        before, after = stored.get(key), now.get(key)
        if key in _MAPS:
            yield from _members(before or {}, after or {}, where if key == "properties" else path)
        elif key == "required":
            yield from _names(before, after, where, "became required", "is no longer required")
        elif key == "x-personal":
            yield from _names(before, after, where, "became personal (sealed)", "is no longer personal (became plain)")
        elif key == "enum":
            yield from _values(before or [], after or [], where)
        elif key == "default" and before != after:
            yield f"the default of {where} was {_shown(stored, key)} and is {_shown(now, key)}"
        else:
            yield from differences(before, after, path)


def _members(stored: dict[str, Any], now: dict[str, Any], where: str) -> Iterator[str]:
    prefix = f"{where}." if where else ""
    for name in sorted(stored.keys() | now.keys()):
        if name not in now:
            yield f"{prefix}{name} was removed or renamed"
        elif name not in stored:
            yield f"{prefix}{name} is new"
        else:
            yield from differences(stored[name], now[name], prefix + name)


def _names(stored: list[str] | None, now: list[str] | None, where: str, gained: str, lost: str) -> Iterator[str]:
    before, after = set(stored or ()), set(now or ())
    prefix = f"{where}." if where else ""
    yield from (f"{prefix}{name} {gained}" for name in sorted(after - before))
    yield from (f"{prefix}{name} {lost}" for name in sorted(before - after))


def _values(stored: list[Any], now: list[Any], where: str) -> Iterator[str]:
    yield from (f"{where} no longer allows {value!r}" for value in stored if value not in now)
    yield from (f"{where} newly allows {value!r}" for value in now if value not in stored)


def _shown(schema: dict[str, Any], key: str) -> str:
    return repr(schema[key]) if key in schema else "none"

"""Whether the stored schemas, examples and pages are what the code says, and what of them may never change.

A version's schema keeps its shape for ever: only titles and descriptions may change (:mod:`workers.schemas.shapes`).
A stored example never changes at all, and always loads.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ticketcore.errors import ConfigurationError
from workers.schemas.catalogue import Entry, example_path, newest, schema_path, stored_versions
from workers.schemas.shapes import differences
from workers.schemas.stored import decode

__all__ = ["Problem", "drift_problems", "example_problems", "shape_problems", "validation_errors"]

_REGENERATE = "run `ticketcore schemas generate`"


class Problem(NamedTuple):
    """What is wrong with a file; ``path`` is below the repository."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def shape_problems(folder: Path, entries: Sequence[Entry]) -> Iterator[Problem]:
    """Yield where the code says another shape than the stored schema of the same version."""
    for entry in entries:
        path = folder / schema_path(entry.topic, entry.version)
        if entry.event is None or not path.exists():
            continue
        where = f"schemas/{schema_path(entry.topic, entry.version)}"
        try:
            stored = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            yield Problem(where, f"is no JSON: {error} (restore it from the repository)")
            continue
        upcast = f"upcast_v{entry.version}_v{entry.version + 1}"
        for difference in differences(stored, entry.schema):
            yield Problem(
                where,
                f"{difference} (give {entry.event.__name__} class_version {entry.version + 1} and {upcast}, "
                "or take the change back)",
            )
    yield from _unknown(folder)


def _unknown(folder: Path) -> Iterator[Problem]:
    events = newest()
    for topic, version in stored_versions(folder):
        where = f"schemas/{schema_path(topic, version)}"
        if topic not in events:
            yield Problem(where, f"no event class has the topic {topic!r} (recorded events stay: bring the class back)")
        elif version > (known := events[topic].class_version):
            yield Problem(where, f"the class is at version {known}, expected {version} or above (versions only grow)")


def drift_problems(root: Path, expected: dict[str, str]) -> Iterator[Problem]:
    """Yield which of the generated files are missing or differ from *expected* (path below *root* -> text)."""
    for path, text in expected.items():
        try:
            stored = (root / path).read_text("utf-8")
        except FileNotFoundError:
            yield Problem(path, f"is missing ({_REGENERATE})")
            continue
        if stored != text:
            yield Problem(path, f"{_first_difference(stored, text)} ({_REGENERATE})")


def _first_difference(stored: str, text: str) -> str:
    before, after = stored.splitlines(), text.splitlines()
    for number, (old, new) in enumerate(zip(before, after, strict=False), 1):
        if old != new:
            return f"line {number} is {_short(old)}, expected {_short(new)}"
    return f"it has {len(before):,} lines, expected {len(after):,}"


def _short(line: str, limit: int = 100) -> str:
    line = line.strip()
    return repr(line if len(line) <= limit else line[:limit] + "...")


def example_problems(folder: Path, entries: Sequence[Entry]) -> Iterator[Problem]:
    """Yield which stored examples are missing, do not fit the schema of their version, or do not load any more."""
    for entry in entries:
        where = f"schemas/{example_path(entry.topic, entry.version)}"
        try:
            value = json.loads((folder / example_path(entry.topic, entry.version)).read_text("utf-8"))
        except FileNotFoundError:
            advice = _REGENERATE if entry.event is not None else "restore it from the repository"
            yield Problem(where, f"is missing ({advice})")
            continue
        except ValueError as error:
            yield Problem(where, f"is no JSON: {error} (restore it from the repository)")
            continue
        for error_text in validation_errors(entry.schema)(value):
            yield Problem(where, f"does not fit its schema: {error_text} (restore it from the repository)")
        try:
            decode(entry.topic, value)
        except Exception as error:  # noqa: BLE001 - whatever it is, readers would meet it too
            yield Problem(where, f"does not load: {type(error).__name__}: {error} (correct the class or its upcasts)")


def validation_errors(schema: dict[str, Any]) -> Callable[[object], list[str]]:
    """Return a function that lists what of a value does not fit *schema*, formats included.

    Raises:
        ConfigurationError: the library ``jsonschema`` is not installed.
    """
    try:
        from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped] # ships no py.typed
    except ImportError:
        raise ConfigurationError(
            "checking schemas needs the library jsonschema, which is missing (install ticketcore[dev])"
        ) from None
    formats = FormatChecker(formats=("uuid",))
    formats.checks("date-time", raises=ValueError)(_is_time)
    validator = Draft202012Validator(schema, format_checker=formats)

    def errors(value: object) -> list[str]:
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    return errors


def _is_time(value: object) -> bool:
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None

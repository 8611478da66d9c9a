"""docker-compose.yml read as Compose does: variables put in, extensions merged, services in the order of their needs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import yaml

from tests.support.shared import REPOSITORY

__all__ = ["FILE", "PASSWORDS", "filled_in", "in_order", "loaded", "seconds"]

FILE = REPOSITORY / "docker-compose.yml"
PASSWORDS = {
    f"{name}_PASSWORD": f"the-{name.lower()}s" for name in ("POSTGRES", "OWNER", "RELAY", "PROJECTOR", "SERVICE")
}
_VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?:(:-|:\?)([^}]*))?\})")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def loaded(environ: Mapping[str, str], path: Path = FILE) -> dict[str, Any]:
    """Return the file with the variables of *environ* put in.

    Raises:
        KeyError: a variable without default is missing; with the file's message.
    """
    found: dict[str, Any] = filled_in(yaml.safe_load(path.read_text(encoding="utf-8")), environ)
    return found


def filled_in(value: Any, environ: Mapping[str, str]) -> Any:
    """Return *value* with every ``${NAME}``, ``${NAME:-default}``, ``${NAME:?message}`` and ``$$`` replaced."""
    if isinstance(value, dict):
        return {key: filled_in(part, environ) for key, part in value.items()}
    if isinstance(value, list):
        return [filled_in(part, environ) for part in value]
    return _VARIABLE.sub(lambda match: _variable(match, environ), value) if isinstance(value, str) else value


def _variable(match: re.Match[str], environ: Mapping[str, str]) -> str:
    dollar, name, kind, rest = match.groups()
    if dollar:
        return "$"
    if environ.get(name):
        return environ[name]
    if kind != ":-":
        raise KeyError(f"{name}: {rest}")
    return str(rest)


def in_order(services: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Yield the services' names, each after those that it depends on."""
    yield from TopologicalSorter(
        {name: service.get("depends_on", {}) for name, service in services.items()}
    ).static_order()


def seconds(duration: str) -> float:
    """Return a duration of Compose, such as ``1m30s``, in seconds."""
    parts = re.findall(r"(\d+)(ms|[smh])", duration)
    assert "".join(number + unit for number, unit in parts) == duration, duration
    return sum(int(number) * _UNITS[unit] for number, unit in parts)

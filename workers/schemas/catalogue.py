"""Every version of every event that has a schema: the newest from the code, older ones from the stored files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import ticketcore.domain.agent_events
import ticketcore.domain.customer_events
import ticketcore.domain.delivery_events
import ticketcore.domain.message_events
import ticketcore.domain.policy_events
import ticketcore.domain.service_events
import ticketcore.domain.ticket_events  # noqa: F401 - importing the modules makes their events known
from ticketcore.domain.base import EVENT_CLASSES, Event
from ticketcore.errors import TicketCoreError
from workers.schemas.event_schema import event_schema, urn

__all__ = ["Entry", "SchemaError", "catalogue", "example_path", "newest", "schema_path", "stored_versions", "to_json"]

_VERSION_FILE = re.compile(r"v([1-9]\d*)\.json")


class SchemaError(TicketCoreError):
    """The schemas can't be generated: a stored one is missing, unreadable, or would change its shape."""

    code = "schemas"
    exit_code = 1


class Entry(NamedTuple):
    """One version of one event type. ``event``: its class, ``None`` for versions before the newest."""

    topic: str
    version: int
    schema: dict[str, Any]
    event: type[Event] | None

    @property
    def urn(self) -> str:
        return urn(self.topic, self.version)

    @property
    def personal(self) -> list[str]:
        return list(self.schema["x-personal"])


def schema_path(topic: str, version: int) -> str:
    """Return where a version's schema lies, below the folder ``schemas``."""
    return f"events/{topic}/v{version}.json"


def example_path(topic: str, version: int) -> str:
    """Return where a version's stored example lies, below the folder ``schemas``."""
    return f"examples/{topic}/v{version}.json"


def newest() -> dict[str, type[Event]]:
    """Return topic -> class of every event that the library has: a ticket's, then the others', by topic."""
    own = [topic for topic, event in EVENT_CLASSES.items() if event.__module__.startswith("ticketcore.")]
    return {topic: EVENT_CLASSES[topic] for topic in sorted(own, key=lambda topic: (topic[:7] != "ticket.", topic))}


def stored_versions(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield topic and version of every schema file below *folder* (``schemas``), sorted."""
    for path in sorted((folder / "events").glob("*/v*.json")):
        if match := _VERSION_FILE.fullmatch(path.name):
            yield path.parent.name, int(match[1])


def catalogue(folder: Path) -> list[Entry]:
    """Return every version of every event, in the order of :func:`newest` and by version.

    Raises:
        SchemaError: an older version's file is missing or is no JSON.
        ConfigurationError: a field of an event has no description.
    """
    entries = []
    for topic, event in newest().items():
        older = range(1, event.class_version)
        entries += [Entry(topic, version, _read(folder / schema_path(topic, version)), None) for version in older]
        entries.append(Entry(topic, event.class_version, event_schema(event), event))
    return entries


def to_json(value: object) -> str:
    """Return *value* as the files hold it."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _read(path: Path) -> dict[str, Any]:
    try:
        schema: dict[str, Any] = json.loads(path.read_text("utf-8"))
        schema["x-personal"]
    except FileNotFoundError:
        raise SchemaError(
            f"{path} is missing: expected the schema of every version that ever was (restore it from the repository)"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise SchemaError(f"{path} is no schema of an event: {error} (restore it from the repository)") from None
    return schema

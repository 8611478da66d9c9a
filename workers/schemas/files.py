"""What is generated and where it lies, and writing it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from workers.schemas.asyncapi import asyncapi
from workers.schemas.catalogue import Entry, SchemaError, catalogue, example_path, schema_path, to_json
from workers.schemas.checks import shape_problems
from workers.schemas.events_page import events_page
from workers.schemas.samples import sample
from workers.schemas.stored import encode
from workers.schemas.tables_page import tables_page

__all__ = ["expected_files", "generate"]


def expected_files(entries: Sequence[Entry], tables: str | None) -> dict[str, str]:
    """Return path below the repository -> text of every generated file but the examples.

    Args:
        entries: the catalogue.
        tables: the reference of the read models, ``None`` to leave it out.
    """
    found = {f"schemas/{schema_path(e.topic, e.version)}": to_json(e.schema) for e in entries if e.event is not None}
    found["schemas/asyncapi.yaml"] = asyncapi(entries)
    found["schemas/index.json"] = to_json(_index(entries))
    found["docs/events.md"] = events_page(entries)
    if tables is not None:
        found["schemas/read_models.md"] = tables
    return found


def generate(root: Path, dsn: str | None = None, *, with_tables: bool = True) -> list[str]:
    """Write what differs from the code, and an example of every version that has none; return the paths, sorted.

    Stored examples and the schemas of older versions are never touched.

    Args:
        root: the repository's folder.
        dsn: of a data base for the read models' reference, ``None`` for a fresh embedded server.
        with_tables: whether to write that reference.
    Raises:
        SchemaError: a stored schema of the same version has another shape, or something needed is missing.
    """
    folder = root / "schemas"
    entries = catalogue(folder)
    if problems := list(shape_problems(folder, entries)):
        raise SchemaError("\n".join(["the schemas can't be generated, nothing was written:", *map(str, problems)]))
    wanted = expected_files(entries, tables_page(dsn) if with_tables else None)
    for entry in entries:
        path = f"schemas/{example_path(entry.topic, entry.version)}"
        if entry.event is not None and not (root / path).exists():
            wanted[path] = to_json(encode(sample(entry.event)))
    written = [path for path, text in wanted.items() if _write(root / path, text)]
    return sorted(written)


def _write(path: Path, text: str) -> bool:
    if path.exists() and path.read_text("utf-8") == text:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return True


def _index(entries: Sequence[Entry]) -> dict[str, object]:
    topics: dict[str, dict[str, object]] = {}
    for topic in dict.fromkeys(entry.topic for entry in entries):
        versions = [entry for entry in entries if entry.topic == topic]
        topics[topic] = {
            "newest": versions[-1].version,
            "personal": versions[-1].personal,
            "versions": [
                {
                    "version": entry.version,
                    "id": entry.urn,
                    "schema": schema_path(topic, entry.version),
                    "example": example_path(topic, entry.version),
                }
                for entry in versions
            ],
        }
    return {"asyncapi": "asyncapi.yaml", "read_models": "read_models.md", "topics": topics}

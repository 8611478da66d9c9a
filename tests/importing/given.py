"""Small logs of the incident log's shape, and importing them into memory."""

import csv
import io
import json
import secrets
from base64 import b64encode
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ticketcore.domain.base import Event
from ticketcore.domain.types import Actor
from ticketcore.ids import Kind, kind_of
from ticketcore.importing.importer import ImportSummary, import_file
from ticketcore.importing.mapping_files import LoadedMapping
from ticketcore.sealing.keyring import Keyring
from ticketcore.sealing.sealer import Sealer
from ticketcore.store.codec import Codec
from ticketcore.store.keys_memory import MemoryKeyStore
from ticketcore.store.memory import MemoryLog
from ticketcore.store.port import Append, Outcome

UTC = ZoneInfo("UTC")
IMPORTER = Actor.system("import")
COLUMNS = (
    "number", "incident_state", "reassignment_count", "reopen_count", "made_sla", "caller_id", "opened_by", "opened_at",
    "sys_updated_by", "sys_updated_at", "contact_type", "location", "category", "subcategory", "u_symptom", "cmdb_ci",
    "impact", "urgency", "priority", "assignment_group", "assigned_to", "knowledge", "u_priority_confirmation", "notify",
    "problem_id", "rfc", "vendor", "caused_by", "closed_code", "resolved_by", "resolved_at", "closed_at",
)  # fmt: skip
FIRST = dict.fromkeys(COLUMNS, "?") | {
    "number": "INC1", "incident_state": "New", "reassignment_count": "0", "reopen_count": "0", "made_sla": "true",
    "caller_id": "Caller 1", "opened_by": "Opened by 1", "opened_at": "1/2/2024 08:00",
    "sys_updated_by": "Updated by 1", "sys_updated_at": "1/2/2024 08:05", "contact_type": "Phone",
    "category": "Category 1", "impact": "2 - Medium", "urgency": "2 - Medium", "priority": "3 - Moderate",
    "assignment_group": "Group 1",
}  # fmt: skip
Line = dict[str, str]


def life(*updates: Line, **first: str) -> list[Line]:
    """Rows of one case: the first, and one for each update, which holds the columns that changed.

    ``at`` stands for ``sys_updated_at`` and ``state`` for ``incident_state``.
    """
    row = FIRST | _long(first)
    rows = [row]
    for update in updates:
        row = row | _long(update)
        rows.append(row)
    return rows


def _long(changes: Line) -> Line:
    names = {"at": "sys_updated_at", "state": "incident_state"}
    return {names.get(name, name): value for name, value in changes.items()}


def as_csv(rows: Iterable[Line], columns: Sequence[str] = COLUMNS) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def throw_away_keyring() -> Keyring:
    key = b64encode(secrets.token_bytes(32)).decode()
    return Keyring.from_json(json.dumps({"active": "test", "keys": {"test": key}}))


class StoppingLog(MemoryLog):
    """A log that dies before (or after) it takes a chunk, as a killed process would."""

    appends_left: int | None = None
    dies_after_commit = False

    def append_bulk(self, append: Append) -> Outcome:
        if self.appends_left == 0:
            if self.dies_after_commit:
                super().append_bulk(append)
            raise KeyboardInterrupt
        if self.appends_left is not None:
            self.appends_left -= 1
        return super().append_bulk(append)


class Bench:
    """A log in memory and what importing needs beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.keys = MemoryKeyStore()
        self.log = StoppingLog("main", self.keys)
        self.codec = Codec()
        self.sealer = Sealer(throw_away_keyring(), self.keys, self.codec)
        self.rejects = folder / "rejects.csv"

    def imports(
        self,
        rows: Iterable[Line] | str | bytes | Path,
        mapping: str | Path | LoadedMapping = "incident_log",
        **options: Any,
    ) -> ImportSummary:
        path = rows if isinstance(rows, Path) else self.folder / "log.csv"
        if isinstance(rows, bytes):
            path.write_bytes(rows)
        elif isinstance(rows, str):
            path.write_text(rows, encoding="utf-8")
        elif not isinstance(rows, Path):
            path.write_text(as_csv(rows), encoding="utf-8")
        given: dict[str, Any] = {"zone": UTC, "rejects": self.rejects} | options
        return import_file(
            path, mapping, log=self.log, sealer=self.sealer, codec=self.codec, by=IMPORTER, **given
        )  # fmt: skip

    def events(self, kind: Kind | None = Kind.TICKET) -> list[Event]:
        """All events in the log's order, opened."""
        found, after = [], 0
        while records := self.log.read(after, 5_000):
            found += [self.codec.decode(record) for record in records]
            after = records[-1].position
        return self.sealer.open_many(e for e in found if kind is None or kind_of(e.originator_id) is kind)

    def told(self) -> list[str]:
        """The tickets' topics without their prefix."""
        return [event.TOPIC.removeprefix("ticket.") for event in self.events()]

    def rejected(self) -> list[tuple[int, str]]:
        with self.rejects.open(newline="", encoding="utf-8") as file:
            return [(int(row["line"]), row["reason"]) for row in csv.DictReader(file)]


def plain(events: Iterable[Event]) -> list[dict[str, Any]]:
    """What events say, without what another run of the same import may choose otherwise: ids and command ids."""
    names: dict[Any, str] = {}
    found = []
    for event in events:
        fields = event.model_dump(exclude={"sealed", "originator_id", "requester_id", "author_id"})
        for id_ in (event.originator_id, getattr(event, "requester_id", None), getattr(event, "author_id", None)):
            if id_ is not None:
                fields[f"id {len(fields)}"] = names.setdefault(id_, f"aggregate {len(names)}")
        del fields["meta"]["command_id"]
        found.append({"topic": event.TOPIC} | fields)
    return found

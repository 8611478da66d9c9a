"""A synthetic incident log, in the columns of the shipped mapping, for where the real one is not at hand."""

from __future__ import annotations

import csv
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from ticketcore.importing.mapping import columns_of
from ticketcore.importing.mapping_files import load_mapping

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write"]

_STATES = ("New", "Active", "Active", "Awaiting User Info", "Active", "Resolved", "Closed")


def write(path: Path, rows: int) -> Path:
    """Write about *rows* rows of incidents of seven updates each, the same ones every time; return *path*."""
    chance = random.Random(498)
    columns = list(columns_of(load_mapping("incident_log").mapping))
    opened = datetime(2026, 1, 1, 8)  # noqa: DTZ001 - the log's times have no zone
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="?")
        writer.writeheader()
        for number in range(rows // len(_STATES)):
            opened += timedelta(minutes=chance.randrange(1, 20))
            row = {
                "number": f"INC{number:07}", "caller_id": f"Caller {chance.randrange(3_000)}",
                "opened_at": _text(opened), "opened_by": f"Opened by {chance.randrange(50)}",
                "contact_type": chance.choice(("Phone", "Email")), "category": f"Category {chance.randrange(50)}",
                "subcategory": f"Subcategory {chance.randrange(200)}", "impact": "2 - Medium", "urgency": "2 - Medium",
                "priority": "3 - Moderate", "made_sla": "true", "reopen_count": "0",
            }  # fmt: skip
            at = opened
            for update, state in enumerate(_STATES):
                at += timedelta(minutes=chance.randrange(0, 600))
                group = f"Group {chance.randrange(70)}" if update % 3 == 1 else row.get("assignment_group", "?")
                row |= {
                    "incident_state": state, "sys_updated_at": _text(at), "assignment_group": group,
                    "sys_updated_by": f"Updated by {chance.randrange(300)}", "reassignment_count": str(update // 3),
                }  # fmt: skip
                writer.writerow({name: value for name, value in row.items() if name in columns})
    return path


def _text(at: datetime) -> str:
    return f"{at.day}/{at.month}/{at.year} {at:%H:%M}"

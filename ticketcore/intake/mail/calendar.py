"""Calendar invitations: only as much as a person needs to see what they are (RFC 5545, RFC 5546)."""

from __future__ import annotations

import re
from typing import Final

from ticketcore.intake.mail.model import CalendarItem

__all__ = ["read_calendar"]

_FOLD: Final = re.compile(r"\n[ \t]")
_ESCAPED: Final = re.compile(r"\\([\\;,nN])")
_MAX: Final = 1_000_000


def read_calendar(text: str, method: str) -> CalendarItem | None:
    """Return the first event, task or answer in *text*; ``None`` where there is none.

    Args:
        text: a VCALENDAR, lines ending in a line feed.
        method: what the part's Content-Type says; the calendar's own METHOD counts if it has one.
    """
    wanted = {"METHOD": method.upper(), "UID": "", "SUMMARY": ""}
    inside = seen = False
    for line in _FOLD.sub("", text[:_MAX]).split("\n"):
        name, _, value = line.partition(":")
        key = name.partition(";")[0].strip().upper()
        if key == "BEGIN":
            what = value.strip().upper()
            if what in ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY"):
                inside = seen = True
            elif what == "VALARM":
                inside = False
        elif key == "END" and seen and value.strip().upper() in ("VEVENT", "VTODO", "VJOURNAL", "VFREEBUSY"):
            break
        elif key == "METHOD" and not seen:
            wanted["METHOD"] = value.strip().upper()
        elif inside and key in ("UID", "SUMMARY") and not wanted[key]:
            wanted[key] = _ESCAPED.sub(lambda match: " " if match[1] in "nN" else match[1], value.strip())
    if not seen:
        return None
    return CalendarItem(wanted["METHOD"][:40], wanted["UID"][:1_000], wanted["SUMMARY"][:1_000])

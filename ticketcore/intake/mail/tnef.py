"""Outlook's winmail.dat (TNEF) unpacked. Source: [MS-OXTNEF] 2.1."""

from __future__ import annotations

import struct
from typing import Final

from ticketcore.intake.mail.model import Attachment

__all__ = ["unpack"]

_SIGNATURE: Final = 0x223E9F78
_LEVEL_FILE: Final = 2
_TITLE, _DATA, _RENDERING = 0x8010, 0x800F, 0x9002


def unpack(raw: bytes, name_limit: int, defects: list[str]) -> list[Attachment]:
    """Return the files in *raw*; none where it is no TNEF or holds no files, so that it stays an attachment itself."""
    if len(raw) < 6 or struct.unpack_from("<I", raw)[0] != _SIGNATURE:
        return []
    found: list[Attachment] = []
    name, data = "", b""
    position = 6
    while position + 9 <= len(raw):
        level, attribute, _, size = struct.unpack_from("<BHHI", raw, position)
        start, stop = position + 9, position + 9 + size
        if stop > len(raw):
            defects.append("winmail.dat cut short")
            break
        position = stop + 2  # a checksum
        if level != _LEVEL_FILE:
            continue
        if attribute == _RENDERING:  # begins the next file
            _add(found, name, data, name_limit)
            name, data = "", b""
        elif attribute == _TITLE:
            name = raw[start:stop].rstrip(b"\0").decode("cp1252", "replace")
        elif attribute == _DATA:
            data = raw[start:stop]
    _add(found, name, data, name_limit)
    return found


def _add(found: list[Attachment], name: str, data: bytes, name_limit: int) -> None:
    if data:
        bare = "".join(char for char in name.replace("\\", "/").rpartition("/")[2] if char.isprintable()).strip(". ")
        name = bare[:name_limit] or f"winmail-{len(found) + 1}.bin"
        found.append(Attachment(name, "application/octet-stream", data, inline=False, content_id=None))

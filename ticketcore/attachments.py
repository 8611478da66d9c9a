"""Which attachments are too large or risky to open, judged by their content first and by their name second.

Sources of the signatures: the formats' own specifications (Microsoft PE, ELF gABI, Apple Mach-O, MS-SHLLINK 2.1,
MS-CFB 2.2, PKWARE APPNOTE 4.3.12, ECMA-119 8.1) and POSIX exec for scripts.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from ticketcore.errors import InvalidCommand

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ticketcore.domain.commands import AttachmentContent
    from ticketcore.settings import Settings

__all__ = ["Limits", "danger_of", "judged", "require_kept"]

Policy = Literal["keep", "mark", "refuse"]


class Limits(NamedTuple):
    """What of a message's attachments is kept with it.

    Attributes:
        file_bytes: the most that one file may have.
        message_bytes: the most that all kept files of a message may have together.
        dangerous: files that are risky to open are kept as any, kept and marked, or not kept.
    """

    file_bytes: int
    message_bytes: int
    dangerous: Policy

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """Return the limits that *settings* name."""
        return cls(settings.max_file_bytes, settings.max_message_bytes, settings.dangerous_files)


def judged(files: Sequence[AttachmentContent], limits: Limits) -> tuple[AttachmentContent, ...]:
    """Return *files* in order, each marked where it is dangerous, and withheld where the limits say so.

    Whatever is withheld is listed with its name, size, digest and reason; an intake that has the raw message loses
    nothing. Judging again changes nothing.
    """
    found, total = [], 0
    for file in files:
        size = len(file.content)
        danger = file.danger or (None if limits.dangerous == "keep" else danger_of(file.name, file.content))
        withheld = file.withheld
        if withheld is None and size > limits.file_bytes:
            withheld = f"too large: {size:,} bytes, at most {limits.file_bytes:,} are kept of a file"
        elif withheld is None and total + size > limits.message_bytes:
            withheld = f"too much: at most {limits.message_bytes:,} bytes are kept of a message's files"
        elif withheld is None and danger is not None and limits.dangerous == "refuse":
            withheld = f"refused: {danger}"
        total += size if withheld is None else 0
        found.append(file.model_copy(update={"danger": danger, "withheld": withheld}))
    return tuple(found)


def require_kept(command: str, files: Sequence[AttachmentContent], before: Sequence[AttachmentContent]) -> None:
    """Return where judging withheld none of *files* that was not withheld *before*.

    Raises:
        InvalidCommand: it did: who gives a file by hand should know that it would not be kept.
    """
    for index, (file, given) in enumerate(zip(files, before, strict=True)):
        if file.withheld is not None and given.withheld is None:
            got = _Size(len(file.content), file.danger)
            limit = file.withheld.partition(": ")[2]
            raise InvalidCommand(
                command, f"attachments.{index}", got, f"a file that is kept ({limit})",
                "leave it out, share it another way, or see TICKETCORE_MAX_FILE_BYTES, TICKETCORE_MAX_MESSAGE_BYTES and"
                " TICKETCORE_DANGEROUS_FILES",
            )  # fmt: skip


class _Size(NamedTuple):
    size: int
    danger: str | None

    def __repr__(self) -> str:
        return f"{self.size:,} bytes" + (f" ({self.danger})" if self.danger else "")


_MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"MZ", "executable"),
    (b"\x7fELF", "executable"),
    (b"\xfe\xed\xfa\xce", "executable"),
    (b"\xfe\xed\xfa\xcf", "executable"),
    (b"\xce\xfa\xed\xfe", "executable"),
    (b"\xcf\xfa\xed\xfe", "executable"),
    (b"\xca\xfe\xba\xbe", "executable"),
    (b"dex\n", "executable"),
    (b"#!", "script"),
    (b"L\0\0\0\x01\x14\x02\0", "shortcut"),
    (b"xar!", "installer"),
)
_KINDS = {
    "executable": "apk com cpl dll exe jar ocx pif scr sys",
    "script": "bat cmd hta js jse mjs ps1 ps1xml psm1 py sh vb vbe vbs ws wsc wsf wsh",
    "shortcut": "appref-ms desktop inf lnk reg scf settingcontent-ms url",
    "installer": "appx deb msi msix msp mst pkg rpm",
    "disk image": "dmg img iso vhd vhdx",
    "macros": "docm dotm potm ppam ppsm pptm sldm xlam xlsb xlsm xltm",
}
_BY_NAME = {ending: kind for kind, endings in _KINDS.items() for ending in endings.split()}
_CARRY = 70_000  # bytes; an entry of a zip's directory is shorter
_OLE, _ZIP = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04"
_ISO_AT = 32_769
_REORDERS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_MACROS = "_VBA_PROJECT".encode("utf-16-le")


def danger_of(name: str, content: bytes | Iterable[bytes]) -> str | None:
    """Return what makes a file risky to open, ``None`` where nothing was found: no virus scanner, a first sieve.

    Executables, scripts, shortcuts, installers, disk images, office documents with macros, archives that hold one of
    these (by the names in a zip's directory), names that show another ending than they have.
    """
    chunks = iter((content,)) if isinstance(content, bytes) else iter(content)
    head = next(chunks, b"")
    kind = next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)
    if kind is None and head[_ISO_AT : _ISO_AT + 5] == b"CD001":
        kind = "disk image"
    if kind is None and head.startswith(_OLE) and _holds(_MACROS, head, chunks):
        kind = "macros"
    elif kind is None and head.startswith(_ZIP):
        kind = _in_zip(head, chunks)
    if kind is None and _REORDERS.search(name):
        kind = "misleading name"
    return kind or _by_name(name)


def _by_name(name: str) -> str | None:
    return _BY_NAME.get(name.rstrip(" .").rpartition(".")[2].lower())


def _windows(head: bytes, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the content in pieces that overlap, so that nothing short is cut in two."""
    window = head
    yield window
    for chunk in chunks:
        window = window[-_CARRY:] + chunk
        yield window


def _holds(needle: bytes, head: bytes, chunks: Iterator[bytes]) -> bool:
    return any(needle in window for window in _windows(head, chunks))


def _in_zip(head: bytes, chunks: Iterator[bytes]) -> str | None:
    """Return what a zip's directory names: nothing is unpacked, so no bomb goes off."""
    for window in _windows(head, chunks):
        for match in re.finditer(rb"PK\x01\x02", window):
            start = match.start()
            length = int.from_bytes(window[start + 28 : start + 30], "little")
            entry = window[start + 46 : start + 46 + length].decode("utf-8", "replace")
            if entry.endswith("vbaProject.bin"):
                return "macros"
            if entry == "META-INF/MANIFEST.MF" or (inner := _by_name(entry)) in (None, "macros"):
                continue
            return f"{inner} in an archive"
    return None

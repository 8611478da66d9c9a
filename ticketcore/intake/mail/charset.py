"""Bytes to text, whatever the sender calls their charset."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache
from typing import Final

__all__ = ["clean", "decode", "detect", "storable"]

# Names that mail programs write, to what their bytes are. Each of the national sets has a superset that Windows writes
# under the smaller one's name (WHATWG Encoding Standard, "names and labels").
_ALIASES: Final = {
    "ansi": "cp1252", "ansix34": "cp1252", "utf8mb4": "utf-8", "unicode": "utf-8", "unicode11utf8": "utf-8",
    "unicode11utf7": "utf-7", "xutf8": "utf-8", "utf8http": "utf-8",
    "gb2312": "gb18030", "gbk": "gb18030", "xgbk": "gb18030", "euccn": "gb18030", "gb231280": "gb18030", "cp936": "gb18030",
    "ksc56011987": "cp949", "ksc5601": "cp949", "ksc56011992": "cp949", "euckr": "cp949", "xwindows949": "cp949",
    "shiftjis": "cp932", "sjis": "cp932", "xsjis": "cp932", "mskanji": "cp932", "windows31j": "cp932", "ms932": "cp932",
    "iso2022jp": "iso2022_jp_ext", "iso2022jpms": "iso2022_jp_ext", "cp50220": "iso2022_jp_ext", "xeucjp": "euc_jp",
    "big5": "cp950", "xbig5": "cp950", "windows950": "cp950",
    "tis620": "cp874", "windows874": "cp874", "iso885911": "cp874", "xwindows874": "cp874",
    "iso88598i": "iso8859_8", "iso88598e": "iso8859_8", "iso88599": "cp1254",
    "macintosh": "mac_roman", "xmacroman": "mac_roman", "mac": "mac_roman", "xmaccyrillic": "mac_cyrillic",
    "koi8": "koi8_r", "windowscp1251": "cp1251", "win1251": "cp1251", "win1252": "cp1252", "win1250": "cp1250",
}  # fmt: skip
_NONE: Final = frozenset({
    "", "usascii", "ascii", "unknown", "xunknown", "unknown8bit", "xunknown8bit", "8bit", "7bit", "none", "default",
    "defaultcharset", "xuserdefined", "binary", "ansix341968", "charset", "text", "null", "undefined",
})  # fmt: skip
# Codecs that turn text into other text, are no charset, or take time in the square of the length.
_REFUSED: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"})
# Programs name these, their users' own, for what is UTF-8; text that really is one of them is UTF-8 too by a rare accident only.
_OFTEN_WRONG: Final = frozenset({
    "gb18030", "cp950", "cp949", "cp932", "euc_jp", "big5hkscs", "cp1252", "iso8859-1", "iso8859-15",
})  # fmt: skip
_CANDIDATES: Final = (
    "cp1251", "koi8_r", "gb18030", "cp932", "euc_jp", "cp949", "big5", "cp1253", "cp1255", "cp1256", "cp874", "cp1250", "cp1254", "cp1252",
    "iso8859_5", "cp866",
)  # fmt: skip
_SAMPLE: Final = 16_384
_SHORT: Final = 64  # bytes; of less, only what is mostly not ASCII is worth a guess
_NOT_NAME = re.compile(r"[^a-z0-9]")


@lru_cache(maxsize=256)
def _codec(name: str) -> str | None:
    """Return the codec for a charset's name; empty where the name says nothing, ``None`` where nobody knows it."""
    name = name.strip().lower()[:60]
    key = _NOT_NAME.sub("", name)
    if key in _NONE:
        return ""
    if key in _ALIASES:
        return _ALIASES[key]
    digits = re.fullmatch(r"(?:x?windows|win|x?cp|ibm|x?ms|msdos|dos)(\d{3,4})", key)
    iso = re.fullmatch(r"x?iso8859(\d{1,2})", key)
    latin = re.fullmatch(r"latin(\d{1,2})", key)
    for guess in (
        name,
        *([f"cp{digits[1]}"] if digits else ()),
        *([f"iso8859_{iso[1]}"] if iso else ()),
        *([f"latin{latin[1]}"] if latin else ()),
        *(["utf-8"] if key.startswith("utf8") else ()),
        *(["iso8859_1"] if key.startswith("iso88591") and not iso else ()),
    ):
        try:
            found = codecs.lookup(guess)
            "".encode(found.name)  # refuses what is no text encoding (base64, zip, rot13)
        except (LookupError, ValueError, UnicodeError):
            continue
        return None if found.name in _REFUSED else found.name
    return None


def decode(raw: bytes, charset: str, where: str, defects: list[str]) -> str:
    """Return *raw* as text: by *charset* if it decodes, else as UTF-8, else by detection, else as Windows-1252.

    What had to be guessed is told in *defects*, with *where*. The text may hold NUL and lone surrogates; see `clean`.
    """
    codec = _codec(charset)
    if raw.isascii() and (not codec or codec in ("utf-8", "cp1252", "iso8859-1")):
        if codec is None:
            defects.append(f"{where}: unknown charset {charset[:40]!r}, read as ASCII")
        return raw.decode("ascii")
    if codec and not (codec in _OFTEN_WRONG and _is_utf8(raw)):
        text = _declared(raw, codec)
        if text is not None:
            return text
    told = (
        "no charset" if codec == "" else f"unknown charset {charset[:40]!r}" if codec is None else f"not {charset[:40]}"
    )
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        pass
    else:
        if not raw.isascii() or codec is None:
            defects.append(f"{where}: {told}, read as UTF-8")
        return text
    if codec:
        text = raw.decode(codec, "replace")
        bad = text.count("\ufffd")
        if bad == 1 or bad * 50 <= len(text):  # cut in the middle, or a few bytes of junk: the name is still right
            defects.append(f"{where}: {bad} characters are not {charset[:40]}, replaced")
            return text
    guess = detect(raw)
    if guess:
        try:
            text = raw.decode(guess)
        except (UnicodeDecodeError, LookupError):
            pass
        else:
            defects.append(f"{where}: {told}, detected as {guess}")
            return text
    defects.append(f"{where}: {told}, read as Windows-1252")
    return raw.decode("cp1252", "replace")


def _declared(raw: bytes, codec: str) -> str | None:
    try:
        text = raw.decode("utf-8-sig" if codec == "utf-8" else codec)
    except Exception:  # noqa: BLE001 - a codec of the standard library may raise others than it says on broken input
        if codec == "cp950":
            try:
                return raw.decode("big5hkscs")
            except UnicodeDecodeError:
                pass
        return None
    if codec == "iso8859-1" and _has_c1(raw):
        return raw.decode("cp1252", "replace")
    return text


def _is_utf8(raw: bytes) -> bool:
    """Return whether *raw* is UTF-8, and long enough that text of another charset is hardly ever so by accident."""
    if raw.isascii():
        return False
    try:
        return len(raw) - len(raw.decode("utf-8")) >= 4
    except UnicodeDecodeError:
        return False


def _has_c1(raw: bytes) -> bool:
    return len(raw.translate(None, bytes(range(0x80, 0xA0)))) != len(raw)


def detect(raw: bytes) -> str | None:
    """Return what charset-normalizer takes a sample for; ``None`` where the text is mostly ASCII: then it is Western."""
    sample = raw[:_SAMPLE]
    high = len(sample) - len(sample.translate(None, bytes(range(0x80, 0x100))))
    if high * 8 < len(sample) or (len(sample) < _SHORT and (high * 2 < len(sample) or high < 6)):
        return None
    from charset_normalizer import from_bytes

    try:
        best = from_bytes(sample, steps=5, chunk_size=512, cp_isolation=list(_CANDIDATES)).best()
    except Exception:  # noqa: BLE001 - detection is a guess: without one the text is read as Windows-1252
        return None
    return None if best is None else best.encoding


def storable(text: str) -> bool:
    """Return whether *text* has neither NUL nor lone surrogates."""
    if "\0" in text:
        return False
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def clean(text: str) -> str:
    """Return *text* without NUL and with U+FFFD for lone surrogates."""
    if storable(text):
        return text
    return text.replace("\0", "").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")

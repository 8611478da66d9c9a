"""Single headers read: Message-IDs, dates, subjects, authentication results."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_tz
from functools import lru_cache
from typing import Final

from ticketcore.intake.mail.model import Verdict

__all__ = ["message_ids", "parse_authentication", "parse_date", "split_subject"]

_BRACKETED: Final = re.compile(r"<([^<>]*)>")
_COMMENT: Final = re.compile(r"\([^()]{0,200}\)")
_COLON: Final = re.compile(r" {0,20}: {0,20}")
_DATE: Final = re.compile(
    r"(?:[A-Za-z]{3},? +)?(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d)(?::(\d\d))? ([+-])(\d\d)([0-5]\d)"
)
_MONTHS: Final = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_ID_MAX: Final = 998  # characters of a line, so of an id that a correct program can write
# "Re", "Fwd" and their kin, as mail programs in many languages set them before a subject; with a count: "Re[2]:", "AW(3):".
_PREFIX: Final = re.compile(
    r"(re|fwd?|fw|aw|antw|antwort|wg|sv|vs|vl|vb|vid|bls|doorst|tr|rv|rif|r|i|fs|enc|res|odp|pd|ynt|ilt|yml|"
    r"atb|továbbítás|válasz|továb|na|fyi|ang|ha|trs|réf|ref|rép|"
    r"回复|回覆|答复|答覆|转发|轉寄|转寄|返信|転送|답장|전달|ответ|отв|пересл|на|відп|απ|πρθ|σχετ|השב|הועבר|إعادة توجيه|رد)"
    r"\s{0,3}(?:[\[(]\s{0,2}\d{1,4}\s{0,2}[\])]|\^?\d{1,3})?\s{0,3}[:：]\s*",
    re.IGNORECASE,
)
_TAG: Final = re.compile(r"\[([^\[\]]{1,80})\]\s*")
_RESULT: Final = re.compile(r"^\s*([A-Za-z][A-Za-z0-9-]{0,30})\s*=\s*([A-Za-z]{1,20})")
_QUOTED: Final = re.compile(r'"(?:[^"\\]|\\.)*"')
_SPECIAL: Final = re.compile(r"[;=()\s\"\\]+")
_EQUALS: Final = re.compile(r"\s*=\s*")
_BY_METHOD: Final = {
    "dkim": ("header.d", "header.i", "d"), "dmarc": ("header.from", "from"), "spf": ("smtp.mailfrom", "smtp.mail", "smtp.helo"),
    "domainkeys": ("header.from", "from"), "dkim-adsp": ("header.from",), "arc": ("header.d",),
}  # fmt: skip


def message_ids(text: str, limit: int, where: str, defects: list[str]) -> tuple[str, ...]:
    """Return the ids in *text*, each once, in order, without angle brackets and without white space in them."""
    if not text:
        return ()
    found = _BRACKETED.findall(text) if "<" in text else []
    if not found:
        found = [word.strip("<>\"',;") for word in text.split() if "@" in word]
    ids: dict[str, None] = {}
    for value in found:
        plain = _COMMENT.sub("", value) if "(" in value else value
        if " " in plain:
            plain = "".join(plain.split())
        if len(plain) > _ID_MAX:
            defects.append(f"{where}: an id of {len(plain)} characters, cut to {_ID_MAX}")
            plain = plain[:_ID_MAX]
        if plain:
            ids.setdefault(plain)
    if len(ids) > limit:
        defects.append(f"{where}: {len(ids)} ids, the first and the last {limit - 1} kept")
        every = list(ids)
        return (every[0], *every[len(every) - limit + 1 :])
    return tuple(ids)


def parse_date(text: str, defects: list[str]) -> datetime | None:
    """Return the time that a Date header claims, aware, in its own zone; ``None`` where it is none."""
    match = _DATE.match(text)
    try:
        if match is not None and match[2] in _MONTHS:
            day, month, year, hour, minute, second, sign, hours, minutes = match.groups()
            zone = _zone(sign, hours, minutes)
            clock = int(hour), int(minute), min(int(second or 0), 59)  # a leap second has no other place
            time = datetime(int(year), _MONTHS[month], int(day), *clock, tzinfo=zone)
        else:
            time = _unusual_date(text, defects)
        if not 1 < time.year < 9999:
            time.astimezone(UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        if text:
            defects.append(f"Date {text[:60]!r} is no time")
        return None
    return time


@lru_cache(maxsize=256)
def _zone(sign: str, hours: str, minutes: str) -> timezone:
    offset = timedelta(hours=int(hours), minutes=int(minutes))
    return timezone(-offset if sign == "-" else offset) if offset else UTC


def _unusual_date(text: str, defects: list[str]) -> datetime:
    found = parsedate_tz(_COLON.sub(":", _COMMENT.sub(" ", text[:200])))
    if found is None:
        raise ValueError("no date")
    if found[9] is None:
        defects.append("Date without a zone, read as UTC")
    zone = timezone(timedelta(seconds=found[9])) if found[9] else UTC
    return datetime(*found[:5], min(found[5], 59), tzinfo=zone)


def split_subject(subject: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """Return the subject without what programs set before it, then these prefixes, then the tags in square brackets."""
    prefixes: list[str] = []
    tags: list[str] = []
    position = 0
    while position < len(subject) and len(prefixes) + len(tags) < 100:
        start = subject[position : position + 40]
        match = _PREFIX.match(subject, position) if ":" in start or "：" in start else None
        if match is not None:
            prefixes.append(match[1])
            position = match.end()
            continue
        match = _TAG.match(subject, position) if start[0] == "[" else None
        if match is None:
            break
        tags.append(match[1])
        position = match.end()
    base = subject[position:].strip()
    return base, tuple(prefixes), tuple(tags)


def parse_authentication(value: str) -> list[Verdict]:
    """Return the results of one Authentication-Results header. Source: RFC 8601 2.2, read tolerantly.

    What is quoted may be a stranger's words (the local part of an address): it separates nothing and states nothing.
    """
    plain = _QUOTED.sub(lambda match: _SPECIAL.sub("", match[0]), value[:10_000]) if '"' in value else value[:10_000]
    server, _, rest = _without_comments(plain).partition(";")
    server = server.strip().split(" ", 1)[0].lower()
    found: list[Verdict] = []
    for statement in rest.split(";")[:50]:
        match = _RESULT.match(statement)
        if match is None:
            continue
        method = match[1].lower()
        if " =" in statement or "= " in statement:
            statement = _EQUALS.sub("=", statement)  # noqa: PLW2901 - the same, said tightly
        pairs = (word.partition("=") for word in statement.split())
        named = {name.lower(): text for name, equals, text in pairs if equals}
        domain = next((named[key] for key in _BY_METHOD.get(method, ()) if key in named), "")
        domain = domain.strip('"<>').rpartition("@")[2].lower().rstrip(".")
        found.append(Verdict(server, method, match[2].lower(), domain))
    return found


def _without_comments(text: str) -> str:
    if "(" not in text:
        return text
    out: list[str] = []
    depth = 0
    for piece in re.split(r"([()])", text):
        if piece == "(":
            depth += 1
        elif piece == ")":
            depth = max(0, depth - 1)
        elif not depth:
            out.append(piece)
    return " ".join(out)

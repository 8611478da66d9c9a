"""Ticket, customer and message numbers, and the aggregate ids that hold them.

A number is ``PREFIX-YEAR-COUNTER-CHECK`` (``T-2026-000042-6``): the year of allocation in UTC, a counter of at least
six digits that never starts again, and a Damm check digit. An aggregate id is a UUIDv8 (RFC 9562, 5.8) made from the
number and the name of the log, so that a number is looked up without any read model and two logs never share an id.
"""

from __future__ import annotations

import hashlib
import re
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple
from uuid import UUID

from ticketcore.errors import BadNumber

__all__ = [
    "NUMBERED", "Kind", "Number", "agent_stream_id", "aggregate_id", "check_digit", "kind_of", "number_in", "number_of",
    "parse_number", "policy_id",
]  # fmt: skip

_COUNTER_BITS = 40
_LOG_BITS = 62
_MAX_COUNTER = (1 << _COUNTER_BITS) - 1
_MIN_DIGITS = 6
_MAX_YEAR = (1 << 12) - 1
# A quasigroup of order 10 that is totally anti-symmetric: catches every single wrong digit and every swap of
# neighbours. Source: H. M. Damm, "Total anti-symmetrische Quasigruppen", Marburg 2004.
_DAMM = (
    "0317598642", "7092154863", "4206871359", "1750983426", "6123045978",
    "3674209581", "5869720134", "8945362017", "9438617205", "2581436790",
)  # fmt: skip
_SHAPE = re.compile(r"\s*#?\s*([A-Z])-(\d{4})-(\d{1,13})-(\d)\s*", re.IGNORECASE | re.ASCII)


class Kind(IntEnum):
    """What an aggregate is; the first byte of its id."""

    TICKET = 1
    CUSTOMER = 2
    MESSAGE = 3
    POLICY = 4
    AGENT = 5

    @property
    def prefix(self) -> str:
        """The letter that numbers of this kind start with."""
        return self.name[0]


_MARKS, _UUID8 = 0xF << 76 | 3 << 62, 8 << 76 | 2 << 62
_BY_BYTE = {kind.value: kind for kind in Kind}
NUMBERED = (Kind.TICKET, Kind.CUSTOMER, Kind.MESSAGE)
"""The kinds whose numbers are given one after the other and shown; the others' ids are made of names."""
_KINDS = {kind.prefix: kind for kind in NUMBERED}


def check_digit(digits: str) -> int:
    """Return the Damm check digit (0-9) of a string of decimal digits."""
    state = 0
    for digit in digits:
        state = int(_DAMM[state][int(digit)])
    return state


class Number(NamedTuple):
    """A number's parts: its kind, year (0-4095) and counter (1 to 2**40 - 1)."""

    kind: Kind
    year: int
    counter: int

    def __str__(self) -> str:
        return f"{self.kind.prefix}-{self.year:04d}-{self.counter:06d}-{check_digit(self._digits())}"

    def _digits(self) -> str:
        return f"{self.year:04d}{self.counter:06d}"


def parse_number(text: str, kind: Kind | None = None) -> Number:
    """Return the number that *text* states; case, blanks around it and a leading ``#`` do not matter.

    Raises:
        BadNumber: the shape, the check digit or (where *kind* is given) the kind is wrong.
    """
    match = _SHAPE.fullmatch(text)
    expected = f"{kind.prefix if kind else 'T'}-YYYY-NNNNNN-C"
    if match is None or match[1].upper() not in _KINDS:
        raise BadNumber(text, f"expected the shape {expected}", "copy it whole from the mail or the ticket's page")
    number = Number(_KINDS[match[1].upper()], int(match[2]), int(match[3]))
    if kind is not None and number.kind is not kind:
        raise BadNumber(
            text, f"it names a {number.kind.name.lower()}, expected a {kind.name.lower()}", "see its letter"
        )
    if not 1 <= number.counter <= _MAX_COUNTER or number.year > _MAX_YEAR:
        raise BadNumber(text, f"its counter or year is out of range, expected 1 to {_MAX_COUNTER}", "check the digits")
    padded = len(match[3]) > _MIN_DIGITS and match[3].startswith("0")  # a lost leading digit: not in the check digit
    if padded or str(number)[-1] != match[4]:
        raise BadNumber(text, "its check digit does not fit", "a digit is wrong or two are swapped: compare them")
    return number


@lru_cache(maxsize=64)
def _log_tag(log: str) -> int:
    return int.from_bytes(hashlib.sha256(log.encode()).digest()[:8], "big") >> (64 - _LOG_BITS)


def aggregate_id(number: Number, log: str) -> UUID:
    """Return the UUIDv8 of *number* in the log named *log*.

    Layout, high bits first: kind 8, year 12, counter 28 | version 4 | counter 12 | variant 2 | digest of the log's
    name 62. So ids of a kind sort as their numbers do, and new rows go to one end of an index.
    """
    high = (number.kind << 40) | (number.year << 28) | (number.counter >> 12)
    value = (high << 80) | (8 << 76) | ((number.counter & 0xFFF) << 64) | (2 << 62) | _log_tag(log)
    return UUID(int=value)


def policy_id(log: str) -> UUID:
    """Return the id of the one stream that holds the policies of the log named *log*."""
    return aggregate_id(Number(Kind.POLICY, 0, 1), log)


def agent_stream_id(agent_id: str, log: str) -> UUID:
    """Return the id of the stream of the agent whom tickets name *agent_id*: it holds 40 bits of the name's digest.

    Two names can have one id, rarely: the first one keeps it, and describing the other is refused.
    """
    digest = int.from_bytes(hashlib.sha256(agent_id.encode(errors="surrogatepass")).digest()[:5], "big")
    return aggregate_id(Number(Kind.AGENT, 0, digest or 1), log)


def kind_of(id_: UUID) -> Kind | None:
    """Return the kind of an aggregate id, ``None`` where it is no id of this library."""
    value = id_.int
    return _BY_BYTE.get(value >> 120) if value & _MARKS == _UUID8 else None


def number_of(id_: UUID) -> str:
    """Return the number that an aggregate id holds, as people write it. Raises as :func:`number_in`."""
    return str(number_in(id_))


def number_in(id_: UUID) -> Number:
    """Return the number that an aggregate id holds.

    Raises:
        ValueError: the id was not made by :func:`aggregate_id`.
    """
    kind = kind_of(id_)
    if kind is None:
        raise ValueError(
            f"cannot read a number from id {id_}: it is not a ticket's, customer's or message's id (UUIDv8)"
        )
    high = id_.int >> 80
    counter = ((high & 0xFFFFFFF) << 12) | ((id_.int >> 64) & 0xFFF)
    return Number(kind, (high >> 28) & 0xFFF, counter)

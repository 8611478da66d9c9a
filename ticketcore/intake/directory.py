"""A customer data base outside: asked who a sender is, at the time a message comes in, and never waited for long."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import psycopg
from psycopg.rows import dict_row

from ticketcore.domain.customer_commands import Identity
from ticketcore.errors import InvalidCommand

__all__ = ["CustomerDirectory", "DirectoryAway", "Found", "SqlDirectory", "found_in"]

PAUSE = 30.0
"""Seconds for which a directory that failed is not asked again: intake goes on at full speed meanwhile."""
_KINDS = ("mail", "phone", "chat", "contract", "login", "external")


class DirectoryAway(Exception):
    """The directory could not say: it is away, too slow or broken. Nobody is unknown because of it."""


class Found(NamedTuple):
    """What a directory knows of a customer.

    Attributes:
        identities: all that it knows, the outside number among them (kind ``external``).
        organisation_id: an organisation's customer number here, or any name of the host's own.
    """

    identities: tuple[Identity, ...]
    name: str | None = None
    language: str | None = None
    organisation_id: str | None = None


class CustomerDirectory(Protocol):
    """Who somebody is, from a data base that others keep. Thread-safe; usable after fork."""

    def lookup(self, identity: Identity) -> Found | None:
        """Return the customer whose identity it is, ``None`` where it is nobody's, within a bounded time.

        Raises:
            DirectoryAway: it could not say. Whatever else is raised counts as this too.
        """


class SqlDirectory:
    """A query to any PostgreSQL data base, read only.

    It gets ``%(kind)s`` (mail, phone, chat, contract, login, external) and ``%(value)s`` (normalised: a mail address in
    lower case, a phone number as ``+49301234567``) and returns no row or one, with any of the columns ``name``,
    ``language``, ``organisation``, ``mail``, ``phone``, ``chat``, ``contract``, ``login`` and ``external``; a column of
    identities may hold an array. Several rows: nobody, since it would be a guess.

    Args:
        dsn: libpq connection string or URI; of a role that may read only what the query needs.
        query: as above.
        timeout: seconds for the query, and again for connecting (libpq knows whole ones, at least 2).
    """

    def __init__(self, dsn: str, query: str, *, timeout: float = 2.0) -> None:
        self._dsn, self._query, self._timeout = dsn, query, timeout
        self._away_until = 0.0

    def lookup(self, identity: Identity) -> Found | None:
        if time.monotonic() < self._away_until:
            raise DirectoryAway("the directory failed a moment ago")
        try:
            rows = self._rows(identity)
        except psycopg.Error as error:
            self._away_until = time.monotonic() + PAUSE
            raise DirectoryAway(f"the directory did not answer: {type(error).__name__}") from error
        return found_in(rows[0]) if len(rows) == 1 else None

    def _rows(self, identity: Identity) -> list[dict[str, Any]]:
        options = f"-c statement_timeout={int(self._timeout * 1000)} -c default_transaction_read_only=on"
        with psycopg.connect(
            self._dsn, connect_timeout=max(2, int(self._timeout)), options=options, row_factory=dict_row,
            fallback_application_name="ticketcore directory", tcp_user_timeout=int(self._timeout * 2000),
        ) as connection:  # fmt: skip
            given = {"kind": identity.kind.value, "value": identity.value}
            return connection.execute(self._query, given).fetchmany(2)


def found_in(row: Mapping[str, Any]) -> Found:
    """Return what a row of a directory says; identities that are none (``n/a`` as a phone number) are left out."""
    identities: list[Identity] = []
    for kind in _KINDS:
        given = row.get(kind)
        values = given if isinstance(given, Sequence) and not isinstance(given, str) else (given,)
        for value in values:
            try:
                if value not in (None, ""):
                    identities.append(Identity(kind=kind, value=str(value)))  # type: ignore[arg-type]
            except InvalidCommand:
                continue
    name, language, organisation = (row.get(column) for column in ("name", "language", "organisation"))
    return Found(
        tuple(identities),
        str(name) if name else None,
        str(language) if language else None,
        str(organisation) if organisation else None,
    )

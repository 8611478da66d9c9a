"""Signed names of tickets that travel with mail: Message-IDs, reply and bounce addresses, body markers, links.

==============  =====================================  ==============================================================
what            shape                                  where it stands
==============  =====================================  ==============================================================
ticket token    ``T-2026-000042-6.SIG``                reply address ``support+TOKEN@example.org``, body marker
message token   ``T-2026-000042-6.17.SIG``             Message-ID ``<TOKEN@example.org>``, bounce address; 17 is the
                                                       version of the comment's event
link token      56 characters                          a link to a ticket's state, for one customer, until it expires
rating token    64 characters                          a link by which one customer rates one solution, until it expires
==============  =====================================  ==============================================================

``SIG`` is HMAC-SHA256 over purpose, ticket id (it holds the log's name) and version, truncated to 80 bits (RFC 2104, 5:
not below half the hash's length or 80 bits), in base32, lower case: relays and mail programs fold case, so everything is
verified without regard to it. The key is a secret of the key store: it never changes, and a rotation of key-encryption
keys only wraps it anew, so every token stays valid.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32decode, b32encode
from datetime import UTC, datetime
from email.utils import parseaddr
from hashlib import sha256
from typing import TYPE_CHECKING

from ticketcore.errors import BadNumber, ConfigurationError, LinkExpired, LinkForged
from ticketcore.ids import Kind, Number, aggregate_id, number_in, number_of, parse_number

if TYPE_CHECKING:
    from uuid import UUID

__all__ = ["SECRET", "Tokens"]

SECRET = "mail"  # noqa: S105 -- the name of the secret in the key store
"""Name of the key store's secret that signs tokens."""

_SIGNATURE_BYTES = 10
_LINK_SIGNATURE_BYTES = 16
_TICKET = r"t-\d{4}-\d{6,13}-\d"
_SIGNATURE = r"[a-z2-7]{16}"
_MESSAGE_TOKEN = rf"({_TICKET})\.([1-9]\d{{0,9}})\.({_SIGNATURE})"
_FLAGS = re.IGNORECASE | re.ASCII
_MESSAGE_ID = re.compile(rf"<?{_MESSAGE_TOKEN}(?:@([^@<>]*))?>?", _FLAGS)
_WRAP = r"(?:[ \t]*\r?\n[> \t|]*)?"
_TICKET_TOKEN = re.compile(
    rf"(?<![a-z0-9-])(t-{_WRAP}\d{{4}}-{_WRAP}\d{{6,13}}-{_WRAP}\d)\.{_WRAP}({_SIGNATURE})(?![a-z0-9])", _FLAGS
)
_IN_ADDRESS = re.compile(rf".*?(?<![a-z0-9-])(?:{_MESSAGE_TOKEN}|({_TICKET})\.({_SIGNATURE}))", _FLAGS)
_NO_NUMBER = re.compile(r"[\s>|]+")
_INVISIBLE = dict.fromkeys(map(ord, "\u00ad\u200b\u200c\u200d\u2060\ufeff"))
_HYPHENS = dict.fromkeys(map(ord, "\u2010\u2011\u2012\u2013\u2212"), "-")


class Tokens:
    """Makes and verifies signed names of one log's tickets. Pure: the same input, the same output.

    Args:
        secret: 32 bytes that nobody else has.
        log: the log's name; another log's tokens never verify.
        domain: of Message-IDs; ``None``: none can be made, and all can be verified.
        reply: the mailbox whose plus addresses are reply and bounce addresses (``support@example.org``); ``None``:
            none can be made.
    """

    def __init__(self, secret: bytes, log: str, *, domain: str | None = None, reply: str | None = None) -> None:
        self._secret, self._log, self._domain = secret, log, domain
        self._reply = reply

    def message_id(self, ticket: UUID, version: int) -> str:
        """Return the Message-ID of the mail that carries a comment, in angle brackets.

        Args:
            ticket: its id.
            version: of the comment's event, from 1.
        Raises:
            ConfigurationError: no mail domain is set.
        """
        if self._domain is None:
            raise ConfigurationError(
                "cannot make a Message-ID: TICKETCORE_MAIL_DOMAIN is not set, expected a domain such as example.org"
                " (set it, or TICKETCORE_MAIL_FROM)"
            )
        return f"<{self._message_token(ticket, version)}@{self._domain}>"

    def ticket_of_message_id(self, text: str) -> tuple[UUID, int] | None:
        """Return ticket and version that a Message-ID names; ``None``: not ours, or its signature is wrong.

        Case, blanks, line breaks, missing brackets and another domain (a relay's own) do not matter.
        """
        match = _MESSAGE_ID.fullmatch("".join(text.split()))
        if match is None:
            return None
        version = int(match[2])
        ticket = self._verified(match[1], version, match[3])
        return None if ticket is None else (ticket, version)

    def is_ours(self, text: str) -> bool:
        """Return whether a Message-ID has our shape and domain. Ours and without a ticket: forged."""
        match = _MESSAGE_ID.fullmatch("".join(text.split()))
        return match is not None and self._domain is not None and (match[4] or "").lower() == self._domain.lower()

    def reply_address(self, ticket: UUID) -> str:
        """Return the address that whatever is sent to belongs to the ticket.

        Raises:
            ConfigurationError: no mailbox with plus addresses is set.
        """
        return self._plus(self._ticket_token(ticket))

    def bounce_address(self, ticket: UUID, version: int) -> str:
        """Return the envelope sender of the mail that carries a comment (VERP); raises as :meth:`reply_address`."""
        return self._plus(self._message_token(ticket, version))

    def ticket_of_address(self, address: str) -> UUID | None:
        """Return the ticket of a reply or bounce address; ``None``: not ours, or its signature is wrong."""
        found = self._in_address(address)
        return None if found is None else found[0]

    def bounce_of_address(self, address: str) -> tuple[UUID, int] | None:
        """Return ticket and version of a bounce address; ``None``: another, or its signature is wrong."""
        found = self._in_address(address)
        return None if found is None or found[1] is None else (found[0], found[1])

    def marker(self, ticket: UUID) -> str:
        """Return a short text for bodies that quotes keep: ``[T-2026-000042-6.SIG]``."""
        return f"[{self._ticket_token(ticket)}]"

    def tickets_in(self, text: str) -> tuple[UUID, ...]:
        """Return the tickets of the valid ticket tokens in a text, each once, in order.

        Line breaks and quote marks after a token's hyphens, typographic hyphens and invisible characters do not matter. It
        finds reply addresses too, since a quoted head may hold one.
        """
        known = text.translate(_INVISIBLE).translate(_HYPHENS)
        found: dict[UUID, None] = {}
        for match in _TICKET_TOKEN.finditer(known):
            ticket = self._verified(_NO_NUMBER.sub("", match[1]), None, match[2])
            if ticket is not None:
                found[ticket] = None
        return tuple(found)

    def link_token(self, ticket: UUID, customer: UUID, expires: datetime) -> str:
        """Return what a link to a ticket's state carries: for one customer, until *expires* (aware; whole seconds).

        Raises:
            ValueError: *expires* is naive.
        """
        body = _packed(ticket) + _packed(customer) + _seconds("a link token", expires)
        return _base32(body + self._link_signature(b"link\0", body))

    def read_link(self, token: str, now: datetime) -> tuple[UUID, UUID]:
        """Return ticket and customer of a link token.

        Args:
            token: as it came; case does not matter.
            now: aware.
        Raises:
            LinkForged: it was changed, is incomplete, or is another log's.
            LinkExpired: it was valid until before *now*.
        """
        body = self._read(b"link\0", token, now)
        return self._unpacked(Kind.TICKET, body[:7]), self._unpacked(Kind.CUSTOMER, body[7:14])

    def rating_token(self, ticket: UUID, customer: UUID, solved: int, expires: datetime) -> str:
        """Return what a link carries by which a customer rates how a ticket was solved.

        Args:
            ticket: its id.
            customer: who may rate by it.
            solved: version of the event that solved the ticket.
            expires: aware; whole seconds.
        Raises:
            ValueError: *expires* is naive.
        """
        body = _packed(ticket) + _packed(customer) + _seconds("a rating token", expires) + solved.to_bytes(5, "big")
        return _base32(body + self._link_signature(b"rating\0", body))

    def read_rating(self, token: str, now: datetime) -> tuple[UUID, UUID, int]:
        """Return ticket, customer and the solving event's version of a rating token; raises as :meth:`read_link`."""
        body = self._read(b"rating\0", token, now)
        ticket, customer = self._unpacked(Kind.TICKET, body[:7]), self._unpacked(Kind.CUSTOMER, body[7:14])
        return ticket, customer, int.from_bytes(body[19:], "big")

    def _plus(self, token: str) -> str:
        if self._reply is None:
            raise ConfigurationError(
                "cannot make a reply address: TICKETCORE_MAIL_REPLY_TO is not set, expected a mailbox that takes plus"
                " addresses such as support@example.org (set it, or TICKETCORE_MAIL_FROM)"
            )
        local, _, domain = self._reply.rpartition("@")
        return f"{local}+{token}@{domain}"

    def _ticket_token(self, ticket: UUID) -> str:
        return f"{number_of(ticket)}.{self._signature(ticket, None)}"

    def _message_token(self, ticket: UUID, version: int) -> str:
        return f"{number_of(ticket)}.{version}.{self._signature(ticket, version)}"

    def _in_address(self, address: str) -> tuple[UUID, int | None] | None:
        local = (parseaddr(address)[1] or address).rpartition("@")[0]
        match = _IN_ADDRESS.fullmatch(local)
        if match is None:
            return None
        version = int(match[2]) if match[2] else None
        ticket = self._verified(match[1] or match[4], version, match[3] or match[5])
        return None if ticket is None else (ticket, version)

    def _verified(self, number: str, version: int | None, signature: str) -> UUID | None:
        try:
            ticket = aggregate_id(parse_number(number, Kind.TICKET), self._log)
        except BadNumber:
            return None
        right = hmac.compare_digest(self._signature(ticket, version).encode(), signature.lower().encode())
        return ticket if right else None

    def _signature(self, ticket: UUID, version: int | None) -> str:
        content = b"ticket\0" if version is None else b"message\0" + version.to_bytes(8, "big")
        return _base32(hmac.digest(self._secret, content + ticket.bytes, sha256)[:_SIGNATURE_BYTES])

    def _read(self, purpose: bytes, token: str, now: datetime) -> bytes:
        """Return what a link's token says: ticket and customer (7 bytes each), when it expires (5), more."""
        try:
            raw = b32decode(token.strip().upper())
        except ValueError:
            raise LinkForged(len(token)) from None
        body, signature = raw[:-_LINK_SIGNATURE_BYTES], raw[-_LINK_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signature, self._link_signature(purpose, body)):
            raise LinkForged(len(token))
        expires = datetime.fromtimestamp(int.from_bytes(body[14:19], "big"), UTC)
        if now > expires:
            raise LinkExpired(expires)
        return body

    def _link_signature(self, purpose: bytes, body: bytes) -> bytes:
        return hmac.digest(self._secret, purpose + body + self._log.encode(), sha256)[:_LINK_SIGNATURE_BYTES]

    def _unpacked(self, kind: Kind, packed: bytes) -> UUID:
        value = int.from_bytes(packed, "big")
        return aggregate_id(Number(kind, value >> 40, value & 0xFFFFFFFFFF), self._log)


def _base32(content: bytes) -> str:
    return b32encode(content).decode().rstrip("=").lower()


def _seconds(what: str, expires: datetime) -> bytes:
    if expires.utcoffset() is None:
        raise ValueError(f"cannot make {what}: expires is {expires.isoformat()}, expected a time with its zone")
    return int(expires.timestamp()).to_bytes(5, "big")


def _packed(id_: UUID) -> bytes:
    """Return year and counter of an aggregate's number in 7 bytes; the log's name stands in the signature."""
    number = number_in(id_)
    return ((number.year << 40) | number.counter).to_bytes(7, "big")

"""What ties a mail to the ones before it: In-Reply-To and References (RFC 5322, 3.6.4), and a subject that stays."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain.delivery_events import DeliveryAttempted
from ticketcore.domain.ticket_events import Commented, Opened
from ticketcore.domain.types import Direction

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ticketcore.domain.base import Event

__all__ = ["Conversation", "conversation", "subject_of"]

LONGEST = 20
"""Message-IDs in References: the first, which mail programs name the conversation by, and the newest."""
SUBJECT = 200
"""Characters of the subject before the number."""
_ID = re.compile(r"<?([\x21-\x3b\x3d\x3f-\x7e]{3,250})>?")
_PREFIX = re.compile(
    r"(?:(?:re|aw|antw|antwort|sv|vs|odp|ref|rif|r|res|tr|rv|fw|fwd|wg|doorst|pd|enc)(?:\[\d+\])?\s*[::]\s*)+",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"\s*\[\s*#?T-\d{4}-\d{6,13}-\d(?:\.[a-z2-7]{16})?\s*\]", re.IGNORECASE)
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")


class Conversation(NamedTuple):
    """Where a mail stands among the others.

    Attributes:
        in_reply_to: the newest message of the customer before it, else our newest; with brackets.
        references: all before it, oldest first; with brackets, each once, at most :data:`LONGEST`.
    """

    in_reply_to: str | None
    references: tuple[str, ...]


def conversation(events: Iterable[Event], comment: int, known: Mapping[int, str] | None = None) -> Conversation:
    """Return where the mail of *comment* stands.

    Args:
        events: the ticket's, opened, in order.
        comment: version of the comment's event.
        known: Message-IDs of messages that do not carry them themselves, by version (an opening's).
    """
    ids: dict[int, str] = {}
    inbound: list[int] = []
    sent: dict[int, str] = {}
    for event in events:
        version = event.originator_version
        if isinstance(event, Opened | Commented) and version < comment:
            own = getattr(event, "message_id", None) or (known or {}).get(version)
            match = _ID.fullmatch("".join((own or "").split()))
            if match is not None and event.direction is not Direction.INTERNAL:
                ids[version] = f"<{match[1]}>"
                if event.direction is Direction.INBOUND:
                    inbound.append(version)
        elif isinstance(event, DeliveryAttempted) and event.comment < comment and event.message_id:
            sent[event.comment] = event.message_id
    ids |= sent
    order = list(dict.fromkeys(ids[version] for version in sorted(ids)))
    if len(order) > LONGEST:
        order = [order[0], *order[1 - LONGEST :]]
    reply_to = ids[inbound[-1]] if inbound else next(reversed(order), None)
    return Conversation(reply_to, tuple(order))


def subject_of(subject: str | None, number: str, *, first: bool) -> tuple[str, str]:
    """Return the mail's subject, and the bare one without prefixes and number (Outlook's topic).

    It is the same for every mail of the ticket but for ``Re:``, which the *first* of a conversation that we begin lacks.
    """
    bare = _BLANKS.sub(" ", subject or "").strip()
    before = None
    while before != bare:
        before = bare
        bare = _NUMBER.sub("", _PREFIX.sub("", bare, count=1) if _PREFIX.match(bare) else bare).strip()
    if len(bare) > SUBJECT:
        bare = bare[: SUBJECT - 1].rstrip() + "…"
    whole = f"{bare} [{number}]" if bare else f"[{number}]"
    return (whole if first else f"Re: {whole}"), bare or number

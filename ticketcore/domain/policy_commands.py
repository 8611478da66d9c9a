"""What can be done to a log's policies."""

from __future__ import annotations

import hashlib
from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import AfterValidator

from ticketcore.domain.commands import Command, PolicyId, is_blank, wrong
from ticketcore.domain.types import Label, Text, UtcTime
from ticketcore.permissions import Action

__all__ = ["LONGEST", "AdoptPolicy"]

LONGEST = 200_000
"""The most bytes of UTF-8 that a policy document has: it lies in its event whole."""


def _document(text: str) -> str:
    if is_blank(text):
        raise wrong("a policy document", "give its text")
    if len(text.encode()) > LONGEST:
        raise wrong(f"at most {LONGEST:,} bytes", "leave out what no rule needs")
    return text


class AdoptPolicy(Command):
    """Put a policy document in force from ``effective_at`` on, from now on where it is not given."""

    NAME: ClassVar[str] = "adopt"
    NOUN: ClassVar[str] = "a policy"
    ACTION: ClassVar[Action] = Action.ADOPT_POLICY
    conflicts_with: ClassVar[frozenset[str]] = frozenset({"policy.adopted"})
    policies: PolicyId
    document: Annotated[Text, AfterValidator(_document)]
    effective_at: UtcTime | None = None
    note: Label | None = None

    def streams(self) -> tuple[UUID, ...]:
        return (self.policies,)

    @property
    def sha256(self) -> str:
        """SHA-256 of the document's UTF-8 bytes, hex."""
        return hashlib.sha256(self.document.encode()).hexdigest()

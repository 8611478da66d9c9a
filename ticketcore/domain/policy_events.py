"""The events of a log's policies: one stream a log, one event an adoption."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from ticketcore.domain.base import Event
from ticketcore.domain.types import Label, Text, UtcTime

__all__ = ["PolicyAdopted", "PolicyEvent"]


class PolicyEvent(Event):
    """Base of all events of the policies."""


class PolicyAdopted(PolicyEvent):
    """A policy document was adopted. In force at a time: of those effective by then the last by ``(effective_at, version)``.

    Attributes:
        version: 1, 2, 3, ... in the order of adoption.
        effective_at: from when it decides.
        document: its whole text (YAML).
        sha256: of the text's UTF-8 bytes, hex.
        note: why it was adopted.
    """

    TOPIC: ClassVar[str] = "policy.adopted"
    version: Annotated[int, Field(ge=1)]
    effective_at: UtcTime
    document: Text
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    note: Label | None = None

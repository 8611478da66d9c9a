"""What the tests of sealing are given: comments, rings of keys, personal words."""

import base64
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from ticketcore.domain.base import Event, Meta
from ticketcore.domain.ticket_events import Commented
from ticketcore.domain.types import Actor, Channel, Direction
from ticketcore.ids import Kind, Number, aggregate_id
from ticketcore.sealing import Keyring

PERSON = aggregate_id(Number(Kind.CUSTOMER, 2026, 1), "main")
OTHER = aggregate_id(Number(Kind.CUSTOMER, 2026, 2), "main")
TICKET = aggregate_id(Number(Kind.TICKET, 2026, 1), "main")


def meta() -> Meta:
    at = datetime(2026, 11, 22, 9, tzinfo=UTC)
    return Meta(occurred_at=at, actor=Actor.agent("ana"), command_id=UUID(int=7))


def commented(body: str | None = "Guten Tag", version: int = 2, id_: UUID = TICKET, **fields: Any) -> Commented:
    return Commented(
        originator_id=id_,
        originator_version=version,
        meta=meta(),
        direction=Direction.INBOUND,
        channel=Channel.MAIL,
        body=body,
        **fields,
    )


def personal_words(event: Event) -> Iterator[str]:
    """Every personal text of an open event."""
    for name in event.PERSONAL:
        value = getattr(event, name)
        if isinstance(value, str):
            yield value
        for part in value if isinstance(value, tuple) else ():
            if isinstance(part, str):
                yield part
            else:
                yield next(getattr(part, text) for text in ("name", "value", "address") if hasattr(part, text))


def ring_of(*ids: str) -> Keyring:
    """A ring of new keys, the last id active."""
    keys = {name: base64.b64encode(os.urandom(32)).decode() for name in ids}
    return Keyring.from_json(json.dumps({"active": ids[-1], "keys": keys}))

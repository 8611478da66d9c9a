"""The call of ``log.append_plain`` (see sql/log/0007_append_plain.sql), which serves most commands."""

from __future__ import annotations

from datetime import timedelta
from struct import Struct
from typing import TYPE_CHECKING, Any

from psycopg import errors

from ticketcore.store.appends import main_stream
from ticketcore.store.arrays import EPOCH, ints, raws, texts, uuids
from ticketcore.store.port import Appended, Outcome
from ticketcore.store.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from psycopg import Connection

    from ticketcore.store.port import Append, EventKey

__all__ = ["append_plain"]

_UUIDS, _INTS, _RAWS, _TEXTS = 2951, 1007, 1001, 1009
_TYPES = (
    _UUIDS, _RAWS, _UUIDS, _INTS, _INTS, _UUIDS, _INTS, _UUIDS, _INTS, _TEXTS, _RAWS, _RAWS, _UUIDS, _RAWS,
    _TEXTS, _RAWS, _UUIDS, _INTS,
)  # fmt: skip
_CALL = Statement(
    "ticketcore_append_plain",
    f"SELECT * FROM log.append_plain({', '.join(f'${number}' for number in range(1, len(_TYPES) + 1))})",
    _TYPES,
)
_POSITION = Struct("!q")


def append_plain(connection: Connection[Any], appends: Sequence[Append], *, keys_here: bool) -> list[Outcome] | None:
    """Append all of *appends*, or nothing where any of them is not plain or has something in its way.

    Args:
        connection: in autocommit.
        appends: at least one; commands that do not depend on each other, no two claims of one value among them.
        keys_here: the schema ``keys`` is in the same data base.
    Returns:
        An outcome for each; ``None`` where nothing was written: ``log.append`` tells what is in whose way.
    """
    streams, versions, topics, states = [], [], [], []
    keys: list[EventKey | None] = []
    lasts: list[int | None] = []
    for append in appends:
        if append.releases or append.destroy_events or append.destroy_persons:
            return None
        own = iter(append.keys if keys_here else ())
        key = next(own, None)
        for event in append.events:
            stream, version = event.originator_id, event.originator_version
            streams.append(stream)
            versions.append(version)
            topics.append(event.topic)
            states.append(event.state)
            if key is not None and key[1] == version and key[0] == stream:
                keys.append(key)
                key = next(own, None)
            else:
                keys.append(None)
        if key is not None:
            return None  # a key of no event, or keys in another order
        lasts.append(len(streams) if append.events else None)
    if not any(keys):
        keys = []
    claims = [claim for a in appends for claim in a.claims]
    arguments = (
        uuids([a.command_id for a in appends]),
        raws([a.digest for a in appends]),
        uuids([main_stream(a) for a in appends]),
        ints([len(a.events) for a in appends]),
        ints(lasts),
        uuids([stream for a in appends for stream, _ in a.expected]),
        ints([version for a in appends for _, version in a.expected]),
        uuids(streams),  # type: ignore[arg-type]  # check_append() saw to it
        ints(versions),
        texts(topics),
        raws(states),
        raws([key and key.nonce for key in keys]),
        uuids([key and key.person_id for key in keys]),
        raws([key and key.wrapped for key in keys]),
        texts([claim.kind for claim in claims]),
        raws([claim.value for claim in claims]),
        uuids([claim.owner for claim in claims]),
        ints([claim.ref for claim in claims]),
    )
    try:
        result = _CALL(connection, arguments)
    except errors.NoDataFound:
        return None
    at, stamp = result.get_value(0, 0), result.get_value(0, 1)
    if at is None or stamp is None:
        return None
    [before], [microseconds] = _POSITION.unpack(at), _POSITION.unpack(stamp)
    recorded_at = EPOCH + timedelta(microseconds=microseconds)
    return [Appended(None if last is None else before + last, recorded_at) for last in lasts]

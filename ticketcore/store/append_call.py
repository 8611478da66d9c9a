"""The call of ``log.append`` (see sql/log/0003_append.sql): commands to arguments, rows to outcomes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticketcore.store.appends import from_receipt, main_stream
from ticketcore.store.arrays import ints, raws, texts, uuids
from ticketcore.store.port import Appended, ClaimConflict, PersonGone, Receipt, VersionConflict

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ticketcore.store.port import Append, Outcome

__all__ = ["APPEND", "arguments", "outcomes"]

APPEND = f"SELECT * FROM log.append({', '.join(['%b'] * 34)})"


def arguments(appends: Sequence[Append], *, keys_here: bool, events_here: bool = True) -> list[Any]:
    """Return the arguments of the call.

    Args:
        appends: commands that do not depend on each other.
        keys_here: the schema ``keys`` is in the same data base.
        events_here: events and their keys travel along; else only their counts do.
    """
    numbered = list(enumerate(appends, 1))
    expected = [(i, stream, version) for i, a in numbered for stream, version in a.expected]
    events: list[Any] = [(i, event) for i, a in numbered for event in a.events] if events_here else []
    claims = [(i, claim) for i, a in numbered for claim in a.claims]
    releases = [(i, release) for i, a in numbered for release in a.releases]
    sealed = [(i, person) for i, a in numbered for person in dict.fromkeys(key.person_id for key in a.keys)]
    keys = [(i, key) for i, a in numbered for key in a.keys] if events_here else []
    redacted = [(i, stream, version) for i, a in numbered for stream, version in a.destroy_events]
    forgotten = [(i, person) for i, a in numbered for person in a.destroy_persons]
    return [
        keys_here,
        uuids(a.command_id for a in appends),
        raws(a.digest for a in appends),
        uuids(map(main_stream, appends)),
        ints(len(a.events) for a in appends),
        *_three(expected),
        ints(i for i, _ in events),
        uuids(e.originator_id for _, e in events),
        ints(e.originator_version for _, e in events),
        texts(e.topic for _, e in events),
        raws(e.state for _, e in events),
        ints(i for i, _ in claims),
        texts(c.kind for _, c in claims),
        raws(c.value for _, c in claims),
        uuids(c.owner for _, c in claims),
        ints(c.ref for _, c in claims),
        ints(i for i, _ in releases),
        uuids(r.owner for _, r in releases),
        ints(r.ref for _, r in releases),
        ints(i for i, _ in sealed),
        uuids(person for _, person in sealed),
        ints(i for i, _ in keys),
        uuids(k.originator_id for _, k in keys),
        ints(k.originator_version for _, k in keys),
        raws(k.nonce for _, k in keys),
        uuids(k.person_id for _, k in keys),
        raws(k.wrapped for _, k in keys),
        *_three(redacted),
        ints(i for i, _ in forgotten),
        uuids(person for _, person in forgotten),
    ]


def outcomes(appends: Sequence[Append], rows: Iterable[Sequence[Any]]) -> list[Outcome]:
    """Return one outcome for each of *appends*, in order, from the rows of the call."""
    claims = [claim for append in appends for claim in append.claims]
    found: dict[int, Outcome] = {}
    for number, what, at, recorded, id_, digest, n, m in rows:
        append = appends[number - 1]
        if what == "appended":
            found[number] = Appended(at, recorded)
        elif what == "receipt":
            found[number] = from_receipt(Receipt(append.command_id, digest, id_, at, n), append.digest)
        elif what == "version":
            found[number] = VersionConflict(id_, n, m)
        elif what == "claim":
            found[number] = ClaimConflict(claims[n - 1], id_)
        else:
            found[number] = PersonGone(id_)
    return [found[number] for number in range(1, len(appends) + 1)]


def _three(rows: Sequence[tuple[int, Any, int]]) -> tuple[bytes, bytes, bytes]:
    return ints(i for i, _, _ in rows), uuids(stream for _, stream, _ in rows), ints(version for _, _, version in rows)

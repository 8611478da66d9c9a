"""Customers of another data base: brought in once, and afterwards only what changed of them.

A row's command is named by the system, the row's key and a digest of what the mapping takes of it, so a row that was
brought in is passed over, and an import that died goes on where it was. What a row changes is several commands; the one
that carries the name comes last, and its receipt says that the row is done. A row that becomes what it was before the
last import is a change again: the name also holds the version at which another row of it was last brought in.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID, uuid5

from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.types import Actor, Assurance, IdentityKind
from ticketcore.errors import BadNumber, ClaimTaken, Forgotten, InvalidCommand
from ticketcore.ids import number_of
from ticketcore.importing.errors import RowRejected
from ticketcore.importing.reader import Row
from ticketcore.store.codec import Codec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from ticketcore.app import TicketCore
    from ticketcore.customer_view import CustomerView
    from ticketcore.importing.customer_mapping import CustomersMapping
    from ticketcore.importing.rejects import RejectFile

__all__ = ["CustomersSummary", "SourceRow", "import_customers"]

_NAMES = UUID("6f1c5f7e-5a53-5d0c-9a3e-0d5a3f1f8c11")


class SourceRow(NamedTuple):
    """A row as a file or a query gives it.

    Attributes:
        line: from 1; of a query, the row's place in it.
        values: column -> text, several texts, or ``None``.
        raw: for the reject file.
        problem: why it can't be read; ``None`` where it can.
    """

    line: int
    values: Mapping[str, str | Sequence[str] | None]
    raw: str
    problem: str | None = None


class CustomersSummary(NamedTuple):
    """What an import of customers did, or with ``dry_run`` would do."""

    rows: int
    registered: int
    changed: int
    unchanged: int
    rejects: int
    seconds: float


class _Wanted(NamedTuple):
    """What the mapping takes of a row."""

    external: str
    name: str | None
    language: str | None
    organisation: str | None
    identities: tuple[Identity, ...]

    def digest(self) -> str:
        told = [self.name, self.language, self.organisation, *((i.kind, i.value, i.assurance) for i in self.identities)]
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def import_customers(
    core: TicketCore,
    rows: Iterable[SourceRow],
    mapping: CustomersMapping,
    rejects: RejectFile,
    *,
    dry_run: bool = False,
    progress: Callable[[int], None] = lambda _: None,
) -> CustomersSummary:
    """Bring customers in, in the rows' order, and return what became of them.

    Raises:
        ImportStopped: a row is bad and no reject file was named, or more are bad than allowed.
    """
    began = time.monotonic()
    work = _Import(core, mapping, dry_run=dry_run)
    count = {"registered": 0, "changed": 0, "unchanged": 0}
    total = 0
    for row in rows:
        total += 1
        try:
            count[work.take(_wanted(row, mapping))] += 1
        except RowRejected as error:
            rejects.add(Row(row.line, [], row.raw, None), str(error))
        progress(total)
    rejects.flush()
    return CustomersSummary(total, **count, rejects=rejects.count, seconds=time.monotonic() - began)


class _Import:
    def __init__(self, core: TicketCore, mapping: CustomersMapping, *, dry_run: bool) -> None:
        self._core, self._mapping, self._dry_run = core, mapping, dry_run
        self._codec = Codec()
        self._by = Actor.system(f"import-{mapping.system}")

    def take(self, wanted: _Wanted) -> str:
        """Bring one row in and return what became of it."""
        row_id = uuid5(_NAMES, f"{self._core.log.name}\0{self._mapping.system}\0{wanted.external}\0{wanted.digest()}")
        key, *others = wanted.identities
        customer = self._core.match_customer([key], by=self._by).customer
        done_id = uuid5(row_id, str(self._before(customer, row_id)))
        if self._core.log.load((), done_id).receipt is not None:
            return "unchanged"
        if customer is None:
            customer = self._known(others)
        else:
            self._check_owners(customer, others)
        if customer is None:
            return self._register(wanted, row_id, done_id)
        return self._change(number_of(customer), wanted, row_id, done_id)

    def _check_owners(self, customer: UUID, identities: Sequence[Identity]) -> None:
        for one in identities:
            owner = self._core.match_customer([one], by=self._by).customer
            if owner is not None and owner != customer:
                raise RowRejected(f"its {one.kind.value} is {number_of(owner)}'s")

    def _known(self, identities: Sequence[Identity]) -> UUID | None:
        """Return the customer whose all *identities* are, as far as they are anybody's, and who has no key yet."""
        match = self._core.match_customer(identities, by=self._by)
        if match.ambiguous:
            raise RowRejected(f"its identities belong to {', '.join(map(number_of, match.customers))}: merge them")
        if match.customer is None:
            return None
        number = number_of(match.customer)
        prefix = f"{self._mapping.system}:"
        shown = self._core.show_customer(number, by=self._by)
        other = [
            one.value for one in shown.identities
            if one.kind is IdentityKind.EXTERNAL and (one.value or "").startswith(prefix)
        ]  # fmt: skip
        if other:
            raise RowRejected(f"an identity of it belongs to {number}, which is {other[0]} already")
        return match.customer

    def _before(self, customer: UUID | None, row_id: UUID) -> int:
        """Return the version of the last event that another row of this system recorded, 0 for none."""
        if customer is None:
            return 0
        history = map(self._codec.decode, self._core.log.load((customer,)).streams.get(customer, ()))
        return max(
            (e.originator_version for e in history if e.meta.actor == self._by and e.meta.correlation_id != row_id),
            default=0,
        )

    def _register(self, wanted: _Wanted, row_id: UUID, done_id: UUID) -> str:
        if not self._dry_run:
            try:
                self._core.register_customer(
                    by=self._by, name=wanted.name, language=wanted.language, organisation_id=wanted.organisation,
                    identities=wanted.identities, command_id=done_id, correlation_id=row_id,
                )  # fmt: skip
            except ClaimTaken as error:
                raise RowRejected(f"its {error.kind} is {number_of(error.owner)}'s") from None
        return "registered"

    def _change(self, number: str, wanted: _Wanted, row_id: UUID, done_id: UUID) -> str:
        core, by = self._core, self._by
        shown = core.show_customer(number, by=by)
        if shown.forgotten:
            raise RowRejected(f"it is {number}, who was forgotten")
        if self._dry_run:
            return "changed" if self._differs(shown, wanted) else "unchanged"
        head = shown.version
        try:
            for at, one in enumerate(wanted.identities):
                found = core.match_customer([one], by=by).customer
                if found is None or one.assurance is not Assurance.UNVERIFIED:
                    core.identify(
                        number, by=by, kind=one.kind, value=one.value, assurance=one.assurance,
                        command_id=uuid5(done_id, f"identify {at}"), correlation_id=row_id,
                    )  # fmt: skip
            if wanted.organisation is not None:
                core.move_to_organisation(
                    number, by=by, organisation_id=wanted.organisation, command_id=uuid5(done_id, "move"),
                    correlation_id=row_id,
                )  # fmt: skip
            name = wanted.name if wanted.name != shown.name else None
            done = core.describe_customer(
                number, by=by, name=name, language=wanted.language, command_id=done_id, correlation_id=row_id
            )
        except ClaimTaken as error:
            raise RowRejected(f"its {error.kind} is {number_of(error.owner)}'s") from None
        except Forgotten:
            raise RowRejected(f"it is {number}, who was forgotten") from None
        return "changed" if done.version != head else "unchanged"

    def _differs(self, shown: CustomerView, wanted: _Wanted) -> bool:
        known = {(one.kind, one.value) for one in shown.identities}
        return (
            (wanted.name or shown.name) != shown.name
            or (wanted.language or shown.language) != shown.language
            or (wanted.organisation or shown.organisation) != shown.organisation
            or any((one.kind, one.value) not in known for one in wanted.identities)
        )


def _wanted(row: SourceRow, mapping: CustomersMapping) -> _Wanted:
    """Return what the mapping takes of a row; its key, as an identity, comes first."""
    if row.problem is not None:
        raise RowRejected(row.problem)
    values = row.values
    external = " ".join(_texts(values, (mapping.external,)))
    if not external:
        raise RowRejected(f"column {mapping.external!r} is empty, expected the customer's key")
    key = _identity(IdentityKind.EXTERNAL, f"{mapping.system}:{external}", mapping.assurance, mapping.external)
    identities = [key]
    for kind, columns in mapping.identities.items():
        for column in columns:
            identities += [_identity(kind, text, mapping.assurance, column) for text in _texts(values, (column,))]
    organisation = " ".join(_texts(values, mapping.organisation)) or None
    return _Wanted(
        external,
        " ".join(_texts(values, mapping.name)) or None,
        " ".join(_texts(values, mapping.language)) or None,
        organisation,
        tuple({(one.kind, one.value): one for one in identities}.values()),
    )


def _texts(values: Mapping[str, str | Sequence[str] | None], columns: Sequence[str]) -> list[str]:
    found: list[str] = []
    for column in columns:
        value = values.get(column)
        found += [value] if isinstance(value, str) else value or ()
    return [text.strip() for text in found if text.strip()]


def _identity(kind: IdentityKind, text: str, assurance: Assurance, column: str) -> Identity:
    try:
        return Identity(kind=kind, value=text, assurance=assurance)
    except (InvalidCommand, BadNumber) as error:
        expected = getattr(error, "expected", "another value")
        raise RowRejected(
            f"column {column!r} has {len(text):,} characters that are no {kind.value}, expected {expected}"
        ) from None

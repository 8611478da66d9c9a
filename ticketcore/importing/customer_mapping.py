"""How the columns of a customer data base become customers; docs/customers.md describes every key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints, TypeAdapter, ValidationError

from ticketcore.domain.invalid import Frozen
from ticketcore.domain.types import Assurance, IdentityKind
from ticketcore.importing.errors import BadMapping
from ticketcore.importing.mapping import FileFormat
from ticketcore.importing.mapping_files import bad_mapping, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["CustomersMapping", "load_customers_mapping", "parse_customers_mapping"]

_PAGE = "docs/customers.md"


def _several(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _to_one(kind: IdentityKind) -> IdentityKind:
    if kind in (IdentityKind.IP, IdentityKind.EXTERNAL):
        raise ValueError(f"{kind.value} names no customer here, expected mail, phone, chat, contract or login")
    return kind


Column = Annotated[str, StringConstraints(min_length=1)]
Columns = Annotated[tuple[Column, ...], BeforeValidator(_several)]


class CustomersMapping(Frozen):
    """Which column is what.

    Attributes:
        system: names the data base: a customer is known as ``system:KEY`` from then on; never another afterwards.
        external: the column with its key.
        name: the column of the name, or several that are put together.
        organisation: of the organisation's customer number, or of the host's own name of it.
        identities: kind -> the column, or several.
        assurance: how sure the identities are.
        file: how a file is written; see docs/import.md.
    """

    system: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
    external: Column
    name: Columns = ()
    language: Columns = ()
    organisation: Columns = ()
    identities: dict[Annotated[IdentityKind, AfterValidator(_to_one)], Columns] = Field(default_factory=dict)
    assurance: Assurance = Assurance.UNVERIFIED
    file: FileFormat = Field(default_factory=FileFormat)

    @property
    def columns(self) -> tuple[str, ...]:
        """Every column that it needs."""
        named = (self.external, *self.name, *self.language, *self.organisation)
        return tuple(dict.fromkeys((*named, *(one for many in self.identities.values() for one in many))))


_ADAPTER = TypeAdapter(CustomersMapping)


def load_customers_mapping(path: Path) -> CustomersMapping:
    """Return the mapping that a file states.

    Raises:
        BadMapping: there is no such file, or it is not valid; with line and column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        problem = f"cannot be read ({getattr(error, 'strerror', None) or 'not UTF-8'}), expected a YAML file in UTF-8"
        raise BadMapping(str(path), 1, 1, "", problem, _PAGE) from None
    return parse_customers_mapping(text, path.name)


def parse_customers_mapping(text: str, name: str = "mapping") -> CustomersMapping:
    """Return the mapping that *text* states. Raises as :func:`load_customers_mapping`."""
    root, data = read_yaml(text, name)
    try:
        return _ADAPTER.validate_python(data)
    except ValidationError as error:
        found = bad_mapping(name, root, error)
        raise BadMapping(name, found.line, found.column, found.key, found.problem, _PAGE) from None

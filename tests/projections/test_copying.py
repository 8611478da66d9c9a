"""Whatever a row holds comes back from PostgreSQL as it went in."""

import struct
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg import sql

from projections.copying import blocks, encoders

TYPES: dict[str, st.SearchStrategy[Any]] = {
    "uuid": st.uuids(),
    "integer": st.integers(-(2**31), 2**31 - 1),
    "bigint": st.integers(-(2**63), 2**63 - 1),
    "text": st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=90),
    "timestamptz": st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC)),  # noqa: DTZ001 made aware
    "double precision": st.floats(allow_nan=False),
    "boolean": st.booleans(),
    "text[]": st.lists(st.text("aäß😀 \\,{}\"'", max_size=5), max_size=4),
}


@pytest.mark.servers
def test_every_type_and_every_null_comes_back(database: str) -> None:
    names = [f"c{number}" for number in range(len(TYPES))]
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    with psycopg.connect(database, autocommit=True, options="-c timezone=UTC") as connection:
        types = [sql.SQL("{} {}").format(sql.Identifier(n), sql.SQL(t)) for n, t in zip(names, TYPES, strict=True)]
        connection.execute(sql.SQL("CREATE TABLE copied (at serial, {})").format(sql.SQL(", ").join(types)))
        described = connection.execute(sql.SQL("SELECT {} FROM copied").format(columns)).description or []
        encode = encoders([column.type_code for column in described])

        @given(st.lists(st.tuples(*(st.none() | values for values in TYPES.values())), max_size=5), st.booleans())
        @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
        def check(rows: list[tuple[Any, ...]], many: bool) -> None:
            rows = rows * 300 if many else rows
            connection.execute("TRUNCATE copied")
            statement = sql.SQL("COPY copied ({}) FROM STDIN (FORMAT BINARY)").format(columns)
            with connection.cursor() as cursor, cursor.copy(statement) as copy:
                for block in blocks(rows, encode):
                    copy.write(block)
            found = connection.execute(sql.SQL("SELECT {} FROM copied ORDER BY at").format(columns)).fetchall()
            assert found == rows

        check()


def test_a_number_that_does_not_fit_its_column_is_refused() -> None:
    with pytest.raises(struct.error):
        list(blocks([(2**31,)], encoders([23])))
    with pytest.raises(KeyError):
        encoders([3802])

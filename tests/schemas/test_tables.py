"""The reference of the read models' tables, from a real server's catalogue."""

import psycopg
import pytest

from workers.schemas import tables_page
from workers.schemas.catalogue import SchemaError

pytestmark = pytest.mark.servers


def use(monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Make *script* the only SQL of the read models."""
    monkeypatch.setattr(tables_page, "_sources", lambda: {"sample": ("sample.sql",)})
    monkeypatch.setattr(tables_page, "_script", lambda _: script)


def test_every_table_view_and_column_is_described(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(
        monkeypatch,
        """
        CREATE TABLE facts (id uuid PRIMARY KEY, opened_at timestamptz, wait_seconds double precision NOT NULL);
        CREATE VIEW days AS SELECT opened_at::date AS day, avg(wait_seconds) AS wait_mean FROM facts GROUP BY 1;
        COMMENT ON TABLE facts IS 'One row per ticket.';
        COMMENT ON COLUMN facts.id IS 'The ticket|s id.';
        COMMENT ON COLUMN facts.opened_at IS 'When it was opened.';
        COMMENT ON COLUMN facts.wait_seconds IS 'How long it waited.';
        COMMENT ON VIEW days IS 'By day.';
        COMMENT ON COLUMN days.day IS 'The day.';
        COMMENT ON COLUMN days.wait_mean IS 'Mean wait in seconds.';
        """,
    )

    page = tables_page.tables_page(database)

    assert "### sample.facts\n\nA table. One row per ticket." in page
    assert "| `id` | uuid | - | never | The ticket\\|s id. |" in page
    assert "| `opened_at` | timestamp with time zone | instant | possible | When it was opened. |" in page
    assert "| `wait_seconds` | double precision | seconds | never | How long it waited. |" in page
    assert "### sample.days\n\nA view. By day." in page
    assert "| `wait_mean` | double precision | seconds | see its sources | Mean wait in seconds. |" in page


FUNCTION = """
CREATE TABLE facts (id uuid PRIMARY KEY, opened_at timestamptz);
COMMENT ON TABLE facts IS 'One row per ticket.';
COMMENT ON COLUMN facts.id IS 'The ticket.';
COMMENT ON COLUMN facts.opened_at IS 'When it was opened.';
CREATE FUNCTION since(first date, zone text DEFAULT 'UTC') RETURNS TABLE (id uuid, wait double precision)
LANGUAGE sql BEGIN ATOMIC SELECT NULL::uuid, 1.0::double precision; END;
"""


def test_every_function_is_described_with_arguments_and_result(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    use(
        monkeypatch,
        FUNCTION
        + "COMMENT ON FUNCTION since IS 'Tickets since a day.\nfirst: the first one\nwait: Its wait in seconds.'",
    )

    page = tables_page.tables_page(database)

    assert "### sample.since()\n\nA function. Tickets since a day.\n" in page
    assert "`sample.since(first date, zone text DEFAULT 'UTC'::text)`\n\n* `first`: the first one\n" in page
    assert "| `id` | uuid | - | The ticket. |" in page
    assert "| `wait` | double precision | seconds | Its wait in seconds. |" in page


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("CREATE TABLE bare (id int); COMMENT ON COLUMN bare.id IS 'Id.'", "table sample.bare has no comment"),
        ("CREATE TABLE bare (id int); COMMENT ON TABLE bare IS 'Bare.'", "column sample.bare.id has no comment"),
        (
            "CREATE TABLE bare (wait float8); COMMENT ON TABLE bare IS 'Bare.'; COMMENT ON COLUMN bare.wait IS 'Wait.'",
            "column bare.wait is a measure without a unit",
        ),
        (FUNCTION, "function sample.since has no comment"),
        (FUNCTION + "COMMENT ON FUNCTION since IS 'Tickets.'", "column sample.since.wait has no comment"),
        ("CREATE TABLE bare (id nonsense)", "the SQL of sample fails on PostgreSQL"),
    ],
)
def test_what_nobody_described_is_an_error(
    database: str, monkeypatch: pytest.MonkeyPatch, script: str, problem: str
) -> None:
    use(monkeypatch, script)

    with pytest.raises(SchemaError, match=problem):
        tables_page.tables_page(database)


def test_the_data_base_is_left_as_it_was(database: str) -> None:
    tables_page.tables_page(database)

    with psycopg.connect(database) as connection:
        left = connection.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'reference%'").fetchall()
    assert left == []


@pytest.mark.slow
def test_a_server_of_its_own_gives_the_same_page(database: str) -> None:
    assert tables_page.tables_page() == tables_page.tables_page(database)

"""From the former release to this one and back, under constant writes: docs/operations.md says how."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from projections.verify import verify
from tests.crash.processes import Kept
from tests.crash.proof import assert_log_is_whole, assert_told_is_recorded, rows_of, told
from tests.deploy.releases import Site, former_release
from tests.support.kafka import Kafka
from tests.support.shared import REPOSITORY
from ticketcore import TicketCore
from ticketcore.ids import Kind, aggregate_id, parse_number
from ticketcore.store.codec import Codec
from ticketcore.store.migrate import migrations_in

pytestmark = [pytest.mark.slow, pytest.mark.servers]

NEW = REPOSITORY
WHERE = """
import sys
from importlib.metadata import entry_points
import projections, ticketcore, workers
points = [point.load() for point in entry_points(group="ticketcore.read_models")]
modules = [sys.modules[point.__module__] for point in points] + [projections, ticketcore, workers]
print(*(module.__file__ for module in modules), sep="\\n")
"""


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return former_release(tmp_path_factory.mktemp("former"))


@pytest.fixture
def site(database: str, kafka: Kafka, tmp_path: Path) -> Iterator[Site]:
    found = Site(tmp_path, database, kafka.bootstrap, kafka.topic_name())
    yield found
    found.clear_away()


def test_each_release_runs_its_own_code(site: Site, old: Path) -> None:
    for release in (old, NEW):
        files = site.run(release, "-c", WHERE).split()
        assert len(files) > 4
        assert all(file.startswith(f"{release}/") for file in files), files


def test_an_upgrade_under_writes_loses_nothing_and_so_does_the_way_back(site: Site, old: Path) -> None:
    site.cli(old, "db", "migrate")
    site.cli(old, "keys", "init")
    writers = [site.writer(old, f"writer{n}") for n in range(2)]
    relays = [site.worker(old, f"relay{n}-old", "relay") for n in range(2)]
    projectors = [site.worker(old, f"projector{n}-old", "project") for n in range(2)]
    site.goes_on()

    site.cli(NEW, "db", "migrate")
    site.goes_on()  # the old ones run on with the new tables
    relays = one_by_one(site, relays, NEW, "relay")
    projectors = one_by_one(site, projectors, NEW, "project")
    for n, writer in enumerate(writers):
        site.kill(writer)
        writers[n] = site.writer(NEW, f"writer{n}")
        site.goes_on()
    site.cli(NEW, "rebuild", "--all", "--quiet")
    site.goes_on()
    nothing_is_lost(site)

    for n in range(2):
        site.writer(NEW, f"writer{n}")
    site.goes_on()
    site.end_writers()
    site.caught_up()
    site.end(*relays, *projectors)
    undo_migrations(site.dsn, old)
    for n in range(2):
        site.writer(old, f"writer{n}")
    relays = [site.worker(old, f"relay{n}-again", "relay") for n in range(2)]
    projectors = [site.worker(old, f"projector{n}-again", "project") for n in range(2)]
    site.goes_on()
    site.end_writers()
    site.caught_up()
    site.end(*relays, *projectors)
    site.cli(old, "verify")
    site.topic_is_whole()

    site.cli(NEW, "db", "migrate")  # and forward once more
    projectors = [site.worker(NEW, "relay-last", "relay"), site.worker(NEW, "projector-last", "project")]
    site.writer(NEW, "writer0")
    site.writer(NEW, "writer1")
    site.goes_on()
    nothing_is_lost(site)
    site.end(*projectors)


def one_by_one(site: Site, before: list[Kept], release: Path, work: str) -> list[Kept]:
    """Start a new one beside each, end the old one, and see that what is written goes on its way."""
    fresh = []
    for kept in before:
        fresh.append(site.worker(release, kept.name.replace("old", "new"), work))
        site.goes_on()
        site.end(kept)
        site.goes_on()
    return fresh


def nothing_is_lost(site: Site) -> None:
    """End the writers; what they were told is in the log once, the topic is whole, the read models say what it says."""
    site.end_writers()
    site.caught_up()
    said = told(site.folder)
    rows, receipts = rows_of(site.dsn)
    assert_log_is_whole(rows, receipts)
    ids = {
        a.number: aggregate_id(parse_number(a.number, Kind.TICKET if a.number[0] == "T" else Kind.CUSTOMER), "main")
        for a in said.answers.values()
        if a.number
    }
    assert_told_is_recorded(said, rows, receipts, ids)
    site.topic_is_whole()
    with closing(TicketCore.open(site.settings)) as core:
        found = verify(site.dsn, core.log, Codec().decode)
    assert (found.different, found.differences, sum(found.parked.values())) == (0, [], 0)
    assert sum(found.rows.values()) > 0


def undo_migrations(dsn: str, release: Path) -> None:
    """Do what docs/operations.md asks for before *release* is started again: each newer file's undo, newest first."""
    with psycopg.connect(dsn) as connection:
        for component in ("log", "keys"):
            folder = Path("ticketcore/store/sql") / component
            known = len(migrations_in(release / folder))
            for migration in reversed(migrations_in(NEW / folder)[known:]):
                connection.execute(undo_of(NEW / folder / f"{migration}.sql").encode())
            connection.execute(
                "DELETE FROM ticketcore_migrations WHERE component = %s AND number > %s", [component, known]
            )
        connection.execute("DELETE FROM read_meta.models WHERE role = 'prev'")


def undo_of(file: Path) -> str:
    """Return the statements of the comment ``-- Undo:``, which may go on over several lines of comment."""
    found = re.search(r"^-- (?:.* )?Undo: (.*(?:\n--  +.*)*)", file.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{file.name} does not say how it is undone"
    return re.sub(r"\n--\s+", "\n", found[1])

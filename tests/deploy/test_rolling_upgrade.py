"""From the former release to this one and back, under constant writes: docs/operations.md says how."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from projections.verify import verify
from tests.crash.processes import Kept
from tests.crash.proof import assert_log_is_whole, assert_told_is_recorded, rows_of, told
from tests.deploy.releases import BOTH, Site, former_release
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
    projectors = projectors_of(site, old, "old")
    site.goes_on()

    site.cli(NEW, "db", "migrate")
    site.goes_on()  # the old ones run on with the new tables
    relays = one_by_one(site, relays, NEW, "relay")
    changed = rebuilt_where_due(site)
    assert changed  # else nothing below shows what such a change asks for
    assert not changed.issuperset(BOTH)
    projectors = replaced(site, projectors, changed)
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
    site.cli(old, "rebuild", *sorted(changed), "--quiet")
    for n in range(2):
        site.writer(old, f"writer{n}")
    relays = [site.worker(old, f"relay{n}-again", "relay") for n in range(2)]
    projectors = projectors_of(site, old, "again")
    site.goes_on()
    site.end_writers()
    site.caught_up()
    site.end(*relays, *projectors)
    site.cli(old, "verify")
    site.topic_is_whole()

    site.cli(NEW, "db", "migrate")  # and forward once more
    last = [site.worker(NEW, "relay-last", "relay")]
    assert rebuilt_where_due(site) == changed
    last.append(site.worker(NEW, "projector-last", "project"))
    site.writer(NEW, "writer0")
    site.writer(NEW, "writer1")
    site.goes_on()
    nothing_is_lost(site)
    site.end(*last)


def projectors_of(site: Site, release: Path, name: str) -> list[Kept]:
    """Start two projectors of each read model that both releases know, as the Compose file does."""
    return [site.worker(release, f"{model}{n}-{name}", "project", model) for model in BOTH for n in range(2)]


def rebuilt_where_due(site: Site) -> set[str]:
    """Rebuild what the new release's status names, and return the read models whose version changed by it."""
    before = site.versions()
    due = json.loads(site.cli(NEW, "status", "--json"))["rebuild_due"]
    if due:
        site.cli(NEW, "rebuild", *due, "--quiet")
    assert json.loads(site.cli(NEW, "status", "--json"))["rebuild_due"] == []
    return {model for model, version in site.versions().items() if before[model] != version}


def replaced(site: Site, before: list[Kept], changed: set[str]) -> list[Kept]:
    """Start new projectors: where the version changed in the place of the old ones, which end; else one by one."""
    ended = [kept for kept in before if model_of(kept) in changed]
    for kept in ended:
        site.ends_for_the_version(kept)
    fresh = [site.worker(NEW, kept.name.replace("old", "new"), "project", model_of(kept)) for kept in ended]
    site.goes_on()
    for model in sorted(set(BOTH) - changed):
        fresh += one_by_one(site, [kept for kept in before if model_of(kept) == model], NEW, "project", model)
    return [*fresh, site.worker(NEW, "intake0-new", "project", "intake")]  # which the old release knows nothing of


def model_of(projector: Kept) -> str:
    return re.split(r"\d", projector.name)[0]


def one_by_one(site: Site, before: list[Kept], release: Path, *work: str) -> list[Kept]:
    """Start a new one beside each, end the old one, and see that what is written goes on its way."""
    fresh = []
    for kept in before:
        fresh.append(site.worker(release, kept.name.replace("old", "new"), *work))
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

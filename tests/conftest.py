"""Fixtures that all tests share: real PostgreSQL data bases, and how hard hypothesis tries."""

import gc
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import hypothesis
import pytest

from tests.support import in_ci, unavailable
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres, find_binaries
from ticketcore.embedded import EmbeddedUnavailable
from ticketcore.embedded_system import binaries_version
from workers.kafka.broker import find as find_broker
from workers.kafka.errors import BrokerUnavailable

hypothesis.settings.register_profile("dev", max_examples=30, deadline=None)
hypothesis.settings.register_profile("ci", max_examples=200, deadline=None, print_blob=True)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE") or ("ci" if in_ci() else "dev"))


def pytest_report_header() -> list[str]:
    try:
        folder, source = find_binaries()
        postgres = f"PostgreSQL for tests: version {binaries_version(folder)} from {source}"
    except (EmbeddedUnavailable, OSError) as error:
        postgres = f"PostgreSQL for tests: none ({error})"
    try:
        kafka = f"Kafka for tests: {find_broker(Path(tempfile.gettempdir())).source}"
    except BrokerUnavailable as error:
        kafka = f"Kafka for tests: none ({error})"
    return [postgres, kafka]


CLIENTS = tuple(Path(__file__).parent / folder for folder in ("kafka", "workers"))
"""Folders of tests that use Kafka's client."""


def _uses_the_client(path: Path) -> bool:
    return any(folder in path.parents for folder in CLIENTS)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _uses_the_client(item.path):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(autouse=True)
def _sockets_of_refused_connections(request: pytest.FixtureRequest) -> Iterator[None]:
    """The client leaves the socket of a refused connection to the collector: collected here, not in a later test."""
    yield
    if _uses_the_client(request.path):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One server for the session, or for each xdist worker."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(Postgres())
        except (EmbeddedUnavailable, OSError) as error:
            unavailable(f"no PostgreSQL can be started: {error}")
        yield server


@pytest.fixture
def database(postgres: Postgres) -> Iterator[str]:
    """The DSN of a fresh empty data base, dropped afterwards; its owner is no superuser."""
    dsn = postgres.create_database()
    yield dsn
    postgres.drop(dsn)


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """One broker for the session, or for each xdist worker; tests use topics of their own."""
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(Kafka())
        except (BrokerUnavailable, OSError) as error:
            unavailable(f"no Kafka can be started: {error}")
        yield broker

"""A copy of the repository's schemas that a test may spoil, and events that it may change."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from ticketcore.domain.base import EVENT_CLASSES
from workers.schemas.check import check

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The folder of a copy of schemas/ and docs/events.md, in no git repository."""
    shutil.copytree(REPOSITORY / "schemas", tmp_path / "schemas")
    (tmp_path / "docs").mkdir()
    shutil.copy(REPOSITORY / "docs" / "events.md", tmp_path / "docs")
    return tmp_path


@pytest.fixture
def changing(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Call it with a topic before defining another class for it; the library's own is back after the test."""

    def prepare(topic: str) -> None:
        monkeypatch.setitem(EVENT_CLASSES, topic, EVENT_CLASSES[topic])

    return prepare


@pytest.fixture
def found(copy: Path) -> Callable[[], list[str]]:
    """Check the copy, without the tables' page, and return what is wrong."""
    return lambda: [str(problem) for problem in check(copy, with_tables=False)]

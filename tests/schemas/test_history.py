"""Removing a published schema and generating it anew is found by git's history."""

import json
import subprocess
from pathlib import Path

import pytest

from workers.schemas.catalogue import SchemaError
from workers.schemas.check import check
from workers.schemas.history import default_bases, history_problems

SCHEMA, EXAMPLE = "schemas/events/ticket.held/v1.json", "schemas/examples/ticket.held/v1.json"


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.org", "-c", "core.hooksPath=/dev/null"]
    subprocess.run(["git", "-C", str(folder), *identity, *arguments], check=True, capture_output=True)


@pytest.fixture
def published(copy: Path) -> Path:
    """The copy, committed and tagged as a release, with a later commit."""
    git(copy, "init", "-q")
    git(copy, "add", ".")
    git(copy, "commit", "-q", "-m", "First")
    git(copy, "tag", "v1.0.0")
    git(copy, "commit", "-q", "--allow-empty", "-m", "Second")
    return copy


def found(root: Path) -> list[str]:
    return [str(problem) for problem in history_problems(root, default_bases(root))]


def test_the_last_commit_and_the_newest_release_count_as_published(published: Path) -> None:
    assert default_bases(published) == ["HEAD", "v1.0.0"]
    assert check(published, with_tables=False) == []


def test_outside_of_a_repository_there_is_no_history(copy: Path) -> None:
    assert default_bases(copy) == []


def test_a_published_schema_that_was_changed_and_committed_is_found(published: Path) -> None:
    schema = json.loads((published / SCHEMA).read_text("utf-8"))
    schema["properties"]["reason"]["maxLength"] = 100
    (published / SCHEMA).write_text(json.dumps(schema), "utf-8")
    git(published, "commit", "-q", "-a", "-m", "Third")

    problem = f"{SCHEMA}: reason.maxLength was 200 and is 100 since v1.0.0"
    assert found(published) == [f"{problem} (a new class_version is needed; git checkout v1.0.0 -- {SCHEMA})"]


def test_new_words_in_a_published_schema_are_fine(published: Path) -> None:
    schema = json.loads((published / SCHEMA).read_text("utf-8"))
    schema["description"] = "The ticket rests."
    (published / SCHEMA).write_text(json.dumps(schema), "utf-8")

    assert found(published) == []


def test_a_published_example_never_changes(published: Path) -> None:
    example = json.loads((published / EXAMPLE).read_text("utf-8"))
    example["reason"] = "the forwarder's answer"
    (published / EXAMPLE).write_text(json.dumps(example), "utf-8")
    (published / SCHEMA).unlink()

    assert found(published) == [
        f"{SCHEMA}: is gone since HEAD (git checkout HEAD -- {SCHEMA})",
        f"{EXAMPLE}: was changed since HEAD; a stored example never changes (git checkout HEAD -- {EXAMPLE})",
        f"{SCHEMA}: is gone since v1.0.0 (git checkout v1.0.0 -- {SCHEMA})",
        f"{EXAMPLE}: was changed since v1.0.0; a stored example never changes (git checkout v1.0.0 -- {EXAMPLE})",
    ]


def test_an_unknown_revision_is_an_error(published: Path) -> None:
    with pytest.raises(SchemaError, match="git knows no revision 'origin/main' here"):
        check(published, with_tables=False, against=["origin/main"])

"""The repository's own schemas."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

from tests.schemas.conftest import REPOSITORY
from ticketcore.domain.base import known_topics
from workers.schemas.catalogue import example_path, newest, schema_path, stored_versions
from workers.schemas.check import check
from workers.schemas.checks import validation_errors
from workers.schemas.files import generate
from workers.schemas.stored import decode, encode

SCHEMAS = REPOSITORY / "schemas"
VERSIONS = list(stored_versions(SCHEMAS))


@pytest.mark.servers
def test_the_repository_is_in_order(database: str) -> None:
    assert check(REPOSITORY, database) == []


@pytest.mark.servers
def test_generating_into_an_empty_folder_gives_the_same_files(tmp_path: Path, database: str) -> None:
    (tmp_path / "schemas").mkdir()
    for topic, version in VERSIONS:
        if version < known_topics()[topic]:  # what former versions were, only the repository knows
            for path in (schema_path(topic, version), example_path(topic, version)):
                (tmp_path / "schemas" / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(SCHEMAS / path, tmp_path / "schemas" / path)

    written = generate(tmp_path, database)

    assert len(written) == 2 * len(newest()) + 4
    for path in written:
        if "/examples/" not in path:
            assert (tmp_path / path).read_text("utf-8") == (REPOSITORY / path).read_text("utf-8"), path
    assert generate(tmp_path, database) == []


def test_every_event_has_a_schema_and_an_example() -> None:
    expected = {(topic, known_topics()[topic]) for topic in newest()}

    assert expected <= set(VERSIONS)
    assert len(expected) >= 40


@pytest.mark.parametrize(("topic", "version"), VERSIONS)
def test_every_example_loads_and_fits_its_schema(topic: str, version: int) -> None:
    value = json.loads((SCHEMAS / example_path(topic, version)).read_text("utf-8"))
    schema = json.loads((SCHEMAS / schema_path(topic, version)).read_text("utf-8"))

    event = decode(topic, value)

    assert validation_errors(schema)(value) == []
    assert set(value) - {"class_version"} == set(schema["properties"]) - {"class_version"}  # every field is filled
    assert topic == event.TOPIC
    assert all(getattr(event, name) is None for name in event.PERSONAL)
    if version == known_topics()[topic]:
        assert encode(event) == value


def test_no_schema_holds_a_personal_field_in_the_clear() -> None:
    for topic, version in VERSIONS:
        schema = json.loads((SCHEMAS / schema_path(topic, version)).read_text("utf-8"))
        assert not set(schema["x-personal"]) & set(schema["properties"]), topic
        assert ("sealed" in schema["properties"]) == bool(schema["x-personal"]), topic
        inside = set(schema["$defs"].get("Personal", {}).get("properties", {})) - {"class_version"}
        assert set(schema["x-personal"]) == inside, topic


def test_the_index_lists_every_file() -> None:
    index = json.loads((SCHEMAS / "index.json").read_text("utf-8"))

    listed = {
        SCHEMAS / v[kind] for t in index["topics"].values() for v in t["versions"] for kind in ("schema", "example")
    }

    assert listed == set(SCHEMAS.glob("events/*/*")) | set(SCHEMAS.glob("examples/*/*"))


def test_the_asyncapi_document_refers_only_to_what_is_there() -> None:
    document = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text("utf-8"))
    references = list(_references(document))

    assert document["asyncapi"] == "3.0.0"
    for reference in references:
        if reference.startswith("#/"):
            assert _resolve(document, reference) is not None, reference
        else:
            assert (SCHEMAS / reference).is_file(), reference
    messages = document["components"]["messages"]
    assert {(m["name"], int(key.rpartition(".v")[2])) for key, m in messages.items()} == set(VERSIONS)
    assert len([reference for reference in references if reference.startswith("./events/")]) == len(VERSIONS)


def test_the_headers_of_a_message_are_checked_by_the_asyncapi_document() -> None:
    document = yaml.safe_load((SCHEMAS / "asyncapi.yaml").read_text("utf-8"))
    schema = {
        "components": document["components"],
        **document["components"]["messages"]["ticket.rated.v1"]["headers"],
    }
    headers = {
        "ce_specversion": "1.0",
        "ce_id": "42",
        "ce_type": "ticket.rated",
        "ce_source": "urn:ticketcore:log:main",
        "ce_subject": "T-2026-000042-6",
        "ce_time": "2026-03-04T09:30:15Z",
        "ce_dataschema": "urn:ticketcore:event:ticket.rated:v1",
        "ce_sequence": "42",
        "ce_previous": "0",
        "content-type": "application/json",
    }
    errors = validation_errors(schema)

    assert errors(headers) == []
    assert errors({**headers, "ce_type": "ticket.closed"}) == ["$.ce_type: 'ticket.rated' was expected"]
    assert errors({**headers, "ce_sequence": "0"}) != []
    assert errors({**headers, "ce_time": "2026-03-04T09:30:15"}) != []  # without a zone
    for name in headers:
        assert errors({key: value for key, value in headers.items() if key != name}) != [], name


def test_the_page_of_events_names_every_event_and_marks_personal_fields() -> None:
    page = (REPOSITORY / "docs" / "events.md").read_text("utf-8")

    for topic, event in newest().items():
        section = page.partition(f"\n### {topic}\n")[2].partition("\n### ")[0]
        assert section, topic
        for name in event.PERSONAL:
            assert f"`{name}` (sealed)" in section, (topic, name)
    assert "```mermaid\nstateDiagram-v2\n    [*] --> new: opened" in page


def _references(node: object) -> list[str]:
    if isinstance(node, dict):
        own = [node["$ref"]] if "$ref" in node else []
        return own + [found for part in node.values() for found in _references(part)]
    return [found for part in node for found in _references(part)] if isinstance(node, list) else []


def _resolve(document: object, reference: str) -> object:
    for name in reference.removeprefix("#/").split("/"):
        assert isinstance(document, dict), reference
        document = document.get(name)
    return document

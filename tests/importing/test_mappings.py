"""A mapping file is read as a whole, or refused with the line and column of its mistake."""

import re
from pathlib import Path

import pytest

from tests.support.shared import REPOSITORY
from ticketcore.domain.types import Status
from ticketcore.importing.errors import BadMapping
from ticketcore.importing.mapping import (
    EVENTS,
    ActivitiesMapping,
    Activity,
    FileFormat,
    Mapped,
    RecordsMapping,
    Requester,
    SlaColumn,
    Stated,
    columns_of,
)
from ticketcore.importing.mapping_files import load_mapping, parse_mapping, shipped_mappings

RECORDS = """\
rows: records
system: demo
case: id
time: changed
state:
  column: state
  values:
    New: new
    Done: solved
"""
ACTIVITIES = """\
rows: activities
system: demo
case: id
time: at
activity: what
activities:
  Open: opened
  Answer:
    event: commented
    body: text
"""


def refused(text: str) -> BadMapping:
    with pytest.raises(BadMapping) as caught:
        parse_mapping(text, "demo.yaml")
    return caught.value


def test_the_shipped_mappings_are_valid() -> None:
    assert shipped_mappings() == ["activities_example", "incident_log"]
    assert isinstance(load_mapping("incident_log").mapping, RecordsMapping)
    assert isinstance(load_mapping("activities_example").mapping, ActivitiesMapping)


def test_a_mapping_names_its_columns_and_where() -> None:
    assert columns_of(parse_mapping(RECORDS).mapping) == {"id": "case", "changed": "time", "state": "state.column"}
    assert columns_of(parse_mapping(ACTIVITIES).mapping)["text"] == "activities.Answer.body.column"


def test_every_scalar_is_text_so_that_yaml_guesses_nothing() -> None:
    mapping = parse_mapping(RECORDS.replace("New: new", "no: new\n    -100: keep\n    1.0: open")).mapping
    assert isinstance(mapping, RecordsMapping)
    assert list(mapping.state.values) == ["no", "-100", "1.0", "Done"]


def test_keep_is_no_status() -> None:
    mapping = parse_mapping(RECORDS.replace("New: new", "New: keep")).mapping
    assert isinstance(mapping, RecordsMapping)
    assert [step.status for step in mapping.state.values.values()] == [None, Status.SOLVED]


def test_comments_and_layout_do_not_change_the_digest() -> None:
    assert parse_mapping(RECORDS).digest == parse_mapping("# a comment\n" + RECORDS.replace("  ", "    ")).digest
    assert parse_mapping(RECORDS).digest != parse_mapping(RECORDS.replace("Done: solved", "Done: closed")).digest


@pytest.mark.parametrize(
    ("text", "line", "column", "message"),
    [
        (RECORDS.replace("Done: solved", "Done: sovled"), 9, 11, "'sovled' is unknown, expected 'new', 'open'"),
        (RECORDS + "chanel: x\n", 10, 9, "no such key, expected one that is described"),
        (RECORDS.replace("time: changed\n", ""), 1, 1, "this key is missing, expected it here"),
        (RECORDS.replace("system: demo", "system: a b"), 2, 9, "(got 'a b')"),
        (RECORDS + "case: other\n", 10, 1, "stands twice, expected each key once"),
        (RECORDS + "team: {column: a, const: b}\n", 10, 1, "both or none of `column` and `const`"),
        (RECORDS + "file: {encoding: utf-99}\n", 10, 1, "encoding 'utf-99' is unknown"),
        (RECORDS + "file: {times: [soon]}\n", 10, 1, "times has 'soon', expected iso8601"),
        (RECORDS.replace("records", "columns"), 1, 7, "rows is 'columns', expected 'records' or 'activities'"),
        (RECORDS.replace("rows: records\n", ""), 1, 1, "rows is None, expected 'records' or 'activities'"),
        (
            ACTIVITIES.replace("body: text", "team: x"),
            8,
            3,
            "commented takes no `team`, expected of its fields: author",
        ),
        (ACTIVITIES.replace("Open: opened", "Open: rated"), 7, 9, "rated needs `score`"),
        (ACTIVITIES.replace("Open: opened", "Open: opnd"), 7, 9, "'opnd' is unknown, expected 'opened'"),
        ("rows: [", 1, 8, "no YAML"),
        ("- a", 1, 1, "empty or no table of keys"),
        ("", 1, 1, "empty or no table of keys"),
    ],
)
def test_a_mistake_is_named_with_line_and_column(text: str, line: int, column: int, message: str) -> None:
    error = refused(text)
    assert message in str(error)
    assert (error.line, error.column) == (line, column)
    assert str(error).startswith(f"mapping demo.yaml, line {line}, column {column}")


def test_more_mistakes_are_counted() -> None:
    assert "; 1 more mistakes follow" in str(refused(RECORDS + "a: 1\nb: 2\n"))


def test_a_name_that_is_no_mapping_lists_the_shipped_ones() -> None:
    with pytest.raises(BadMapping, match="expected a path or one of activities_example, incident_log"):
        load_mapping("incidents")


def test_a_file_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_bytes(b"rows: \xff")
    with pytest.raises(BadMapping, match="not UTF-8 at byte 6"):
        load_mapping(tmp_path / "m.yaml")


def test_the_reference_describes_every_key() -> None:
    reference = (REPOSITORY / "docs" / "import.md").read_text(encoding="utf-8")
    for model in (RecordsMapping, ActivitiesMapping, FileFormat, Mapped, Requester, SlaColumn, Stated, Activity):
        for key in model.model_fields:
            assert re.search(rf"\b{key}\b", reference), f"{model.__name__}.{key}"
    for event in EVENTS:
        assert f"`{event}`" in reference

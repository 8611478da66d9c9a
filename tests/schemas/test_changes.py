"""What may change and what may not: each kind of change is named, with the way out."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field

from ticketcore.domain.base import EVENT_CLASSES
from ticketcore.domain.ticket_events import PersonalText, TicketEvent
from ticketcore.domain.types import Direction, Label
from workers.schemas.catalogue import SchemaError
from workers.schemas.files import generate
from workers.schemas.shapes import differences

Edit = Callable[[dict[str, Any]], object]
REMEDY = "(give Commented class_version 3 and upcast_v2_v3, or take the change back)"
COMMENTED = "schemas/events/ticket.commented/v2.json"
EXAMPLE = "schemas/examples/ticket.commented/v2.json"


def edit(path: Path, change: Edit) -> None:
    content = json.loads(path.read_text("utf-8"))
    change(content)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")


def test_an_untouched_copy_is_in_order(found: Callable[[], list[str]]) -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda s: s["properties"].update(mood={"type": "string"}), "mood was removed or renamed"),
        (lambda s: s["properties"].pop("language"), "language is new"),
        (lambda s: s["required"].remove("channel"), "channel became required"),
        (lambda s: s["required"].append("language"), "language is no longer required"),
        (lambda s: s["properties"]["language"].update(maxLength=500), "language.maxLength was 500 and is 200"),
        (lambda s: s["properties"]["body_blob"].update(type="number"), "body_blob.type was 'number' and is 'integer'"),
        (lambda s: s["$defs"]["Channel"]["enum"].append("fax"), "$defs.Channel no longer allows 'fax'"),
        (lambda s: s["$defs"]["Channel"]["enum"].remove("chat"), "$defs.Channel newly allows 'chat'"),
        (lambda s: s["properties"]["blobs"].pop("default"), "the default of blobs was none and is []"),
        (lambda s: s["x-personal"].remove("body"), "body became personal (sealed)"),
        (lambda s: s["x-personal"].append("language"), "language is no longer personal (became plain)"),
        (lambda s: s["$defs"]["Meta"]["required"].remove("actor"), "$defs.Meta.actor became required"),
        (lambda s: s["$defs"]["Personal"]["properties"].pop("body"), "$defs.Personal.body is new"),
        (lambda s: s.update(additionalProperties=True), "additionalProperties was True and is False"),
    ],
)
def test_a_change_of_the_shape_needs_a_new_version(
    copy: Path, found: Callable[[], list[str]], change: Edit, problem: str
) -> None:
    edit(copy / COMMENTED, change)
    before = (copy / COMMENTED).read_text("utf-8")

    assert f"{COMMENTED}: {problem} {REMEDY}" in found()
    with pytest.raises(SchemaError, match="nothing was written"):
        generate(copy, with_tables=False)
    assert (copy / COMMENTED).read_text("utf-8") == before


def test_words_may_change_and_are_generated_anew(copy: Path, found: Callable[[], list[str]]) -> None:
    edit(copy / COMMENTED, lambda s: s.update(description="Something was said."))

    assert [problem.partition(": ")[0] for problem in found()] == [COMMENTED]
    assert "Something was said" in found()[0]
    assert "(run `ticketcore schemas generate`)" in found()[0]
    assert generate(copy, with_tables=False) == [COMMENTED]
    assert found() == []


@pytest.mark.parametrize("path", ["schemas/asyncapi.yaml", "schemas/index.json", "docs/events.md"])
def test_drift_of_a_generated_page_is_found_and_mended(copy: Path, found: Callable[[], list[str]], path: str) -> None:
    text = (copy / path).read_text("utf-8")
    (copy / path).write_text(text.replace("ticket.rated", "ticket.graded"), "utf-8")
    assert [problem.partition(": ")[0] for problem in found()] == [path]

    assert generate(copy, with_tables=False) == [path]

    assert (copy / path).read_text("utf-8") == text


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda e: e.pop("channel"), "does not fit its schema: $: 'channel' is a required property"),
        (lambda e: e.pop("channel"), "does not load: "),
        (lambda e: e.update(body="Hello"), "does not fit its schema: $: Additional properties are not allowed"),
        (lambda e: e["meta"].update(occurred_at="2026-03-04"), "does not fit its schema: $.meta.occurred_at:"),
        (lambda e: e["meta"].update(command_id="7"), "does not fit its schema: $.meta.command_id:"),
    ],
)
def test_a_spoilt_example_is_found_and_never_overwritten(
    copy: Path, found: Callable[[], list[str]], change: Edit, problem: str
) -> None:
    edit(copy / EXAMPLE, change)
    spoilt = (copy / EXAMPLE).read_text("utf-8")

    assert any(text.startswith(f"{EXAMPLE}: {problem}") for text in found())
    assert generate(copy, with_tables=False) == []
    assert (copy / EXAMPLE).read_text("utf-8") == spoilt


def test_a_missing_example_is_found_and_made(copy: Path, found: Callable[[], list[str]]) -> None:
    text = (copy / EXAMPLE).read_text("utf-8")
    (copy / EXAMPLE).unlink()
    assert found() == [f"{EXAMPLE}: is missing (run `ticketcore schemas generate`)"]

    assert generate(copy, with_tables=False) == [EXAMPLE]

    assert (copy / EXAMPLE).read_text("utf-8") == text


@pytest.mark.parametrize("path", [COMMENTED, EXAMPLE])
def test_a_file_that_is_no_json_is_named(copy: Path, found: Callable[[], list[str]], path: str) -> None:
    (copy / path).write_text("<<<<<<< HEAD\n", "utf-8")

    assert any(text.startswith(f"{path}: is no JSON") for text in found())


def test_a_new_field_in_a_class_is_found(
    copy: Path, found: Callable[[], list[str]], changing: Callable[[str], None]
) -> None:
    changing("ticket.rated")

    class Rated(TicketEvent):
        """The customer said how satisfied they are: 1 (bad) to 5 (good)."""

        __module__ = "ticketcore.domain.ticket_events"
        __qualname__ = "Rated"
        TOPIC: ClassVar[str] = "ticket.rated"
        score: Annotated[int, Field(ge=1, le=5)]
        remark: PersonalText = None
        language: Label | None = None

    where = "schemas/events/ticket.rated/v1.json"
    assert found()[0] == (
        f"{where}: language is new (give Rated class_version 2 and upcast_v1_v2, or take the change back)"
    )
    with pytest.raises(SchemaError, match="language is new"):
        generate(copy, with_tables=False)


def test_a_personal_field_that_became_plain_is_found(
    found: Callable[[], list[str]], changing: Callable[[str], None]
) -> None:
    changing("ticket.rated")

    class Rated(TicketEvent):
        """The customer said how satisfied they are: 1 (bad) to 5 (good)."""

        __module__ = "ticketcore.domain.ticket_events"
        __qualname__ = "Rated"
        TOPIC: ClassVar[str] = "ticket.rated"
        score: Annotated[int, Field(ge=1, le=5)]
        remark: Label | None = None

    assert any("remark is no longer personal (became plain)" in problem for problem in found())


def test_an_event_class_can_not_be_removed(
    copy: Path, found: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(EVENT_CLASSES, "ticket.rated")

    problem = "schemas/events/ticket.rated/v1.json: no event class has the topic 'ticket.rated'"
    assert any(text.startswith(problem) for text in found())
    with pytest.raises(SchemaError, match="no event class has the topic"):
        generate(copy, with_tables=False)


def test_versions_only_grow(copy: Path, found: Callable[[], list[str]]) -> None:
    (copy / COMMENTED).rename((copy / COMMENTED).with_name("v3.json"))

    assert any("the class is at version 2, expected 3 or above (versions only grow)" in problem for problem in found())


def test_a_changed_default_is_a_difference_and_an_order_is_none() -> None:
    stored = {"properties": {"a": {"default": Direction.INBOUND.value}}, "required": ["x", "y"]}
    now = {"required": ["y", "x"], "properties": {"a": {"default": "outbound"}}, "title": "New"}

    assert list(differences(stored, now)) == ["the default of a was 'inbound' and is 'outbound'"]

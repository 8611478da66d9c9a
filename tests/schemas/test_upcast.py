"""A class at version 2: the schema of version 1 stays, and what was stored under it loads."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, ClassVar

import pytest
from pydantic import Field

from ticketcore.domain.ticket_events import PersonalText, TicketEvent
from ticketcore.domain.types import Label
from ticketcore.errors import UnknownEvent
from workers.schemas.catalogue import SchemaError
from workers.schemas.files import generate
from workers.schemas.samples import sample
from workers.schemas.stored import decode, encode

V1, V2 = "schemas/events/ticket.rated/v1.json", "schemas/events/ticket.rated/v2.json"
EXAMPLE_V1, EXAMPLE_V2 = "schemas/examples/ticket.rated/v1.json", "schemas/examples/ticket.rated/v2.json"


@pytest.fixture
def rated(changing: Callable[[str], None]) -> type[TicketEvent]:
    """Version 2 of the rating: in tenths, with the language of the remark."""
    changing("ticket.rated")

    class Rated(TicketEvent):
        """The customer said how satisfied they are: 10 (bad) to 50 (good)."""

        __module__ = "ticketcore.domain.ticket_events"
        __qualname__ = "Rated"
        TOPIC: ClassVar[str] = "ticket.rated"
        class_version: ClassVar[int] = 2
        seconds: Annotated[int, Field(ge=10)]
        remark: PersonalText = None
        language: Label | None = None

        @staticmethod
        def upcast_v1_v2(state: dict[str, Any]) -> None:
            state["seconds"] = state.pop("score") * 10

    return Rated


@pytest.mark.usefixtures("rated")
def test_a_new_version_is_added_beside_the_old_one(copy: Path, found: Callable[[], list[str]]) -> None:
    old = {path: (copy / path).read_bytes() for path in (V1, EXAMPLE_V1)}
    assert f"{V2}: is missing (run `ticketcore schemas generate`)" in found()

    written = generate(copy, with_tables=False)

    assert written == ["docs/events.md", "schemas/asyncapi.yaml", V2, EXAMPLE_V2, "schemas/index.json"]
    assert {path: (copy / path).read_bytes() for path in (V1, EXAMPLE_V1)} == old
    schema = json.loads((copy / V2).read_text("utf-8"))
    assert schema["$id"] == "urn:ticketcore:event:ticket.rated:v2"
    assert schema["properties"]["class_version"]["const"] == 2
    assert "class_version" in schema["required"]
    assert schema["$defs"]["Personal"]["required"] == ["class_version"]
    assert "`class_version`" not in (copy / "docs/events.md").read_text("utf-8").partition("## Their fields")[2]
    assert "ticket.rated.v1" in (copy / "schemas/asyncapi.yaml").read_text("utf-8")
    assert found() == []


def test_an_example_of_version_1_loads_as_version_2(copy: Path, rated: type[TicketEvent]) -> None:
    value = json.loads((copy / EXAMPLE_V1).read_text("utf-8"))

    event = decode("ticket.rated", value)

    assert type(event) is rated
    assert event.model_dump()["seconds"] == 40
    assert event.meta.actor.id == value["meta"]["actor"]["id"]


def test_an_upcast_that_forgets_a_field_is_found(
    rated: type[TicketEvent], found: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rated, "upcast_v1_v2", staticmethod(lambda _: None))

    assert any(problem.startswith(f"{EXAMPLE_V1}: does not load: ") for problem in found())


@pytest.mark.usefixtures("rated")
def test_a_lost_schema_of_an_old_version_is_asked_for(copy: Path) -> None:
    (copy / V1).unlink()

    with pytest.raises(SchemaError, match=r"ticket.rated/v1.json is missing: .*restore it from the repository"):
        generate(copy, with_tables=False)


def test_an_old_reader_refuses_a_newer_version(rated: type[TicketEvent], monkeypatch: pytest.MonkeyPatch) -> None:
    value = encode(sample(rated))
    assert value["class_version"] == 2
    monkeypatch.undo()

    with pytest.raises(UnknownEvent, match=r"'ticket.rated' version 2"):
        decode("ticket.rated", value)

"""The JSON Schema of an event's stored form: the value of its Kafka message and its state in the log.

Stored, an event has its fields without ``originator_id`` and ``originator_version`` (the message's key and subject,
columns of the log); fields that have their default are left out; personal fields lie in ``sealed``; above version 1,
``class_version`` says which version it is. ``$defs/Personal`` is the shape of what ``sealed`` holds once opened.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, models_json_schema

from ticketcore.domain.base import Event
from workers.schemas.meanings import attributes, meaning, summary

__all__ = ["DIALECT", "event_schema", "urn"]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COLUMNS = ("originator_id", "originator_version")
_SEALED = ("sealed", "overflow")


def urn(topic: str, version: int) -> str:
    """Return the id of an event version's schema, as ``ce_dataschema`` states it."""
    return f"urn:ticketcore:event:{topic}:v{version}"


def event_schema(event: type[Event]) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of the stored form of *event*'s newest version.

    Raises:
        ConfigurationError: a field has no description.
    """
    _, whole = models_json_schema(
        [(event, "serialization")], schema_generator=_Untitled, ref_template="#/$defs/{model}"
    )
    definitions = dict(whole["$defs"])
    own = definitions.pop(event.__name__)
    for name, model in _models(event).items():
        definitions[name] = _described(definitions[name], model)
    stored: dict[str, Any] = {}
    personal: dict[str, Any] = {}
    for name, shape in own["properties"].items():
        if name in _COLUMNS or (name in _SEALED and not event.PERSONAL):
            continue
        target = personal if name in event.PERSONAL else stored
        target[name] = {**_without_null_default(shape), "description": meaning(event, name)}
    # What is sealed says its version too: it stays as it was written, and is upcast when it is opened.
    version = {"class_version": _version_property(event.class_version)} if event.class_version > 1 else {}
    stored = {**version, **stored}
    required = [*version, *(name for name in own["required"] if name in stored and name not in version)]
    schema = {
        "$schema": DIALECT,
        "$id": urn(event.TOPIC, event.class_version),
        "title": event.__name__,
        "description": summary(event),
        "type": "object",
        "properties": stored,
        "required": required,
        "additionalProperties": False,
        "x-personal": list(event.PERSONAL),
    }
    if personal:
        definitions["Personal"] = {
            "title": "Personal",
            "description": "What sealed holds once it is opened with the event's key, as JSON in UTF-8.",
            "type": "object",
            "properties": {**version, **personal},
            "required": [] if event.SINCE else list(version),  # content without newer fields is sealed as version 1
            "additionalProperties": False,
        }
    schema["$defs"] = _reachable(schema, definitions)
    return schema


class _Untitled(GenerateJsonSchema):
    """Without the titles that pydantic makes up from the fields' names."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def _version_property(version: int) -> dict[str, Any]:
    return {"const": version, "description": "Which version of the event type it is; absent in version 1."}


def _models(event: type[Event]) -> dict[str, type[BaseModel]]:
    """Return the value models that *event* may hold, by name."""
    found: dict[str, type[BaseModel]] = {}

    def visit(annotation: Any) -> None:
        is_model = isinstance(annotation, type) and issubclass(annotation, BaseModel)
        if is_model and annotation.__name__ not in found:
            found[annotation.__name__] = annotation
            for field in annotation.model_fields.values():
                visit(field.annotation)
        for part in getattr(annotation, "__args__", ()):
            visit(part)

    for field in event.model_fields.values():
        visit(field.annotation)
    return found


def _described(shape: dict[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    texts = attributes(model)
    properties = {
        name: {**_without_null_default(part), **({"description": texts[name]} if name in texts else {})}
        for name, part in shape["properties"].items()
    }
    return {**shape, "description": summary(model), "properties": properties}


def _without_null_default(shape: dict[str, Any]) -> dict[str, Any]:
    """Return *shape* without null where null is the default: the stored form leaves the field out then."""
    if "default" not in shape or shape["default"] is not None:
        return shape
    rest = {key: value for key, value in shape.items() if key != "default"}
    choices = [choice for choice in rest.get("anyOf", ()) if choice != {"type": "null"}]
    if len(choices) == 1:
        del rest["anyOf"]
        rest.update(choices[0])
    elif choices:
        rest["anyOf"] = choices
    return rest


def _reachable(schema: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """Return the definitions that *schema* refers to, in alphabetical order; ``Personal`` always."""
    wanted: set[str] = set()

    def visit(node: Any) -> None:
        if isinstance(node, dict):
            name = str(node.get("$ref", "")).removeprefix("#/$defs/")
            if name and name not in wanted:
                wanted.add(name)
                visit(definitions[name])
            for part in node.values():
                visit(part)
        elif isinstance(node, list):
            for part in node:
                visit(part)

    visit(schema)
    if "Personal" in definitions:
        wanted.add("Personal")
        visit(definitions["Personal"])
    return {name: definitions[name] for name in sorted(wanted)}

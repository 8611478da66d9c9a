"""The AsyncAPI document against the specification's own JSON Schema, which its makers publish as an npm package."""

import copy
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from tests.schemas.conftest import REPOSITORY
from tests.support import unavailable

VERSION = "6.11.1"
PACKAGE = f"@asyncapi/specs@{VERSION}"


def specification() -> Path:
    """Return the schema of AsyncAPI 3.0.0, fetched once into the user's cache folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    folder = (Path(base) if base else Path.home() / ".cache") / "ticketcore" / f"asyncapi-specs-{VERSION}"
    if not folder.exists():
        if shutil.which("npm") is None:
            unavailable("the schema of AsyncAPI can't be fetched: npm is not installed")
        folder.parent.mkdir(parents=True, exist_ok=True)
        fresh = Path(tempfile.mkdtemp(prefix="fetch-", dir=folder.parent))
        try:
            done = subprocess.run(
                ["npm", "pack", "--silent", PACKAGE], cwd=fresh,
                capture_output=True, text=True, check=False, timeout=300,
            )  # fmt: skip
            if done.returncode:
                unavailable(f"the schema of AsyncAPI can't be fetched: {done.stderr.strip()[-300:]}")
            with tarfile.open(fresh / done.stdout.strip()) as archive:
                archive.extract("package/schemas/3.0.0.json", fresh, filter="data")
            try:
                (fresh / "package").rename(folder)
            except OSError:  # another process was faster
                assert folder.exists()
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    return folder / "schemas" / "3.0.0.json"


@pytest.fixture(scope="module")
def problems() -> Callable[[Any], list[str]]:
    """A function that says where a document breaks the specification."""
    schema = json.loads(specification().read_text("utf-8"))
    jsonschema.Draft7Validator.check_schema(schema)
    validator = jsonschema.Draft7Validator(schema, format_checker=jsonschema.FormatChecker())
    return lambda document: [error.json_path for error in validator.iter_errors(document)]


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    """The document, with its references to itself resolved, since a validator takes any reference for right."""
    document = yaml.safe_load((REPOSITORY / "schemas" / "asyncapi.yaml").read_text("utf-8"))

    def resolved(node: Any) -> Any:
        if isinstance(node, dict):
            target = node.get("$ref", "")
            if target.startswith("#/components/messageBindings/"):
                return document["components"]["messageBindings"][target.rpartition("/")[2]]
            if target.startswith("#/components/schemas/"):
                return resolved(document["components"]["schemas"][target.rpartition("/")[2]])
            return {name: resolved(part) for name, part in node.items()}
        return [resolved(part) for part in node] if isinstance(node, list) else node

    found: dict[str, Any] = resolved(document)
    return found


def test_the_document_passes_its_own_schema(problems: Callable[[Any], list[str]]) -> None:
    document = yaml.safe_load((REPOSITORY / "schemas" / "asyncapi.yaml").read_text("utf-8"))
    assert problems(document) == []


def test_what_it_refers_to_passes_too(problems: Callable[[Any], list[str]], whole: dict[str, Any]) -> None:
    message = whole["components"]["messages"]["ticket.opened.v1"]
    assert message["bindings"]["kafka"]["key"]["format"] == "uuid"
    assert problems(whole) == []


MISTAKES: dict[str, tuple[tuple[str, ...], Any]] = {
    "another version": (("asyncapi",), "3.0"),
    "no title": (("info",), {"version": "1"}),
    "an unknown action": (("operations", "relayEvents", "action"), "publish"),
    "an unknown field of a message": (("components", "messages", "ticket.opened.v1", "contenttype"), "application/json"),
    "headers that are no schema": (("components", "messages", "ticket.opened.v1", "headers"), ["ce_id"]),
    "an unknown field of Kafka's binding": (("components", "messageBindings", "keyed", "kafka", "keys"), {}),
    "an unknown version of the binding": (("components", "messageBindings", "keyed", "kafka", "bindingVersion"), "9.9.9"),
    "a key that is no schema": (("components", "messageBindings", "keyed", "kafka", "key"), {"type": "text"}),
    "a topic's clean-up that there is not": (
        ("channels", "events", "bindings", "kafka", "topicConfiguration", "cleanup.policy"), ["keep"],
    ),
    "a parameter with a schema, as before 3.0": (("channels", "events", "parameters", "topic", "schema"), {"type": "string"}),
}  # fmt: skip


@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_document_fails(problems: Callable[[Any], list[str]], whole: dict[str, Any], name: str) -> None:
    path, value = MISTAKES[name]
    document = copy.deepcopy(whole)
    *parents, last = path
    part = document
    for step in parents:
        part = part[step]
    part[last] = value

    assert problems(document) != []


def test_a_reader_of_the_document_learns_how_the_topic_is_kept(whole: dict[str, Any]) -> None:
    from workers.kafka.topic import _CONFIGS

    said = whole["channels"]["events"]["bindings"]["kafka"]["topicConfiguration"]
    assert {name: ",".join(value) for name, value in said.items()} == _CONFIGS

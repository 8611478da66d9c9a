"""Reading mapping files: YAML in which every scalar is text, and errors that name line, column and key."""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import yaml
from pydantic import TypeAdapter, ValidationError

from ticketcore.importing.errors import BadMapping
from ticketcore.importing.mapping import ActivitiesMapping, Mapping, RecordsMapping

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

__all__ = ["LoadedMapping", "bad_mapping", "load_mapping", "parse_mapping", "read_yaml", "shipped_mappings"]

_SHAPES: dict[str, TypeAdapter[RecordsMapping] | TypeAdapter[ActivitiesMapping]] = {
    "records": TypeAdapter(RecordsMapping),
    "activities": TypeAdapter(ActivitiesMapping),
}


class LoadedMapping(NamedTuple):
    """A mapping with its name and the SHA-256 of what it says (comments and layout do not matter), hex."""

    name: str
    mapping: Mapping
    digest: str


def shipped_mappings() -> list[str]:
    """Return the names of the mappings that ship with the library."""
    folder = resources.files("ticketcore.importing") / "mappings"
    return sorted(item.name.removesuffix(".yaml") for item in folder.iterdir() if item.name.endswith(".yaml"))


def load_mapping(name_or_file: str | Path) -> LoadedMapping:
    """Return a mapping by the name of a shipped one, or by a file's path.

    Raises:
        BadMapping: there is no such mapping, or it is not valid.
    """
    name = str(name_or_file)
    if name in shipped_mappings():
        text = (resources.files("ticketcore.importing") / "mappings" / f"{name}.yaml").read_text(encoding="utf-8")
        return parse_mapping(text, name)
    try:
        text = Path(name_or_file).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        known = ", ".join(shipped_mappings())
        raise BadMapping(name, 1, 1, "", f"no such file or name, expected a path or one of {known}") from None
    except UnicodeDecodeError as error:
        raise BadMapping(name, 1, 1, "", f"not UTF-8 at byte {error.start}, expected a YAML file in UTF-8") from None
    except OSError as error:
        raise BadMapping(name, 1, 1, "", f"cannot be read: {error.strerror}, expected a readable YAML file") from error
    return parse_mapping(text, Path(name).name)


def parse_mapping(text: str, name: str = "mapping") -> LoadedMapping:
    """Return the mapping that *text* states.

    Raises:
        BadMapping: with the line and column of the first mistake.
    """
    root, data = read_yaml(text, name)
    shape = data.get("rows")
    if not isinstance(shape, str) or shape not in _SHAPES:
        at = _node_at(root, ("rows",))
        problem = f"rows is {shape!r}, expected 'records' or 'activities'"
        raise BadMapping(name, at.start_mark.line + 1, at.start_mark.column + 1, "rows", problem)
    try:
        mapping = _SHAPES[shape].validate_python(data)
    except ValidationError as error:
        raise bad_mapping(name, root, error) from None
    return LoadedMapping(name, mapping, hashlib.sha256(mapping.model_dump_json().encode()).hexdigest())


def read_yaml(text: str, name: str) -> tuple[yaml.MappingNode, dict[str, object]]:
    """Return what a mapping file says, every scalar as text, and its nodes, which know their lines.

    Raises:
        BadMapping: it is no YAML, or no table of keys.
    """
    try:
        root = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise BadMapping(name, line, column, "", f"no YAML: {error.problem}, expected valid YAML") from None
    except yaml.YAMLError as error:
        raise BadMapping(name, 1, 1, "", f"no YAML: {error}, expected valid YAML") from None
    if not isinstance(root, yaml.MappingNode):
        raise BadMapping(name, 1, 1, "", "empty or no table of keys, expected keys like `rows: records`")
    data = _build(root, name, ())
    assert isinstance(data, dict)  # noqa: S101 - a mapping node builds a dict
    return root, data


def _build(node: yaml.Node, name: str, path: tuple[str, ...]) -> object:
    if isinstance(node, yaml.MappingNode):
        found: dict[str, object] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise _at(name, key, path, "a key is no text, expected `key: value`")
            if key.value in found:
                raise _at(name, key, (*path, key.value), "stands twice, expected each key once")
            found[key.value] = _build(value, name, (*path, key.value))
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, name, (*path, str(number))) for number, item in enumerate(node.value)]
    return node.value


def _at(name: str, node: yaml.Node, path: Sequence[object], problem: str) -> BadMapping:
    mark = node.start_mark
    return BadMapping(name, mark.line + 1, mark.column + 1, ".".join(map(str, path)), problem)


def _node_at(node: yaml.Node, path: Sequence[int | str]) -> yaml.Node:
    """Return the node of *path*; for an unknown or missing key the nearest that there is."""
    for part in path:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if part not in pairs:
                return node
            key, node = pairs[part]
            if part == path[-1]:
                return key if not isinstance(node, yaml.ScalarNode) else node
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
    return node


def bad_mapping(name: str, root: yaml.Node, error: ValidationError) -> BadMapping:
    """Return the first mistake in a mapping file, by line and column, as ours."""
    details = error.errors(include_url=False)
    first = min(details, key=lambda detail: _place(_node_at(root, detail["loc"])))
    more = f"; {len(details) - 1} more mistakes follow" if len(details) > 1 else ""
    return _at(name, _node_at(root, first["loc"]), first["loc"], _problem(first) + more)


def _place(node: yaml.Node) -> tuple[int, int]:
    return node.start_mark.line, node.start_mark.column


def _problem(detail: ErrorDetails) -> str:
    match detail["type"]:
        case "extra_forbidden":
            return "no such key, expected one that is described"
        case "missing":
            return "this key is missing, expected it here"
        case "enum":
            return f"{detail['input']!r} is unknown, expected {detail['ctx']['expected']}"
        case "literal_error":
            return f"{detail['input']!r} is unknown, expected {detail['ctx']['expected']}"
        case _:
            got = detail["input"]
            shown = f" (got {got!r})" if isinstance(got, str) else ""
            return detail["msg"][:1].lower() + detail["msg"][1:] + shown

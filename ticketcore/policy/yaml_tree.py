"""A policy's YAML as plain data in which every scalar is text, with the place of every value.

So ``no`` and ``on`` are words, ``09:00`` is no number of minutes and ``1.10`` keeps its zero: what a value means is decided
by the key it stands under, not guessed from its look. Nothing is constructed: tags are refused, aliases are counted.
Source: YAML 1.1, as PyYAML reads it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import yaml

from ticketcore.policy.errors import Mistake, shown

__all__ = ["MAX_BYTES", "Path", "Place", "Tree", "read_tree"]

MAX_BYTES = 100_000
"""UTF-8 bytes of a document; an event that holds it stays below its limit."""
MAX_NODES = 20_000
"""Values of a document, those of aliases counted each time."""
MAX_DEPTH = 40
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})

Path = tuple[str | int, ...]
Place = tuple[int, int]
"""Line and column, from 1."""


class Tree(NamedTuple):
    """What a document says, and where.

    Attributes:
        data: dicts, lists, texts and ``None``.
        values: path -> where the value stands.
        keys: path -> where the key that leads to it stands.
        mistakes: what is wrong with it as YAML.
    """

    data: Any
    values: dict[Path, Place]
    keys: dict[Path, Place]
    mistakes: list[Mistake]

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Return where *path* stands, or the nearest above it that there is; of its *key*, if asked."""
        if key and path in self.keys:
            return self.keys[path]
        for length in range(len(path), -1, -1):
            found = self.values.get(path[:length])
            if found:
                return found
        return 1, 1


def read_tree(text: str) -> Tree:
    """Read *text*; never raises: what can't be read is a mistake. After one of syntax, ``data`` is ``None``."""
    tree = Tree(None, {}, {}, [])
    size = len(text.encode("utf-8", "replace"))
    if size > MAX_BYTES:
        tree.mistakes.append(
            Mistake(1, 1, "", f"the document has {size:,} bytes", f"at most {MAX_BYTES:,}", "shorten it")
        )
        return tree
    try:
        data = _Builder(text, tree).document()
    except _Stop:
        return tree
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        what = " ".join(str(error.problem or error.context).split())
        remedy = "indent with spaces" if "\\t" in what else "quote the text, or correct the indentation"
        tree.mistakes.append(Mistake(line, column, "", f"no YAML: {what}", "valid YAML", remedy))
        return tree
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, error.position - (before.rfind("\n") + 1) + 1
        code = f"U+{ord(error.character):04X}" if isinstance(error.character, str) else f"U+{error.character:04X}"
        problem = f"the character {code} is not allowed in YAML"
        tree.mistakes.append(Mistake(line, column, "", problem, "printable text", "remove it"))
        return tree
    except yaml.YAMLError as error:
        what = " ".join(str(error).split())[:200]
        tree.mistakes.append(Mistake(1, 1, "", f"no YAML: {what}", "valid YAML", "correct it"))
        return tree
    return tree._replace(data=data)


class _Stop(Exception):
    """Reading any further is not worth it."""


class _Anchored(NamedTuple):
    data: Any
    values: list[tuple[Path, Place]]
    keys: list[tuple[Path, Place]]


class _Builder:
    def __init__(self, text: str, tree: Tree) -> None:
        self._events = yaml.parse(text, Loader=yaml.BaseLoader)
        self._tree = tree
        self._anchors: dict[str, _Anchored | None] = {}
        self._nodes = 0
        self._values: list[tuple[Path, Place]] = []
        self._keys: list[tuple[Path, Place]] = []

    def document(self) -> object:
        self._next()  # the stream's start
        event = self._next()
        if isinstance(event, yaml.StreamEndEvent):
            self._mistake(event, (), "the document is empty", "keys like `name: default`", "see docs/policies.md")
            raise _Stop
        data = self._node(self._next(), ())
        self._tree.values.update(self._values)
        self._tree.keys.update(self._keys)
        self._next()  # the document's end
        after = self._next()
        if not isinstance(after, yaml.StreamEndEvent):
            self._mistake(after, (), "a second document begins", "one document", "remove the line ---")
        return data

    def _next(self) -> Any:
        return next(self._events)

    def _mistake(self, event: Any, path: Path, problem: str, expected: str, remedy: str) -> None:
        line, column = _place(event)
        self._tree.mistakes.append(Mistake(line, column, ".".join(map(str, path)), problem, expected, remedy))

    def _count(self, event: Any, path: Path, depth: int, more: int = 1) -> None:
        self._nodes += more
        if self._nodes > MAX_NODES:
            self._mistake(
                event, path, f"the document has more than {MAX_NODES:,} values", "fewer", "repeat less by aliases"
            )
            raise _Stop
        if depth > MAX_DEPTH:
            self._mistake(event, path[:3], f"it is nested deeper than {MAX_DEPTH} levels", "less", "flatten it")
            raise _Stop

    def _node(self, event: Any, path: Path) -> object:
        self._count(event, path, len(path))
        first_value, first_key = len(self._values), len(self._keys)
        self._values.append((path, _place(event)))
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path)
        if event.tag is not None and event.tag != "!":
            self._mistake(event, path, f"it has the tag {_tag(event)}", "plain values", "remove the tag")
        anchor = event.anchor
        if anchor is not None:
            self._anchors[anchor] = None
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None and event.value in _NULLS
            data: object = None if plain else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            data = self._list(path)
        else:
            data = self._table(path)
        if anchor is not None:
            values, keys = self._values[first_value:], self._keys[first_key:]
            self._anchors[anchor] = _Anchored(data, _below(values, path), _below(keys, path))
        return data

    def _alias(self, event: Any, path: Path) -> object:
        name = event.anchor
        found = self._anchors.get(name)
        if found is None:
            what = "stands inside of itself" if name in self._anchors else "is not defined before it"
            self._mistake(event, path, f"the alias *{name} {what}", "an anchor above it", f"define &{name} first")
            return None
        self._count(event, path, len(path), len(found.values))
        self._values.extend((path + below, place) for below, place in found.values if below)
        self._keys.extend((path + below, place) for below, place in found.keys)
        return found.data

    def _list(self, path: Path) -> list[object]:
        found: list[object] = []
        while not isinstance(event := self._next(), yaml.SequenceEndEvent):
            found.append(self._node(event, (*path, len(found))))
        return found

    def _table(self, path: Path) -> dict[str, object]:
        found: dict[str, object] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._mistake(event, path, "a key is no text", "`key: value`", "quote it, or remove the brackets")
                self._skip(event)
                self._skip(self._next())
                continue
            key, here = str(event.value), (*path, str(event.value))
            if key in found:
                problem = f"{shown(key)} stands twice, first in line {lines[key]}"
                self._mistake(event, here, problem, "it once", "remove one")
                self._skip(self._next())
                continue
            if event.tag is not None and event.tag != "!":
                self._mistake(event, here, f"a key has the tag {_tag(event)}", "plain keys", "remove the tag")
            lines[key] = _place(event)[0]
            self._keys.append((here, _place(event)))
            found[key] = self._node(self._next(), here)
        return found

    def _skip(self, event: Any) -> None:
        """Pass over a node that is not wanted; what is anchored in it is not known."""
        depth = 0
        while True:
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            self._count(event, (), depth)
            if depth == 0:
                return
            event = self._next()


def _tag(event: Any) -> str:
    return shown(event.tag.replace("tag:yaml.org,2002:", "!!"))


def _place(event: Any) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _below(places: list[tuple[Path, Place]], path: Path) -> list[tuple[Path, Place]]:
    return [(found[len(path) :], place) for found, place in places]

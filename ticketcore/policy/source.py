"""Reading a policy document: every mistake in it at once, each with line and column."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ticketcore.policy.circles import circles
from ticketcore.policy.contradictions import dead_rules
from ticketcore.policy.document import PolicyDocument
from ticketcore.policy.errors import BadPolicy, Mistake, did_you_mean, shown
from ticketcore.policy.key_names import keys_at
from ticketcore.policy.logic import Budget
from ticketcore.policy.reachable import unreachable
from ticketcore.policy.unsettled import unsettled
from ticketcore.policy.yaml_tree import Tree, read_tree

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from pydantic_core import ErrorDetails

    from ticketcore.policy.yaml_tree import Path

__all__ = ["check_policy", "load_policy"]


def load_policy(text: str, source: str = "document", *, templates: Collection[str] | None = None) -> PolicyDocument:
    """Return the policy that *text* (YAML) states, as it is read once it is adopted.

    Args:
        text: at most 100,000 bytes of UTF-8.
        source: names it in messages.
        templates: the names of mail templates that there are; ``None``: any name is taken.
    Raises:
        BadPolicy: with every mistake, by line and column.
    """
    return _read(text, source, templates)[0]


def check_policy(text: str, source: str = "document", *, templates: Collection[str] | None = None) -> PolicyDocument:
    """Return the policy that *text* states, where it can be adopted: none of its rules can be proven to be useless.

    Raises:
        BadPolicy: as :func:`load_policy`; and with every rule that never counts, and every duration that never passes.
    """
    document, tree = _read(text, source, templates)
    mistakes, budget = [], Budget()
    dead_ends = (dead_rules(document, budget), unsettled(document, budget), circles(document), unreachable(document))
    for dead in chain.from_iterable(dead_ends):
        places = [f"line {tree.place(path)[0]}" for path in dead.others]
        problem = dead.problem.replace("{lines}", ", ".join(places))
        path = ".".join(map(str, dead.path))
        mistakes.append(Mistake(*tree.place(dead.path), path, problem, dead.expected, dead.remedy))
    if mistakes:
        raise BadPolicy(source, mistakes)
    return document


def _read(text: str, source: str, templates: Collection[str] | None) -> tuple[PolicyDocument, Tree]:
    tree = read_tree(text.removeprefix("\ufeff"))
    if tree.data is None or not isinstance(tree.data, dict):
        if not tree.mistakes:
            line, column = tree.place(())
            problem = f"the document is {shown(tree.data)}"
            tree.mistakes.append(
                Mistake(line, column, "", problem, "keys like `name: default`", "see docs/policies.md")
            )
        raise BadPolicy(source, tree.mistakes)
    document, mistakes = _validated(tree, templates)
    if document is None or mistakes:
        raise BadPolicy(source, mistakes)
    return document, tree


def _validated(tree: Tree, templates: Collection[str] | None) -> tuple[PolicyDocument | None, list[Mistake]]:
    context: dict[str, Any] = {
        section: _names(tree.data.get(section)) for section in ("calendars", "teams", "checklists")
    }
    context["calendar"] = tree.data.get("calendar")
    context["templates"] = templates
    try:
        return PolicyDocument.model_validate(tree.data, context=context), tree.mistakes
    except ValidationError as error:
        found = (_mistake(tree, detail) for detail in error.errors(include_url=False) if not _follows(detail))
        return None, [*tree.mistakes, *dict.fromkeys(found)]


def _follows(detail: ErrorDetails) -> bool:
    """Return whether it only says that items are missing which were given and are wrong themselves."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def _names(section: object) -> tuple[str, ...]:
    return tuple(section) if isinstance(section, dict) else ()


def _mistake(tree: Tree, detail: ErrorDetails) -> Mistake:
    context: Mapping[str, Any] = detail.get("ctx", {})
    path = _path(tree, detail["loc"], context.get("index"))
    kind = detail["type"]
    line, column = tree.place(path, key=kind == "extra_forbidden")
    return Mistake(line, column, ".".join(map(str, path)), *_told(detail, context))


def _path(tree: Tree, loc: tuple[int | str, ...], index: object) -> Path:
    """Return the part of a location that the document has: what pydantic adds for keys and shorthands falls away."""
    path: Path = ()
    for part in (*loc, index) if isinstance(index, int) else loc:
        if (*path, part) in tree.values:
            path = (*path, part)
        elif part == "[key]":
            continue
        elif part is loc[-1] and isinstance(_at(tree.data, path), dict):
            return (*path, part)  # a key that is missing
    return path


def _at(data: Any, path: Path) -> Any:
    for part in path:
        data = data[part]
    return data


def _told(detail: ErrorDetails, context: Mapping[str, Any]) -> tuple[str, str, str]:
    """Return problem, expectation and remedy of one of pydantic's errors."""
    kind, got, key = detail["type"], detail["input"], str(detail["loc"][-1]) if detail["loc"] else "it"
    if kind == "wrong":
        return str(context["problem"]), str(context["expected"]), str(context["remedy"])
    if kind == "extra_forbidden":
        known = keys_at(PolicyDocument, detail["loc"][:-1])
        near = did_you_mean(key, known)
        expected = f"one of {', '.join(known)}" if known else "a key that is described"
        return f"the key {shown(key)} is unknown", expected, f"did you mean {near}?" if near else "remove or correct it"
    if kind == "missing":
        return f"{key} is missing", "it here", f"add {key}"
    if kind in ("enum", "literal_error"):
        choices = [name.strip("'") for name in str(context["expected"]).replace(" or ", ", ").split(", ")]
        near = did_you_mean(str(got), choices)
        remedy = f"did you mean {near}?" if near else "choose one of these"
        return f"{shown(got)} is unknown", f"one of {', '.join(choices)}", remedy
    expected, remedy = _EXPECTED.get(kind, (detail["msg"][:1].lower() + detail["msg"][1:], "correct it"))
    return f"it is {shown(got)}", expected.format(**context), remedy


_NAME = ("a name of 1 to 200 characters", "write one")
_WHOLE = ("a whole number", "write it in digits")
_LIST = ("a list", "begin each item with -, or put it in [ ]")
_TABLE = ("keys with values", "see docs/policies.md")
_EXPECTED = {
    "bool_parsing": ("true or false", "write one of them"),
    "bool_type": ("true or false", "write one of them"),
    "dict_type": _TABLE,
    "greater_than_equal": ("at least {ge}", "choose a number in the range"),
    "int_from_float": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": _WHOLE,
    "int_type": _WHOLE,
    "less_than_equal": ("at most {le}", "choose a number in the range"),
    "model_attributes_type": _TABLE,
    "model_type": _TABLE,
    "nul": ("text without NUL", "remove it"),
    "string_pattern_mismatch": ("letters, digits, dots, dashes and underscores, at most 60", "shorten or rename it"),
    "string_sub_type": _NAME,
    "string_too_long": ("at most {max_length} characters", "shorten it"),
    "string_too_short": _NAME,
    "string_type": _NAME,
    "surrogate": ("Unicode text", "correct it"),
    "too_long": ("at most {max_length} items", "use several rules, or fewer"),
    "too_short": ("at least {min_length}", "add one, or remove the key"),
    "tuple_type": _LIST,
    "list_type": _LIST,
}

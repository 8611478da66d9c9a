"""What the documentation names is there: files, commands, options, exit codes."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages
from typing import Any

import pytest
from typer.main import get_command

import projections
import ticketcore
import workers
from ticketcore.errors import TicketCoreError
from workers.cli.app import COMMANDS, _load, app

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
FILES = re.compile(r"`((?:ticketcore|projections|workers|tests|bench|docs|schemas)/[\w./-]*\w)`")


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [target for target in targets if "://" not in target and not (page.parent / target).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_file_that_is_named_exists(page: Path) -> None:
    made = set((ROOT / ".gitignore").read_text(encoding="utf-8").split())  # what commands write, and git leaves out
    named = [
        path for path in FILES.findall(page.read_text(encoding="utf-8")) if f"/{path}" not in made and path not in made
    ]
    assert [path for path in named if not (ROOT / path).exists() and not list(ROOT.glob(f"{path}.*"))] == []


def spoken(page: Path) -> Iterator[list[str]]:
    """Yield the words of every command line that a page names, in code spans and console blocks."""
    text = page.read_text(encoding="utf-8")
    spans = re.findall(r"`((?:\.venv/bin/)?ticketcore [a-z][^`\n]*)`", text)
    lines = re.findall(r"^\$ ((?:\.venv/bin/)?ticketcore [^\n#|]*)", text, re.MULTILINE)
    for line in spans + lines:
        plain = re.sub(r"[\[\]]", "", line.replace("\\|", "|").split(" | ")[0])
        yield shlex.split(plain)[1:]


def problem(words: list[str]) -> str | None:
    """Return what is wrong with a command line's command and options, ``None`` where nothing is."""
    if words[0].startswith("-"):
        return None if words[0] in {"--help", "--version"} else f"no option {words[0]}"
    if words[0] not in COMMANDS:
        return f"no command {words[0]}"
    command: Any = _load(words[0])
    rest = words[1:]
    while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
        parts = rest[0].split("|")
        unknown = [part for part in parts if part not in command.commands]
        if unknown:
            return f"no command {unknown[0]}"
        command, rest = command.commands[parts[0]], rest[1:]
    options = {option for parameter in getattr(command, "params", ()) for option in parameter.opts} | {"--help"}
    wrong = [word for word in rest if word.startswith("--") and word.split("=")[0] not in options]
    return f"no option {wrong[0]}" if wrong else None


def test_every_command_that_the_documentation_names_exists_with_its_options() -> None:
    found = [(name(page), words) for page in PAGES for words in spoken(page)]
    assert len(found) > 15
    assert [(page, words, told) for page, words in found if (told := problem(words))] == []


def test_a_command_that_does_not_exist_would_be_found() -> None:
    assert problem(["quux"]) == "no command quux"
    assert problem(["ticket", "shew", "T"]) == "no command shew"
    assert problem(["queue", "--colour", "red"]) == "no option --colour"


def test_the_help_of_the_root_lists_what_the_modules_give() -> None:
    assert set(get_command(app).commands) == set(COMMANDS)  # type: ignore[attr-defined]
    for command in COMMANDS:
        assert _load(command) is not None


def test_every_command_stands_in_the_page_about_the_command_line() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    assert [command for command in COMMANDS if not re.search(rf"`{command}\b", page)] == []


def test_every_error_stands_in_the_table_of_exit_codes() -> None:
    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8").split("## Exit codes")[1]
    table = {
        error: int(row[0])
        for row in re.findall(r"^\| (\d+) \|[^|]*\|([^|]*)\|", page, re.MULTILINE)
        for error in re.findall(r"`(\w+)`", row[1])
    }

    def kinds(base: type[TicketCoreError]) -> Iterator[type[TicketCoreError]]:
        yield base
        for kind in base.__subclasses__():
            yield from kinds(kind)

    for package in (ticketcore, projections, workers):
        for module in walk_packages(package.__path__, f"{package.__name__}."):
            if not module.name.endswith("__main__"):
                import_module(module.name)
    expected = {kind.code: kind.exit_code for kind in kinds(TicketCoreError) if not kind.__module__.startswith("tests")}
    assert table == expected

"""The Dockerfile as its instructions, stage by stage."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path
from typing import NamedTuple

from tests.support.shared import REPOSITORY

__all__ = ["Stage", "stages"]


class Stage(NamedTuple):
    """From ``FROM`` to the next one. ``steps``: instruction and its text, in order."""

    name: str
    base: str
    steps: list[tuple[str, str]]

    def all(self, instruction: str) -> list[str]:
        return [text for name, text in self.steps if name == instruction]

    def last(self, instruction: str) -> str:
        return self.all(instruction)[-1]

    def words(self, instruction: str) -> list[str]:
        """The list of the last ``ENTRYPOINT`` or ``CMD``, which is written as JSON."""
        found: list[str] = json.loads(self.last(instruction))
        return found

    def environment(self) -> dict[str, str]:
        pairs = [pair for text in self.all("ENV") for pair in shlex.split(text)]
        return dict(pair.split("=", 1) for pair in pairs)


def stages(path: Path = REPOSITORY / "Dockerfile") -> list[Stage]:
    """Return the stages, the values of ``ARG`` put in."""
    lines = re.sub(r"\\\n", " ", re.sub(r"(?m)^#.*\n", "", path.read_text(encoding="utf-8"))).splitlines()
    found: list[Stage] = []
    arguments: dict[str, str] = {}
    for line in filter(None, lines):
        instruction, _, text = line.partition(" ")
        text = re.sub(r"\$\{(\w+)\}", lambda match: arguments.get(match[1], match[0]), text.strip())
        if instruction == "ARG":
            name, _, value = text.partition("=")
            arguments[name] = value
        elif instruction == "FROM":
            base, _, stage = text.partition(" AS ")
            found.append(Stage(stage, base, []))
        else:
            found[-1].steps.append((instruction, text))
    return found

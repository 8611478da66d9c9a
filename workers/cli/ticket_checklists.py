"""``ticketcore ticket checklist``, ``tick`` and ``untick``: standard procedures, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from workers.cli.common import AsOption, JsonOption
from workers.cli.entry import CommandIdOption, change

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["commands"]

Number = Annotated[str, typer.Argument(help="A ticket's number (T-2026-000042-6).")]
Name = Annotated[str, typer.Argument(metavar="CHECKLIST", help="The checklist's name, as `ticket show` says it.")]
Step = Annotated[str, typer.Argument(help="The step, as `ticket show` says it.")]


def checklist(
    number: Number,
    name: Name,
    step: Annotated[list[str], typer.Option("--step", help="A step; may be given several times, in order.")],
    required: Annotated[bool, typer.Option("--required", help="Solved by people only when all are ticked.")] = False,
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Give a ticket a checklist, or other steps to one it has; ticks of steps that stay are kept."""
    values = {"checklist": name, "steps": tuple(step), "required": required}
    change(number, "add_checklist", f"has the checklist {name}", command_id, as_, json, **values)


def tick(
    number: Number,
    checklist: Name,
    step: Step,
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say that a step of a checklist is done."""
    change(number, "tick_step", f"has done {step!r}", command_id, as_, json, checklist=checklist, step=step)


def untick(
    number: Number,
    checklist: Name,
    step: Step,
    command_id: CommandIdOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say that a step of a checklist is to be done again."""
    change(number, "untick_step", f"has to do {step!r} again", command_id, as_, json, checklist=checklist, step=step)


commands: list[Callable[..., None]] = [checklist, tick, untick]
"""What is added to ``ticketcore ticket``."""

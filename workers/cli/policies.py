"""``ticketcore policy``: documents checked, compared, adopted and shown; and why a ticket was treated as it was."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from difflib import unified_diff
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ticketcore.domain.types import Role
from ticketcore.errors import InvalidCommand, NotFound
from ticketcore.policy.shipped import default_policy
from workers.cli.common import AsOption, JsonOption, actor, cell, opened, parse_time, parse_zone
from workers.cli.output import print_json, say, table
from workers.cli.policy_checklists import checklists_of, print_checklists
from workers.cli.policy_dry_run import dry_run_command
from workers.cli.policy_files import File, checked, text_of
from workers.cli.policy_letters import app as letters

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ticketcore.domain.policies import Adoption
    from ticketcore.replay import HistoryEntry

__all__ = ["groups"]

app = typer.Typer(help="Policies: check, adopt, explain.", no_args_is_help=True, add_completion=False)
app.add_typer(letters, name="dead-letters")
app.command("dry-run")(dry_run_command)
groups = {"policy": app}

ZoneOption = Annotated[str, typer.Option(help="IANA zone of a time without offset.")]
CLOCKS = frozenset({
    "ticket.sla_applied", "ticket.sla_paused", "ticket.sla_resumed", "ticket.sla_warned", "ticket.sla_fulfilled",
    "ticket.sla_breached", "ticket.sla_withdrawn",
})  # fmt: skip


@app.command("check")
def check_(file: File, json: JsonOption = False) -> None:
    """Check a document: every mistake with line and column, and rules that can never count. Needs no data base."""
    text = text_of(file)
    document = checked(text, file)
    sections = {
        name: len(getattr(document, name))
        for name in ("calendars", "teams", "classification", "routing", "sla", "follow_up", "checklists")
    }
    if json:
        print_json({"name": document.name, **sections})
        return
    say(f"{file} can be adopted: {document.name}, " + ", ".join(f"{count} {name}" for name, count in sections.items()))


@app.command()
def diff(
    file: File,
    version: Annotated[
        int | None, typer.Argument(metavar="VERSION", help="The one to compare with; else that in force.")
    ] = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Compare a document with an adopted one, line by line. Ends with 1 where they differ."""
    text = text_of(file)
    checked(text, file)
    with opened() as core:
        adopted = core.policies(by=actor(as_, Role.OPERATOR))
    now = datetime.now(UTC)
    before = _version(adopted, version) if version is not None else _in_force(adopted, now)
    if before is None:
        raise _nothing_in_force(adopted, now)
    lines = _compared(before, text, file)
    if json:
        print_json({"version": before.version, "differs": bool(lines), "lines": lines})
    else:
        _print(lines or [f"{file} is what version {before.version} says"])
    if lines:
        raise typer.Exit(1)


@app.command()
def adopt(
    file: File,
    effective: Annotated[
        str | None,
        typer.Option("--effective", metavar="TIME", help="From when it decides (ISO 8601); else from now on."),
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why; kept with it.")] = None,
    zone: ZoneOption = "UTC",
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Put a document in force; says what changes. What is past stays as it was decided."""
    text = text_of(file)
    checked(text, file)
    at, by = parse_time(effective, "--effective", parse_zone(zone)), actor(as_, Role.OPERATOR)
    with opened() as core:
        before = _in_force(core.policies(by=by), at or datetime.now(UTC))
        done = core.adopt_policy(text, effective_at=at, note=note, by=by)
        adopted = core.policies(by=by)
    now = adopted[-1] if done.events or done.repeated else before
    lines = _compared(before, text, file)
    if json:
        print_json(
            {**_facts(now), "changed": bool(done.events), "position": done.position, "lines": lines} if now else {}
        )
        return
    _print(lines)
    if now is None or not done.events:
        say(f"nothing to do: version {now.version} says the same" if now else "nothing to do")
        return
    say(f"adopted as version {now.version}, in force from {cell(now.effective_at)} UTC (position {done.position})")


@app.command()
def show(
    version: Annotated[int | None, typer.Argument(metavar="VERSION", help="Which; else that in force.")] = None,
    at: Annotated[str | None, typer.Option(metavar="TIME", help="In force at this instant.")] = None,
    zone: ZoneOption = "UTC",
    default: Annotated[bool, typer.Option("--default", help="The document that ships; needs no data base.")] = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Print an adopted document, as it was adopted; versions and times go to standard error."""
    if default:
        _print(default_policy().splitlines())
        return
    if version is not None and at is not None:
        raise InvalidCommand("show a policy", "--at", at, "a version or a time", "leave one of them out")
    instant = parse_time(at, "--at", parse_zone(zone)) or datetime.now(UTC)
    with opened() as core:
        adopted = core.policies(by=actor(as_, Role.OPERATOR))
    found = _version(adopted, version) if version is not None else _in_force(adopted, instant)
    if found is None:
        raise _nothing_in_force(adopted, instant)
    if json:
        print_json({**_facts(found), "document": found.document})
        return
    print(f"version {found.version}, in force from {cell(found.effective_at)} UTC, adopted {cell(found.adopted_at)} by "
          f"{found.adopted_by}{f': {found.note}' if found.note else ''}", file=sys.stderr)  # fmt: skip
    _print(found.document.splitlines())


@app.command()
def explain(
    ticket: Annotated[str, typer.Argument(metavar="TICKET", help="The ticket's number.")],
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say what rules decided about a ticket: policy, rule, what it saw, what came of it; how its clocks ran; and its checklists."""
    with opened() as core:
        entries = core.ticket_history(ticket, by=actor(as_, Role.AUDITOR))
    decisions, clocks, checklists = list(_decisions(entries)), list(_clocks(entries)), checklists_of(entries)
    if json:
        print_json({"ticket": ticket, "decisions": decisions, "clocks": clocks, "checklists": checklists})
        return
    table(
        f"What rules decided about {ticket}, times in UTC",
        ("recorded", "policy", "section", "rule", "because of", "saw", "outcome"),
        ((d["recorded_at"], d["policy"], d["section"], d["rule"], f"event {d['basis']}" if d["basis"] else None,
          _pairs(d["saw"]), _pairs(d["outcome"])) for d in decisions),
    )  # fmt: skip
    table(
        f"The clocks of {ticket}",
        ("recorded", "target", "what", "details"),
        ((c["recorded_at"], c["target"], c["what"], _pairs(c["details"])) for c in clocks),
    )
    print_checklists(ticket, checklists, _pairs)


def _decisions(entries: Sequence[HistoryEntry]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        if entry.topic != "ticket.policy_decided":
            continue
        decided: Any = entry.fields.get("decisions", ())
        for one in decided:
            yield {
                "position": entry.position, "recorded_at": entry.recorded_at, "policy": entry.fields["policy"],
                **{name: one.get(name) for name in ("section", "rule", "basis", "saw", "outcome")},
            }  # fmt: skip


def _clocks(entries: Sequence[HistoryEntry]) -> Iterator[dict[str, Any]]:
    for entry in entries:
        if entry.topic in CLOCKS:
            details = {name: value for name, value in entry.fields.items() if name != "target"}
            what = entry.topic.removeprefix("ticket.sla_")
            yield {
                "position": entry.position, "recorded_at": entry.recorded_at, "target": entry.fields.get("target"),
                "what": what, "details": details,
            }  # fmt: skip


def _pairs(values: Mapping[str, Any] | None) -> str:
    return ", ".join(f"{name}: {cell(value)}" for name, value in (values or {}).items() if value is not None)


def _in_force(adopted: Sequence[Adoption], at: datetime) -> Adoption | None:
    due = [one for one in adopted if one.effective_at <= at]
    return max(due, key=lambda one: (one.effective_at, one.version), default=None)


def _nothing_in_force(adopted: Sequence[Adoption], at: datetime) -> NotFound:
    remedy = "adopt one: ticketcore policy adopt default" if not adopted else _list(adopted)
    return NotFound("policy", f"in force at {cell(at)} UTC", remedy)


def _version(adopted: Sequence[Adoption], version: int) -> Adoption:
    found = next((one for one in adopted if one.version == version), None)
    if found is None:
        raise NotFound("policy version", version, _list(adopted))
    return found


def _list(adopted: Sequence[Adoption]) -> str:
    known = ", ".join(f"{one.version} from {cell(one.effective_at)} UTC" for one in adopted)
    return f"there are: {known}" if known else "there is none yet: ticketcore policy adopt default"


def _compared(before: Adoption | None, text: str, file: str) -> list[str]:
    if before is None:
        return []
    return list(
        unified_diff(before.document.splitlines(), text.splitlines(), f"version {before.version}", file, lineterm="")
    )


def _facts(one: Adoption) -> dict[str, Any]:
    return {name: value for name, value in one._asdict().items() if name != "document"}


def _print(lines: Sequence[str]) -> None:
    for line in lines:
        print(line)

"""``ticketcore agent``: what agents can do, and who is there; policies give tickets by it."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ticketcore.domain.types import Role
from ticketcore.errors import InvalidCommand, NotFound
from ticketcore.policy.manager import policy_store
from ticketcore.policy.schedule import Schedule
from workers.cli.common import AsOption, JsonOption, actor, opened, parse_time, parse_zone
from workers.cli.output import cell, print_json, say, table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ticketcore.app import TicketCore
    from ticketcore.domain.agent import Agent
    from ticketcore.domain.types import Actor

__all__ = ["groups"]

app = typer.Typer(help="Agents: what they can do, who is there.", no_args_is_help=True, add_completion=False)
groups = {"agent": app}

Name = Annotated[str, typer.Argument(metavar="AGENT", help="The id by which tickets name the agent.")]
_LISTS = ("teams", "skills", "languages")


class Field(StrEnum):
    """What is said of an agent."""

    TEAMS = "teams"
    SKILLS = "skills"
    LANGUAGES = "languages"
    CAPACITY = "capacity"


@app.command()
def describe(
    agent: Name,
    teams: Annotated[list[str] | None, typer.Option("--team", help="Whose tickets; several times for several.")] = None,
    skills: Annotated[
        list[str] | None, typer.Option("--skill", help="As the policy's rules name it; likewise.")
    ] = None,
    languages: Annotated[
        list[str] | None, typer.Option("--language", help="That the agent writes (de, en-GB); likewise.")
    ] = None,
    capacity: Annotated[int | None, typer.Option(min=0, help="Most tickets at once; no limit until given.")] = None,
    clear: Annotated[list[Field] | None, typer.Option(help="Leave empty what was said before; likewise.")] = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say what an agent can do. A list that is given is the whole new one; what is not given stays."""
    given: dict[str, Any] = {"teams": teams, "skills": skills, "languages": languages, "capacity": capacity}
    given = {name: value for name, value in given.items() if value not in (None, [])}
    for field in clear or ():
        if field in given:
            raise InvalidCommand("describe an agent", f"--clear {field}", "given beside it", "either", "leave one out")
    by = actor(as_, Role.OPERATOR)
    with opened() as core:
        before = {one.agent_id: one for one in core.agents(by=by)}.get(agent)
        kept = {field.value: getattr(before, field) for field in Field if before and field not in (clear or ())}
        # Of a version that is not the one the kept values are from, nothing is recorded.
        done = core.describe_agent(
            agent, by=by, **{**kept, **given}, expected_version=before.version if before else None
        )
        _tell(core, agent, by, json, changed=bool(done.events), warn=True)


@app.command()
def present(agent: Name, as_: AsOption = None, json: JsonOption = False) -> None:
    """Say that an agent is there: tickets are given to them from now on."""
    _set_presence(agent, as_, json, present=True)


@app.command()
def absent(
    agent: Name,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="When they are back by themself (ISO 8601); else when it is said."),
    ] = None,
    reason: Annotated[str | None, typer.Option(help="In a word; everybody in the desk may read it.")] = None,
    zone: Annotated[str, typer.Option(help="IANA zone of a time without offset.")] = "UTC",
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Say that an agent is not there: their tickets go to others, as the policy's teams say."""
    at = parse_time(until, "--until", parse_zone(zone))
    _set_presence(agent, as_, json, present=False, until=at, reason=reason)


@app.command("list")
def list_(
    team: Annotated[str | None, typer.Option(help="Only this team's.")] = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """List all agents: teams, skills, languages, presence, capacity, and tickets as policies count them."""
    with opened() as core:
        agents, loads = core.agents(by=actor(as_, Role.OPERATOR)), policy_store(core.log).loads()
    rows = [_facts(one, loads) for one in agents if team is None or team in one.teams]
    if json:
        print_json(rows)
        return
    table(
        "Agents, times in UTC" + (f", team {team}" if team else ""),
        ("agent", "presence", "tickets", "capacity", *_LISTS),
        ((row["agent"], _presence(row), row["tickets"], row["capacity"], *(", ".join(row[name]) or None for name in _LISTS))
         for row in rows),
        numbers=("tickets", "capacity"),
    )  # fmt: skip


def _set_presence(agent: str, as_: str | None, json: bool, **values: Any) -> None:
    by = actor(as_, Role.OPERATOR)
    with opened() as core:
        known = [one.agent_id for one in core.agents(by=by)]
        if agent not in known:
            raise NotFound("agent", agent, f"there are: {', '.join(known)}" if known else "ticketcore agent describe")
        done = core.set_presence(agent, by=by, **values)
        _tell(core, agent, by, json, changed=bool(done.events))


def _tell(core: TicketCore, agent: str, by: Actor, json: bool, *, changed: bool, warn: bool = False) -> None:
    """Say how the agent is now, and what of it no rule asks for."""
    [now] = [one for one in core.agents(by=by) if one.agent_id == agent]
    row = _facts(now, policy_store(core.log).loads())
    unknown = _unknown(core, now, by) if warn else {}
    if json:
        print_json({**row, "changed": changed, "not_in_policy": unknown})
        return
    said = [f"{name} {', '.join(row[name])}" for name in _LISTS if row[name]]
    limit = "no limit" if row["capacity"] is None else f"at most {row['capacity']:,} tickets"
    say(f"{'' if changed else 'nothing to do: '}{agent} is {_presence(row)}; {'; '.join([*said, limit])}")
    for name, words in unknown.items():
        say(f"  no rule or team of the policy in force names the {name} {', '.join(words)}")
    if not row["teams"]:
        say("  in no team: no ticket is given to them (--team)")


def _unknown(core: TicketCore, agent: Agent, by: Actor) -> dict[str, list[str]]:
    """Return the agent's teams and skills that the policy in force does not name: spelt wrong, or of a later one."""
    policy = Schedule().refreshed(core.policies(by=by)).in_force(datetime.now(UTC))
    if policy is None:
        return {}
    skills = {skill for rule in policy.document.routing for skill in rule.skills}
    words = {
        "teams": [team for team in agent.teams if team not in policy.document.teams],
        "skills": [skill for skill in agent.skills if skill not in skills],
    }
    return {name: found for name, found in words.items() if found}


def _facts(agent: Agent, loads: Mapping[str, int]) -> dict[str, Any]:
    there = agent.is_present(datetime.now(UTC))
    return {
        "agent": agent.agent_id, "present": there, "until": None if there else agent.until,
        "reason": None if there else agent.reason, "tickets": loads.get(agent.agent_id, 0), "capacity": agent.capacity,
        "teams": agent.teams, "skills": agent.skills, "languages": agent.languages,
    }  # fmt: skip


def _presence(row: Mapping[str, Any]) -> str:
    if row["present"]:
        return "present"
    parts: Sequence[str | None] = (
        f" until {cell(row['until'])}" if row["until"] else None, f" ({row['reason']})" if row["reason"] else None,
    )  # fmt: skip
    return "absent" + "".join(part for part in parts if part)

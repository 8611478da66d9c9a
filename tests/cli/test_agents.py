"""``agent``: described, present, absent, listed; and tickets given by it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Cli
from ticketcore import Settings, TicketCore
from ticketcore.domain.types import Actor
from ticketcore.policy.manager import PolicyManager

pytestmark = [pytest.mark.servers, pytest.mark.slow]
POLICY = """
name: desk
teams: {desk: {}}
default_team: desk
routing:
  - {rule: refunds, when: {field: subject, contains: refund}, team: desk, skills: [refunds]}
"""


def test_what_is_said_of_an_agent_is_the_new_value_and_the_rest_stays(own_cli: Cli) -> None:
    ana = ("agent", "describe", "ana")
    said = own_cli.ok(*ana, "--team", "desk", "--team", "accounts", "--skill", "refunds", "--capacity", 5)
    assert said == "ana is present; teams desk, accounts; skills refunds; at most 5 tickets\n"
    assert own_cli.ok(*ana, "--capacity", 5).startswith("nothing to do: ana is present; ")
    own_cli.ok(*ana, "--team", "desk", "--language", "de")
    row = own_cli.json(*ana, "--clear", "capacity", "--clear", "skills")
    assert row == {
        "agent": "ana", "present": True, "until": None, "reason": None, "tickets": 0, "capacity": None,
        "teams": ["desk"], "skills": [], "languages": ["de"], "changed": True, "not_in_policy": {},
    }  # fmt: skip
    assert "in no team: no ticket is given to them" in own_cli.ok("agent", "describe", "bob")


def test_agents_come_and_go_and_the_list_says_who_is_there(own_cli: Cli) -> None:
    assert own_cli.ok("agent", "list") == "Agents, times in UTC: none\n"
    assert "no agent ana is recorded here (ticketcore agent describe)" in own_cli.fails(4, "agent", "absent", "ana")
    for agent in ("ana", "bob"):
        own_cli.ok("agent", "describe", agent, "--team", agent)
    back = (datetime.now(UTC) + timedelta(days=1)).replace(microsecond=0)
    told = own_cli.ok("agent", "absent", "ana", "--until", back.isoformat(), "--reason", "training")
    assert told.startswith(f"ana is absent until {back:%Y-%m-%d %H:%M:%S} (training); teams ana; ")
    assert own_cli.ok("agent", "present", "bob").startswith("nothing to do: bob is present; ")
    rows = own_cli.json("agent", "list")
    assert [(row["agent"], row["present"], row["reason"]) for row in rows] == [
        ("ana", False, "training"),
        ("bob", True, None),
    ]
    assert datetime.fromisoformat(rows[0]["until"]) == back
    listed = own_cli.ok("agent", "list", "--team", "ana")
    assert "absent until" in listed
    assert "bob" not in listed
    assert own_cli.ok("agent", "present", "ana").startswith("ana is present; ")
    assert own_cli.json("agent", "list", "--team", "ana")[0]["present"] is True


def test_what_is_wrong_is_said_with_its_exit_code(own_cli: Cli) -> None:
    own_cli.ok("agent", "describe", "ana", "--team", "desk")
    assert "there are: ana" in own_cli.fails(4, "agent", "present", "anna")
    assert "expected a time after" in own_cli.fails(2, "agent", "absent", "ana", "--until", "2026-01-01")
    assert "expected ISO 8601" in own_cli.fails(2, "agent", "absent", "ana", "--until", "monday")
    assert "--clear teams" in own_cli.fails(2, "agent", "describe", "ana", "--team", "x", "--clear", "teams")
    assert "--capacity" in own_cli.fails(2, "agent", "describe", "ana", "--capacity", "-1")
    assert "agent_id" in own_cli.fails(2, "agent", "describe", "a" * 201)
    assert "agent ana may not describe agent 'ana'" in own_cli.fails(7, "agent", "describe", "ana", "--as", "agent:ana")
    own_cli.ok("agent", "absent", "ana", "--as", "agent:ana")
    assert "may not set the presence" in own_cli.fails(7, "agent", "present", "ana", "--as", "agent:bob")
    for name in ("describe", "present", "absent", "list"):
        assert f"ticketcore agent {name}" in own_cli.ok("agent", name, "--help")


def test_teams_and_skills_that_no_rule_names_are_told_and_tickets_are_counted(own_cli: Cli) -> None:
    (own_cli.folder / "own.yaml").write_text(POLICY, "utf-8")
    own_cli.ok("policy", "adopt", "own.yaml")
    told = own_cli.ok("agent", "describe", "ana", "--team", "desk", "--team", "dusk", "--skill", "refund")
    assert "no rule or team of the policy in force names the teams dusk\n" in told
    assert "no rule or team of the policy in force names the skills refund\n" in told
    values = {"dsn": own_cli.settings["TICKETCORE_DSN"], "key_file": own_cli.settings["TICKETCORE_KEY_FILE"]}
    with TicketCore.open(Settings.model_validate({**values, "inline": False})) as core:
        ticket = core.open_ticket(channel="mail", body="Where is it?", by=Actor.system("shop")).number
        PolicyManager(core).catch_up()
    assert own_cli.json("ticket", "show", ticket)["agent_id"] == "ana"
    [row] = own_cli.json("agent", "list")
    assert row["tickets"] >= 1
    assert "at most 3 tickets" in own_cli.ok("agent", "describe", "ana", "--capacity", 3)

"""``policy``: documents checked, compared, adopted, shown; decisions explained."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.cli.conftest import Cli, Desk
from ticketcore import Settings, TicketCore
from ticketcore.domain.commands import build
from ticketcore.domain.service_commands import PauseSla
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.ticket_commands import ApplySla, Prioritise
from ticketcore.domain.types import Actor, Role
from ticketcore.policy.manager import PolicyManager
from ticketcore.policy.shipped import default_policy

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_a_document_is_checked_without_a_data_base(own_cli: Cli) -> None:
    own_cli.settings.clear()
    assert "default can be adopted: default, 2 calendars, 9 teams" in own_cli.ok("policy", "check", "default")
    assert own_cli.ok("policy", "show", "--default") == default_policy()
    (own_cli.folder / "bad.yaml").write_text("name: a\nblah: 1\nteams: {x: {}}\n", "utf-8")
    done = own_cli("policy", "check", "bad.yaml")
    said = done.stderr
    assert done.returncode == 2
    assert "cannot take the policy bad.yaml: 2 mistakes" in said
    assert "line 2, column 1 (blah): the key 'blah' is unknown" in said
    (own_cli.folder / "latin.yaml").write_bytes(b"name: a\n# \xfc\n")
    assert "line 2 of latin.yaml is b'\\xfc', expected UTF-8" in own_cli.fails(2, "policy", "check", "latin.yaml")
    assert "No such file" in own_cli.fails(2, "policy", "check", "none.yaml")
    (own_cli.folder / "mail.yaml").write_text(default_policy().replace("mail: closing", "mail: parting"), "utf-8")
    done = own_cli("policy", "check", "mail.yaml")
    said = done.stderr
    assert done.returncode == 2
    assert "the template 'parting' is not defined, expected one of closing, escalated, reminder, survey" in said
    (own_cli.folder / "own" / "en" / "notices").mkdir(parents=True)
    (own_cli.folder / "own" / "en" / "notices" / "parting.txt").write_text("Goodbye.\n", "utf-8")
    own_cli.settings["TICKETCORE_MAIL_TEMPLATES"] = "own"
    assert "mail.yaml can be adopted" in own_cli.ok("policy", "check", "mail.yaml")


@pytest.mark.usefixtures("desk")
def test_documents_are_adopted_compared_and_shown(own_cli: Cli) -> None:
    assert "ticketcore policy adopt default" in own_cli.fails(4, "policy", "show")
    assert "ticketcore policy adopt default" in own_cli.fails(4, "policy", "diff", "default")
    assert "expected no time before now" in own_cli.fails(2, "policy", "adopt", "default", "--effective", "2026-01-01")
    assert "adopted as version 1, in force from" in own_cli.ok("policy", "adopt", "default", "--note", "first")
    assert own_cli.ok("policy", "adopt", "default") == "nothing to do: version 1 says the same\n"
    (own_cli.folder / "own.yaml").write_text(default_policy().replace("window: 14d", "window: 30d"), "utf-8")
    done = own_cli("policy", "diff", "own.yaml")
    assert done.returncode == 1
    assert "-reopening: {window: 14d}\n+reopening: {window: 30d}\n" in done.stdout
    later = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    told = own_cli.ok("policy", "adopt", "own.yaml", "--effective", later)
    assert "+reopening: {window: 30d}" in told
    assert "adopted as version 2" in told
    assert own_cli.json("policy", "show")["version"] == 1
    shown = own_cli.json("policy", "show", "--at", later)
    assert (shown["version"], shown["note"]) == (2, None)
    assert own_cli.json("policy", "diff", "own.yaml", 2) == {"version": 2, "differs": False, "lines": []}
    assert "no policy version 3 is recorded here (there are: 1 from" in own_cli.fails(4, "policy", "show", 3)
    assert "may not adopt a policy" in own_cli.fails(7, "policy", "adopt", "own.yaml", "--as", "agent:ana")


def test_what_rules_decided_is_explained(own_cli: Cli, desk: Desk) -> None:
    values = {"dsn": own_cli.settings["TICKETCORE_DSN"], "key_file": own_cli.settings["TICKETCORE_KEY_FILE"]}
    by = Actor(role=Role.POLICY, id="default", version="1")
    decision = PolicyDecision(
        section=Section.PRIORITY, rule="vip", basis=1, saw={"channel": "mail"}, outcome={"priority": "high"}
    )
    due = datetime(2030, 1, 1, 9, tzinfo=UTC)
    with TicketCore.open(Settings.model_validate({**values, "inline": False})) as core:
        ticket = core.open_ticket(channel="mail", body="Where is it?", by=Actor.system("shop"))
        commands = (
            build(Prioritise, ticket_id=ticket.id, priority="high"),
            build(ApplySla, ticket_id=ticket.id, target="resolution", due_at=due, policy="default/1"),
            build(
                PauseSla, ticket_id=ticket.id, target="resolution", at=due - timedelta(hours=1), elapsed_seconds=60.0
            ),
        )
        core.follow_policy(ticket.number, by=by, policy="default/1", decisions=(decision,), commands=commands)
    told = own_cli.json("policy", "explain", ticket.number)
    (one,) = told["decisions"]
    assert (one["policy"], one["section"], one["rule"], one["basis"]) == ("default/1", "priority", "vip", 1)
    assert (one["saw"], one["outcome"]) == ({"channel": "mail"}, {"priority": "high"})
    assert [(clock["what"], clock["target"]) for clock in told["clocks"]] == [
        ("applied", "resolution"),
        ("paused", "resolution"),
    ]
    for words in ("vip", "channel: mail", "priority: high", "event 1", "elapsed_seconds: 60"):
        assert words in own_cli.ok("policy", "explain", ticket.number)
    assert "none" in own_cli.ok("policy", "explain", desk.solved)


CHECKED = """
name: desk
teams: {desk: {assign: none}}
default_team: desk
checklists:
  exchange: {when: {field: channel, is: form}, steps: [label printed, device wiped], required: true}
  recall: {steps: [called]}
follow_up:
  - {rule: call, when: {field: status, is: new}, after: 0s, since: opened, do: [{note: Call.}, {checklist: recall}]}
"""


def test_checklists_are_explained_by_whom_or_which_rule_they_were_added_and_ticked_and_what_they_hinder(
    own_cli: Cli, desk: Desk
) -> None:
    (own_cli.folder / "own.yaml").write_text(CHECKED, "utf-8")
    own_cli.ok("policy", "adopt", "own.yaml")
    values = {"dsn": own_cli.settings["TICKETCORE_DSN"], "key_file": own_cli.settings["TICKETCORE_KEY_FILE"]}
    with TicketCore.open(Settings.model_validate({**values, "inline": False})) as core:
        ticket = core.open_ticket(channel="form", body="Where is it?", by=Actor.system("shop")).number
        PolicyManager(core).catch_up()
    own_cli.ok("ticket", "checklist", ticket, "own", "--step", "looked", "--as", "agent:ana")
    own_cli.ok("ticket", "tick", ticket, "exchange", "label printed", "--as", "agent:ana")
    own_cli.ok("ticket", "tick", ticket, "own", "looked", "--as", "agent:ben")
    own_cli.ok("ticket", "untick", ticket, "own", "looked", "--as", "agent:ben")
    refused = own_cli.fails(5, "ticket", "solve", ticket)
    assert "its checklist 'exchange' has steps that are not ticked: 'device wiped'" in refused
    told = {one["checklist"]: one for one in own_cli.json("policy", "explain", ticket)["checklists"]}
    by_rule, by_action, by_hand = told["exchange"], told["recall"], told["own"]
    named = ("policy", "section", "rule", "saw")
    assert [by_rule[name] for name in named] == ["desk/1", "checklist", "exchange", {"channel": "form"}]
    assert [by_action[name] for name in named] == ["desk/1", "follow_up", "call", {"status": "new"}]
    assert [by_hand[name] for name in named] == [None, None, None, None]
    assert [one["added_by"] for one in told.values()] == ["policy desk", "policy desk", "agent ana"]
    assert [(step["step"], step["ticked_by"]) for step in by_rule["steps"]] == [
        ("label printed", "agent ana"), ("device wiped", None),
    ]  # fmt: skip
    assert [step["ticked_at"] for step in by_hand["steps"]] == [None]
    hinders = [one["hinders"] for one in told.values()]
    assert hinders == ["people can't solve it before they tick 'device wiped'", None, None]
    shown = own_cli.ok("policy", "explain", ticket)
    for words in ("The checklists of", "exchange", "channel: form", "agent ana", hinders[0]):
        assert words in shown
    own_cli.ok("ticket", "tick", ticket, "exchange", "device wiped", "--as", "agent:ana")
    own_cli.ok("ticket", "solve", ticket)
    told = own_cli.json("policy", "explain", ticket)["checklists"]
    assert [one["hinders"] for one in told] == [None, None, None]
    assert "checklists" not in own_cli.ok("policy", "explain", desk.solved)

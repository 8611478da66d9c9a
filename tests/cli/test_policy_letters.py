"""``policy dead-letters``: two rules that answer each other without end, from the fight to its end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.conftest import Cli, Desk
from ticketcore import Actor, Role, Settings, TicketCore
from ticketcore.policy.manager import PolicyManager

pytestmark = [pytest.mark.servers, pytest.mark.slow]

LEAD = Actor(role=Role.TEAM_LEAD, id="lea")
FIGHT = """
name: fight
teams: {desk: {assign: none}}
default_team: desk
follow_up:
  - {rule: solves, when: {all: [{field: status, in: [open, new]}, {field: replies, is: 0}]}, after: 0s, since: status, do: [solve]}
  - {rule: reopens, when: {all: [{field: status, is: solved}, {field: replies, is: 0}]}, after: 0s, since: solved, do: [reopen]}
"""
PEACE = "name: peace\nteams: {desk: {assign: none}}\ndefault_team: desk\n"


def test_a_fight_of_two_rules_is_given_up_shown_and_over_once_the_rules_are_mended(
    own_cli: Cli, tmp_path: Path
) -> None:
    settings = Settings.model_validate({
        "dsn": own_cli.settings["TICKETCORE_DSN"], "key_file": own_cli.settings["TICKETCORE_KEY_FILE"], "inline": False,
    })  # fmt: skip
    assert own_cli.json("policy", "dead-letters", "list") == []
    assert own_cli.ok("policy", "dead-letters", "retry") == "nothing to try again\n"
    (tmp_path / "fight.yaml").write_text(FIGHT)
    own_cli.ok("policy", "adopt", tmp_path / "fight.yaml")
    with TicketCore.open(settings) as core:
        fought = core.open_ticket(channel="form", subject="Geheim", by=Actor.system("shop")).number
        manager = PolicyManager(core)
        head = core.log.head()
        assert manager.catch_up().dead >= 1
        assert manager.catch_up().tickets == 0
        recorded = core.log.head()
        assert recorded - head < 500

        found = {row["ticket"]: row for row in own_cli.json("policy", "dead-letters", "list")}
        row = found[fought]
        assert {"follow_up: solves", "follow_up: reopens"} <= set(row["rules"])
        assert (row["policy"], row["tries"], row["retried_by"]) == ("fight/1", 1, None)
        assert row["error"].startswith(f"PolicyLoop: cannot go on with the policy on ticket {fought}: ")
        assert "Geheim" not in str(found)
        shown = own_cli.ok("policy", "dead-letters", "show", fought)
        assert "follow_up: reopens" in shown
        assert f"ticketcore policy dead-letters retry {fought}" in shown

        told = own_cli.json("policy", "dead-letters", "retry", fought, "--as", "operator:ole")
        assert told == {"retried": 1, "tickets": [fought]}
        assert manager.catch_up().dead == 1
        again = own_cli.json("policy", "dead-letters", "show", fought)
        assert (again["tries"], again["retried_by"], again["since"]) == (2, "operator:ole", row["since"])
        assert core.log.head() == recorded

        (tmp_path / "peace.yaml").write_text(PEACE)
        own_cli.ok("policy", "adopt", tmp_path / "peace.yaml")
        later = PolicyManager(core, lambda: datetime.now(UTC) + timedelta(seconds=5))
        later.catch_up()
        assert own_cli.json("policy", "dead-letters", "list") == []
        assert later.catch_up().commands == 0
        assert core.show_ticket(fought, by=Actor(role=Role.AUDITOR, id="aud")).team_id == "desk"


def test_what_is_wrong_is_told(own_cli: Cli, desk: Desk) -> None:
    assert desk.fresh in own_cli.fails(4, "policy", "dead-letters", "show", desk.fresh)
    assert desk.fresh in own_cli.fails(4, "policy", "dead-letters", "retry", desk.fresh)
    assert "expected one of the roles" in own_cli.fails(7, "policy", "dead-letters", "retry", "--as", "analyst:eve")

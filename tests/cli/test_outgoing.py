"""``outgoing``: what waits and what was given up, shown, tried again, dropped."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tests.cli.conftest import Cli, Desk
from ticketcore import Settings, TicketCore
from ticketcore.domain.types import Actor, Role

pytestmark = [pytest.mark.servers, pytest.mark.slow]


def test_mails_are_listed_shown_tried_again_and_dropped(own_cli: Cli, desk: Desk) -> None:
    (waiting,) = own_cli.json("outgoing", "list", "--waiting")
    assert (waiting["ticket"], waiting["comment"], waiting["state"]) == (desk.solved, 3, "waiting")
    assert own_cli.json("outgoing", "list") == []
    settings = Settings.model_validate({
        "dsn": own_cli.settings["TICKETCORE_DSN"], "key_file": own_cli.settings["TICKETCORE_KEY_FILE"], "inline": False,
    })  # fmt: skip
    by = Actor.system("outgoing")
    with TicketCore.open(settings) as core:
        core.attempt_delivery(
            desk.solved, by=by, comment=3, attempt=1, lease=600, message_id="<a@b>", to="zoe@example.org"
        )
        core.fail_delivery(
            desk.solved, by=by, comment=3, attempt=1, permanent=True, reason="refused", code=550, text="unknown"
        )
    (failed,) = own_cli.json("outgoing", "list")
    assert (failed["state"], failed["attempts"], failed["reason"], failed["code"]) == ("failed", 1, "refused", 550)
    assert "zoe@example.org" not in own_cli.ok("outgoing", "list")
    shown = own_cli.json("outgoing", "show", desk.solved, 3)
    assert [e["topic"] for e in shown["events"]] == ["ticket.delivery_attempted", "ticket.delivery_failed"]
    assert "zoe@example.org" in own_cli.ok("outgoing", "show", desk.solved, 3)

    assert "mail 3 of" in own_cli.ok("outgoing", "retry", desk.solved, 3)
    assert own_cli.json("outgoing", "list") == []
    assert own_cli.ok("outgoing", "retry", desk.solved, 3) == "nothing changed\n"
    assert own_cli.json("outgoing", "drop", desk.solved, 3, "--reason", "told by phone")["changed"] is True
    assert own_cli.json("outgoing", "list", "--waiting") == []


def test_what_is_wrong_is_told(own_cli: Cli, desk: Desk) -> None:
    assert "its outgoing mails are 3" in own_cli.fails(4, "outgoing", "retry", desk.solved, 1)
    assert "expected one of the roles" in own_cli.fails(7, "outgoing", "retry", desk.solved, 3, "--as", "analyst:eve")
    said = own_cli.fails(3, "worker", "outgoing")
    assert "TICKETCORE_SMTP_HOST is not set" in said
    said = own_cli.fails(3, "worker", "outgoing", TICKETCORE_SMTP_HOST="127.0.0.1")
    assert "TICKETCORE_MAIL_FROM is not set" in said


def test_a_customer_rates_by_a_link(own_cli: Cli, desk: Desk) -> None:
    values = {"dsn": own_cli.settings["TICKETCORE_DSN"], "key_file": own_cli.settings["TICKETCORE_KEY_FILE"]}
    more = {"inline": False, "mail_from": "help@example.org", "base_url": "https://help.example.org/t"}
    policy = Actor(role=Role.POLICY, id="default", version="1")
    with TicketCore.open(Settings.model_validate({**values, **more})) as core:
        text = core.notice(desk.solved, "survey", by=policy, now=datetime.now(UTC)).text
    token = (text or "").partition("/t/rate/")[2].split()[0]
    assert f"{desk.solved} was rated 5" in own_cli.ok("ticket", "rate", "--token", token, "--score", 5, desk.solved)
    assert own_cli.json("ticket", "show", desk.solved)["score"] == 5
    assert own_cli.json("ticket", "rate", "--token", token, "--score", 5)["repeated"] is True
    assert "each solution is rated once" in own_cli.fails(5, "ticket", "rate", "--token", token, "--score", 1)

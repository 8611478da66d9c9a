"""What becomes of outgoing mails, and acknowledgements, change no queue, no wait and no figure."""

from datetime import UTC, datetime
from typing import Any

from projections.memory import MemoryReadModels
from ticketcore import TicketCore
from ticketcore.domain.types import Actor

ANA, SENDER, ROBOT = Actor.agent("ana"), Actor.system("outgoing"), Actor.system("acknowledgement")
AT = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
NO_MATTER = ("version", "last_event_at")


def rows(core: TicketCore) -> dict[str, dict[Any, dict[str, Any]]]:
    core.queue(by=ANA)  # projects
    models = core._read
    assert isinstance(models, MemoryReadModels)
    return {
        f"{model}.{table}": {
            key: {name: value for name, value in row._asdict().items() if name not in NO_MATTER}
            for key, row in found.items()
        }
        for model, tables in models.tables.items()
        for table, found in tables.rows.items()
    }


def test_deliveries_and_bounces_leave_every_row_as_it_was() -> None:
    with TicketCore.in_memory() as core:
        kim = core.register_customer(by=ANA, name="Kim").number
        ticket = core.open_ticket(by=ANA, channel="mail", requester=kim, body="It fails.", occurred_at=AT).number
        core.comment(ticket, by=ANA, direction="outbound", body="Try again.", occurred_at=AT)
        before = rows(core)
        common: dict[str, Any] = {"by": SENDER, "comment": 2}
        core.attempt_delivery(ticket, attempt=1, lease=600, message_id="<a@b>", to="k@example.org", **common)
        core.fail_delivery(ticket, attempt=1, permanent=False, reason="refused", code=451, retry_at=AT, **common)
        core.attempt_delivery(ticket, attempt=2, lease=600, message_id="<a@b>", to="k@example.org", **common)
        core.confirm_delivery(ticket, attempt=2, **common)
        core.record_bounce(ticket, kind="hard", status="5.1.1", recipient="k@example.org", **common)
        core.retry_delivery(ticket, by=ANA, comment=2)
        core.drop_delivery(ticket, by=ANA, comment=2, reason="told by phone")
        assert rows(core) == before
        entry = core.ticket_history(ticket, by=ANA)[2]
        assert (entry.topic, entry.irregular, entry.fields["to"]) == (
            "ticket.delivery_attempted",
            False,
            "k@example.org",
        )


def test_an_acknowledgement_is_no_reply_and_nobody_waits_less_for_it() -> None:
    with TicketCore.in_memory() as core:
        ticket = core.open_ticket(by=ANA, channel="mail", body="It fails.", occurred_at=AT)
        before = rows(core)
        core.comment(ticket.number, by=ROBOT, direction="outbound", body="We have got it.", occurred_at=AT)
        after = rows(core)
        assert len(after.pop("history.correspondence")) == len(before.pop("history.correspondence")) + 1
        assert after == before
        facts = after["performance.tickets"][ticket.id,]
        assert (facts["first_reply_at"], facts["public_replies"], facts["status"]) == (None, 0, "new")
        assert after["queues.tickets"][ticket.id,]["unanswered_since"] == AT

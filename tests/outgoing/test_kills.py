"""Workers that are killed, before a mail server that misbehaves: a mail may come twice, and never not at all."""

import random
import threading
import time
from pathlib import Path

import pytest

from tests.outgoing.given import ANA, a_customer, a_ticket, reply, set_up, worker
from tests.support.smtp import DROP, DROP_AFTER, Delivered, mailserver
from ticketcore import TicketCore
from ticketcore.domain.types import DeliveryState

MAILS, KILLS = 60, 10


@pytest.mark.servers
@pytest.mark.slow
def test_killed_at_any_point_every_mail_comes_and_none_under_another_name(database: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    settings = set_up(database, tmp_path)

    def moody(_: Delivered) -> str:
        time.sleep(0.05)  # so that kills come amid a dialogue too
        if len(server.mails) > MAILS:
            return "250 OK"
        return chance.choices(["250 OK", "451 later", DROP, DROP_AFTER], [12, 2, 1, 2])[0]

    with mailserver() as server, TicketCore.open(settings) as core:
        server.on_data = moody
        ticket = a_ticket(core, a_customer(core))
        processes = [worker(settings, server, tmp_path / "a")]
        written: list[int] = []
        writing = threading.Thread(target=lambda: written.extend(reply(core, ticket, f"{n}") for n in range(MAILS)))
        writing.start()
        for kill in range(KILLS):
            processes.append(worker(settings, server, tmp_path / "a"))
            time.sleep(chance.uniform(1.0, 2.5))
            if kill == 4:
                server.stop()
                time.sleep(1)
                server.start()
            victim = processes.pop(0)
            victim.kill()
            victim.wait()
        writing.join()
        deadline = time.monotonic() + 90
        while time.monotonic() < deadline:
            found = [core.delivery(ticket, comment) for comment in written]
            if all(one is not None and one.state is DeliveryState.DELIVERED for one in found):
                break
            time.sleep(0.3)
        for process in processes:
            process.terminate()
            assert process.wait(30) == 0, (tmp_path / "a").read_text()
        ids = [core.tokens.ticket_of_message_id(mail.message["Message-ID"]) for mail in server.mails]
        assert {one and one[1] for one in ids} == set(written), "each came, and nothing else"
        assert len(written) == MAILS
        assert all(one is not None and one.state is DeliveryState.DELIVERED for one in found)
        assert core.undelivered() == []
        assert all(
            f"\n{written.index(one[1])}\n" in f"\n{mail.text}"
            for one, mail in zip(ids, server.mails, strict=True)
            if one
        )
        attempts = [e for e in core.ticket_history(ticket, by=ANA) if e.topic == "ticket.delivery_attempted"]
        assert len({(e.fields["comment"], e.fields["attempt"]) for e in attempts}) == len(attempts) >= len(server.mails)
        print(f"{MAILS} mails, {KILLS} kills: {len(attempts)} attempts, {len(server.mails) - MAILS} came twice")

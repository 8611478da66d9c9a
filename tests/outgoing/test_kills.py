"""Workers that are killed, before a mail server that misbehaves: a mail may come twice, and never not at all."""

import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.outgoing.given import ANA, a_customer, a_ticket, reply
from tests.support.smtp import DROP, DROP_AFTER, Delivered, mailserver
from ticketcore import TicketCore
from ticketcore.domain.types import DeliveryState
from ticketcore.settings import Settings
from ticketcore.setup import create_keys, migrate_all

MAILS, KILLS = 60, 10
SENDER = "Support <support@example.org>"


def worker(dsn: str, key_file: Path, port: int, said: Path) -> subprocess.Popen[bytes]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TICKETCORE_")}
    environment = {
        **kept, "TICKETCORE_DSN": dsn, "TICKETCORE_KEY_FILE": str(key_file), "TICKETCORE_MAIL_FROM": SENDER,
        "TICKETCORE_SMTP_HOST": "127.0.0.1", "TICKETCORE_SMTP_PORT": str(port), "TICKETCORE_SMTP_SECURITY": "none",
        "TICKETCORE_SMTP_LEASE": "10", "TICKETCORE_SMTP_RETRY_FIRST": "1", "TICKETCORE_SMTP_RETRY_LONGEST": "2",
        "TICKETCORE_SMTP_POLL": "0.1", "TICKETCORE_SMTP_TIMEOUT": "5",
    }  # fmt: skip
    command = [sys.executable, "-c", "from workers.cli import main; main()", "worker", "outgoing"]
    with said.open("ab") as file:
        return subprocess.Popen(command, env=environment, stdout=file, stderr=file)


@pytest.mark.servers
@pytest.mark.slow
def test_killed_at_any_point_every_mail_comes_and_none_under_another_name(database: str, tmp_path: Path) -> None:
    chance = random.Random(7)
    settings = Settings(dsn=database, key_file=tmp_path / "keys.json", inline=False, mail_from=SENDER)
    create_keys(settings)
    migrate_all(settings.model_copy(update={"keys_dsn": database, "read_dsn": database}))

    def moody(_: Delivered) -> str:
        time.sleep(0.05)  # so that kills come amid a dialogue too
        if len(server.mails) > MAILS:
            return "250 OK"
        return chance.choices(["250 OK", "451 later", DROP, DROP_AFTER], [12, 2, 1, 2])[0]

    with mailserver() as server, TicketCore.open(settings) as core:
        server.on_data = moody
        ticket = a_ticket(core, a_customer(core))
        processes = [worker(database, tmp_path / "keys.json", server.port, tmp_path / "a")]
        written: list[int] = []
        writing = threading.Thread(target=lambda: written.extend(reply(core, ticket, f"{n}") for n in range(MAILS)))
        writing.start()
        for kill in range(KILLS):
            processes.append(worker(database, tmp_path / "keys.json", server.port, tmp_path / "a"))
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

"""A real `ticketcore intake mbox`, killed with SIGKILL wherever it is, and run again until it is done."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.crash.processes import CLI
from tests.intake.given import AUDIT, mail
from tests.intake.test_mailbox import boxed
from tests.support.shared import REPOSITORY
from ticketcore import Settings, TicketCore
from ticketcore.intake.service import Intake

pytestmark = [pytest.mark.slow, pytest.mark.servers]

CONVERSATIONS, KILLS = 150, 10


def mailbox(path: Path) -> int:
    """Write one mail each of many senders and an answer to it; return how many there are."""
    mails = []
    for n in range(CONVERSATIONS):
        sender, id_ = f"kim{n}@example.org", f"<first{n}@example.org>"
        mails.append(mail(f"Question {n}", sender=sender, subject=f"Question {n}", message_id=id_))
        answers = [f"In-Reply-To: {id_}"]
        mails.append(mail(f"And {n}?", sender=sender, message_id=f"<second{n}@example.org>", headers=answers))
    path.write_bytes(b"".join(boxed(raw.replace(b"\r\n", b"\n")) for raw in mails))
    return len(mails)


def test_a_mailbox_is_taken_exactly_once_however_often_its_reader_is_killed(database: str, tmp_path: Path) -> None:
    key_file, box = tmp_path / "keys.json", tmp_path / "mbox"
    count = mailbox(box)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TICKETCORE_")}
    environment |= {
        "TICKETCORE_DSN": database, "TICKETCORE_KEY_FILE": str(key_file), "TICKETCORE_MAIL_FROM": "Help <help@example.com>",
    }  # fmt: skip
    command = [sys.executable, *CLI, "intake", "mbox", str(box), "--json"]
    chance = random.Random(6)
    settings = Settings(dsn=database, key_file=key_file, inline=True, pool_size=2)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        killed = 0
        while killed < KILLS:
            before = core.log.head()
            with subprocess.Popen(command, cwd=REPOSITORY, env=environment, stdout=subprocess.DEVNULL) as process:
                while process.poll() is None and core.log.head() < before + chance.randint(1, 60):
                    time.sleep(0.002)
                time.sleep(chance.uniform(0, 0.02))
                if process.poll() is None:
                    process.kill()
                    killed += 1
            assert process.returncode == -9, "it was done before all kills: more mails are needed"
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=True)
        said = json.loads(done.stdout)
        assert (said["counts"]["mails"], said["failed"]) == (count, [])
        topics = Counter(entry.topic for entry in core.read_events(by=AUDIT))
        assert [topics[f"message.{name}"] for name in ("received", "filed")] == [count, count]
        assert topics["ticket.opened"] == topics["customer.registered"] == CONVERSATIONS
        assert topics["ticket.commented"] == 2 * CONVERSATIONS, "an answer and an acknowledgement each"
        assert Intake(core).sweep() == []
        texts = Counter(
            (entry.fields.get("body") or "").strip()  # type: ignore[attr-defined]
            for entry in core.read_events(by=AUDIT)
            if entry.topic in ("ticket.opened", "ticket.commented") and entry.actor == "system intake"
        )
        wanted = {text for n in range(CONVERSATIONS) for text in (f"Question {n}", f"And {n}?")}
        assert texts == dict.fromkeys(wanted, 1)

"""One sender, or two robots that answer each other, open a set number of tickets an hour; the rest waits, visibly."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.intake.given import ANA, AUDIT, EVE, KIM, NOW, count_of, mail, message
from ticketcore import Settings, TicketCore
from ticketcore.domain.message_events import Outcome
from ticketcore.intake.rules import Rules
from ticketcore.intake.service import Intake

LIMIT = 5
RULES = Rules(new_tickets_per_window=LIMIT)


@pytest.fixture(autouse=True)
def _mail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TICKETCORE_MAIL_FROM", "Help <help@example.com>")


def test_the_rest_of_a_flood_is_held_counted_and_visible(core: TicketCore) -> None:
    intake = Intake(core, RULES)
    outcomes = [intake.receive_mail(mail(f"No {n}")).outcome for n in range(LIMIT + 3)]
    assert outcomes == [Outcome.NEW] * LIMIT + [Outcome.HELD] * 3
    assert [waiting.reason for waiting in intake.held(by=ANA)] == ["flood"] * 3
    assert intake.receive_mail(mail(sender=EVE)).outcome is Outcome.NEW, "another sender has places of their own"


def test_the_hour_slides(core: TicketCore) -> None:
    intake = Intake(core, RULES)

    def at(minutes: int) -> Outcome:
        raw = mail()
        return intake.receive_mail(raw, received_at=NOW + timedelta(minutes=minutes)).outcome

    assert [at(minutes) for minutes in (0, 10, 20, 30, 40, 50)] == [Outcome.NEW] * LIMIT + [Outcome.HELD]
    assert [at(minutes) for minutes in (60, 61, 69, 70, 71)] == [
        Outcome.NEW, Outcome.HELD, Outcome.HELD, Outcome.NEW, Outcome.HELD,
    ]  # fmt: skip
    assert at(600) is Outcome.NEW


def test_answers_to_ones_own_tickets_need_no_place(core: TicketCore) -> None:
    intake = Intake(core, RULES)
    first = intake.receive_mail(mail())
    for _ in range(LIMIT + 3):
        assert intake.receive_mail(mail(subject=f"[{first.ticket}]")).outcome is Outcome.COMMENT


def test_every_channel_has_the_limit(core: TicketCore) -> None:
    intake = Intake(core, RULES)
    sent = [intake.receive(message("chat", "chat", "@kim", message_id=f"c{n}")).outcome for n in range(LIMIT + 1)]
    assert sent == [Outcome.NEW] * LIMIT + [Outcome.HELD]
    raw = b"Subject: x\r\n\r\nHelp %d\r\n"
    nobody = [intake.receive_mail(raw % n, peer_ip="192.0.2.7").outcome for n in range(LIMIT + 1)]
    assert nobody == [Outcome.NEW] * LIMIT + [Outcome.HELD]


def test_a_mailbox_with_an_address_for_each_mail_is_one_sender(core: TicketCore) -> None:
    intake = Intake(core, RULES)
    outcomes = [intake.receive_mail(mail(f"No {n}", sender=f"robot+{n}@bot.example")).outcome for n in range(LIMIT + 1)]
    assert outcomes == [Outcome.NEW] * LIMIT + [Outcome.HELD]
    assert intake.receive_mail(mail(sender="robots@bot.example")).outcome is Outcome.NEW


def test_the_limit_holds_for_threads(core: TicketCore, twin: TicketCore) -> None:
    intakes = [Intake(core, RULES), Intake(twin, RULES)]
    mails = [mail(f"No {n}") for n in range(4 * LIMIT)]
    with ThreadPoolExecutor(8) as pool:
        taken = list(pool.map(lambda numbered: intakes[numbered[0] % 2].receive_mail(numbered[1]), enumerate(mails)))
    assert sorted(t.outcome.value for t in taken) == ["held"] * (3 * LIMIT) + ["new"] * LIMIT
    assert count_of(core, "ticket.opened") == LIMIT
    assert count_of(core, "customer.registered") == 1


def test_a_loop_with_a_robot_that_answers_every_acknowledgement_ends(core: TicketCore) -> None:
    """The robot answers with nothing by which it could be known: no header, no reference, a new subject each time."""
    intake = Intake(core, RULES)
    waiting, rounds = [mail("Hello")], 0
    while waiting and rounds < 100:
        rounds += 1
        taken = intake.receive_mail(waiting.pop())
        if core.message_state(taken.number).acknowledge:  # we write, and the robot answers
            waiting.append(mail(f"Thank you for your mail no {rounds}", subject=f"Case {rounds}"))
    assert rounds == LIMIT + 1
    assert count_of(core, "ticket.opened") == LIMIT
    assert len(intake.held(by=ANA)) == 1


PROCESS = """
import json, sys
from pathlib import Path
from ticketcore import Settings, TicketCore
from ticketcore.intake.rules import Rules
from ticketcore.intake.service import Intake

settings = Settings(dsn=sys.argv[1], key_file=Path(sys.argv[2]), inline=True, pool_size=4)
with TicketCore.open(settings) as core:
    intake = Intake(core, Rules(new_tickets_per_window=int(sys.argv[3])))
    print("ready", flush=True)
    sys.stdin.readline()
    for raw in Path(sys.argv[4]).read_bytes().split(b"\\0"):
        taken = intake.receive_mail(raw)
        print(json.dumps([taken.number, taken.outcome.value, taken.ticket]), flush=True)
"""


@pytest.mark.servers
@pytest.mark.parametrize("same", [True, False], ids=["the same messages", "messages of one sender"])
def test_two_processes_take_a_flood_together(database: str, tmp_path: Path, same: bool) -> None:
    settings = Settings(dsn=database, key_file=tmp_path / "keys.json", inline=True, pool_size=4)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        senders = [f"kim{n}@example.org" if same else KIM for n in range(20)]
        piles = [[mail(f"No {n}", sender=sender) for n, sender in enumerate(senders)] for _ in range(1 if same else 2)]
        files = []
        for number, pile in enumerate(piles):
            files.append(tmp_path / f"mails{number}")
            files[-1].write_bytes(b"\0".join(pile))
        script = tmp_path / "process.py"
        script.write_text(PROCESS, "utf-8")
        workers = [
            subprocess.Popen(
                [sys.executable, script, database, settings.key_file or "", str(LIMIT), files[n % len(files)]],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )
            for n in range(2)
        ]  # fmt: skip
        for worker in workers:
            assert worker.stdout is not None
            assert worker.stdout.readline() == "ready\n"
        for worker in workers:
            assert worker.stdin is not None
            worker.stdin.write("go\n")
            worker.stdin.flush()
        said = [worker.communicate(timeout=120)[0] for worker in workers]
        assert [worker.returncode for worker in workers] == [0, 0]
        told = [[json.loads(line) for line in text.splitlines()] for text in said]
        if same:
            assert told[0] == told[1], "both were told the same of each message"
            assert [count_of(core, topic) for topic in ("message.received", "message.filed", "ticket.opened")] == [
                20
            ] * 3
        else:
            opened = [ticket for pile in told for _, outcome, ticket in pile if outcome == "new"]
            assert len(opened) == LIMIT == count_of(core, "ticket.opened")
            assert len(Intake(core).held(by=ANA)) == 40 - LIMIT
        since = datetime.now(UTC) - timedelta(hours=1)
        assert list(Intake(core).replay(since, RULES, by=AUDIT)) == []
        assert Intake(core).sweep() == []

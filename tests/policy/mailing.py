"""A service desk whose rules write to customers: real workers, a real mail server, PostgreSQL, and a clock that tests set.

The policies' worker and the outgoing worker run in threads, each with a connection of its own to the log, as they do in
their processes. What differs is the time: everything asks the same clock, which goes on by itself and can be moved ahead.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.outgoing.given import ANA, Clock, set_up, smtp
from tests.outgoing.programs import PROGRAMS
from tests.support.smtp import Delivered, Mailserver
from ticketcore import Actor, Role, TicketCore
from ticketcore.intake.rules import Rules
from ticketcore.intake.saga import Taken
from ticketcore.intake.service import Intake
from ticketcore.policy.manager import PolicyManager
from ticketcore.policy.shipped import default_policy
from workers.outgoing.sender import OUTGOING, Sender
from workers.policies.follower import follow

__all__ = ["AUDIT", "DAY", "HOUR", "LEAD", "Mailing", "mailing"]

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
LEAD, AUDIT = Actor(role=Role.TEAM_LEAD, id="lea"), Actor(role=Role.AUDITOR, id="aud")
PATIENCE = 60.0
FIRST = """From: Kim Oz <{sender}>
To: support@example.org
Subject: {subject}
Message-ID: <{id}@mua.example>
Content-Type: text/plain; charset=utf-8

{text}
"""


class Mailing:
    """The desk, its workers and what they sent.

    Attributes:
        core: of the desk; it projects what queries ask for by itself.
        clock: everybody's.
        manager: what the policies' worker follows.
        server: takes what goes out.
    """

    def __init__(self, cores: list[TicketCore], clock: Clock, server: Mailserver, rules: Rules | None) -> None:
        self.core, policies, outgoing = cores
        self.clock, self.server = clock, server
        self.intake = Intake(self.core, rules)
        self.manager = PolicyManager(policies, clock)
        self._stop, self._errors, self._mails = threading.Event(), list[BaseException](), 0
        outgoing.begin_outgoing(clock() - HOUR, by=OUTGOING)
        sender = Sender(outgoing, smtp(server), clock=clock)
        works: list[Callable[[], None]] = [
            lambda: follow(self.manager, self._stop, 0.05),
            lambda: sender.run(self._stop),
        ]
        self._threads = [threading.Thread(target=self._run, args=(work,)) for work in works]
        for thread in self._threads:
            thread.start()

    def end(self) -> None:
        """End the workers as SIGTERM does."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        assert self._errors == []

    def opened(self, text: str = "How do I change my address?", sender: str = "kim@example.net") -> str:
        """Let a customer's first mail come in; return its ticket, once everybody did what is to be done."""
        self._mails += 1
        raw = FIRST.format(sender=sender, subject="Question", id=f"first{self._mails}", text=text)
        taken = self.takes(raw.replace("\n", "\r\n").encode())
        assert taken.ticket is not None
        return taken.ticket

    def answered(self, mail: Delivered, text: str = "Here is my answer.", program: str = "thunderbird") -> Taken:
        """Let the customer answer a mail of ours, as their program does."""
        self._mails += 1
        raw = PROGRAMS[program]._replace(message_id=f"<answer{self._mails}@mua.example>").to(mail, text)
        return self.takes(raw, mail.message["Reply-To"].addresses[0].addr_spec)

    def takes(self, raw: bytes, recipient: str = "support@example.org") -> Taken:
        """Let a mail come in now."""
        taken = self.intake.receive_mail(raw, recipients=[recipient], received_at=self.clock())
        self.settle()
        return taken

    def does(self, name: str, ticket: str, *, by: Actor = ANA, **values: Any) -> None:
        """Let somebody do something now: ``pend``, ``solve``, ..."""
        getattr(self.core, name)(ticket, by=by, **values)
        self.settle()

    def asked(self, ticket: str, text: str = "Which one?") -> None:
        """Let staff ask the customer something, and wait for the answer."""
        self.does("comment", ticket, direction="outbound", channel="mail", body=text)
        self.does("pend", ticket)

    def passes(self, span: timedelta) -> None:
        """Let time pass; whatever is due on the way is done when it is."""
        end = self.clock.ahead + span
        while True:
            at = self.manager.store.waits(self.clock()).next_at
            wait = None if at is None else max(at - self.clock(), timedelta(0)) + timedelta(seconds=1)
            if wait is None or self.clock.ahead + wait > end:
                break
            self.clock.ahead += wait
            self.settle()
        self.clock.ahead = max(end, self.clock.ahead)
        self.settle()

    def settle(self) -> None:
        """Wait until the workers have nothing left to do now."""
        deadline, last = time.monotonic() + PATIENCE, -1
        while True:
            assert self._errors == []
            assert time.monotonic() < deadline, "the workers have not done all in time"
            head = self.core.log.head()
            if self._is_quiet(head) and head == last:
                return
            last = head
            time.sleep(0.05)

    def _is_quiet(self, head: int) -> bool:
        now, store = self.clock(), self.manager.store
        nothing_out = not self.core.due_deliveries(now + HOUR)
        return nothing_out and store.position() == head and store.waits(now).due == 0

    def sent(self, saying: str = "") -> list[Delivered]:
        """Return the mails that went out and say so, in order."""
        return [mail for mail in self.server.mails if saying in mail.text]

    def status(self, ticket: str) -> str:
        """Return a ticket's status."""
        return self.core.show_ticket(ticket, by=ANA).status.value

    def topics(self, ticket: str) -> list[str]:
        """Return what is recorded of a ticket."""
        return [entry.topic.removeprefix("ticket.") for entry in self.core.ticket_history(ticket, by=AUDIT)]

    def rules(self, ticket: str, section: str = "follow_up") -> list[str]:
        """Return the rules of a section that decided about a ticket, in order."""
        found: list[str] = []
        for entry in self.core.ticket_history(ticket, by=AUDIT):
            decided: Any = entry.fields.get("decisions", ()) if entry.topic == "ticket.policy_decided" else ()
            found += [one["rule"] for one in decided if one["section"] == section]
        return found

    def _run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:  # noqa: BLE001 -- the test's own thread tells it
            self._errors.append(error)


@contextmanager
def mailing(
    dsn: str,
    folder: Path,
    server: Mailserver,
    patch: pytest.MonkeyPatch,
    policy: str | None = None,
    rules: Rules | None = None,
    clock: Clock | None = None,
    **settings: Any,
) -> Iterator[Mailing]:
    """Give a desk that runs until the end of the block.

    Args:
        dsn: of an empty data base.
        folder: for its keys.
        server: takes what goes out.
        patch: sets the clock that the library asks where nobody says when something happened.
        policy: the document; the one that ships where not given.
        rules: of the intake.
        clock: everybody's; that of another desk where there are two.
        settings: more of them.
    """
    time = clock or Clock()
    chosen = {"base_url": "https://desk.example.org/t", "pool_size": 4, **settings}
    known = set_up(dsn, folder).model_copy(update=chosen)
    patch.setattr("ticketcore.execution.datetime", SimpleNamespace(now=lambda zone: time().astimezone(zone)))
    with ExitStack() as stack:
        cores = [stack.enter_context(TicketCore.open(known.model_copy(update={"inline": n == 0}))) for n in range(3)]
        cores[0].adopt_policy(policy or default_policy(), by=LEAD)
        desk = Mailing(cores, time, server, rules)
        try:
            yield desk
        finally:
            desk.end()

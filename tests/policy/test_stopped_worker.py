"""A policies' worker that falls silent in the middle of its transaction, as by SIGSTOP, holds up nobody for long."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from tests.crash.processes import until
from tests.policy.test_manager import LEAD, POLICY, route, topics
from ticketcore import Actor, Settings, TicketCore
from ticketcore.domain.service_events import Section
from ticketcore.policy.engine import Part
from ticketcore.policy.manager import PolicyManager
from ticketcore.policy.steps import Step, View

pytestmark = pytest.mark.servers


def waits_for_nobody(_: View) -> None:
    """It is the section that gives tickets to agents, as the engine sees it."""


def test_another_worker_does_what_one_holds_that_fell_silent_and_that_one_goes_on_once_it_wakes(
    database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ticketcore.policy.store_postgres._STOPPED", "300ms")
    silent, woken, stop = threading.Event(), threading.Event(), threading.Event()
    told: list[Exception] = []

    def falls_silent(view: View) -> list[Step]:
        if not silent.is_set():
            silent.set()
            assert woken.wait(60)
        return route(view)

    def retried(error: Exception, *_: object) -> None:
        told.append(error)
        stop.set()

    with TicketCore.open(Settings(dsn=database, key_file=tmp_path / "keys.json"), migrate=True, make_keys=True) as core:
        core.adopt_policy(POLICY, by=LEAD, effective_at=datetime.now(UTC) - timedelta(minutes=4))
        ticket = core.open_ticket(by=Actor.system("form"), channel="form", body="It is dark.")
        first, second = (
            PolicyManager(
                core, sections=(Part(Section.ROUTING, steps, None, waits_for_nobody),)
            )  # asked under the desk's lock
            for steps in (falls_silent, route)
        )
        thread = threading.Thread(target=lambda: first.run(stop, poll=0.05, on_retry=retried))
        thread.start()
        try:
            assert silent.wait(60)
            until(lambda: second.catch_up().commands == 1, 30, "the other worker has the ticket")
        finally:
            woken.set()
            thread.join(60)
        [error] = told
        assert isinstance(error, psycopg.OperationalError | psycopg.errors.IdleInTransactionSessionTimeout)
        assert topics(core, ticket) == ["opened", "policy_decided", "assigned"]
        assert first.catch_up().commands == 0

"""The queues as the event library's manual writes a projection: a view with methods, a transaction an event."""

import time
from collections.abc import Sequence
from typing import Any

from eventsourcing.dispatch import singledispatchmethod
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresDatastore, PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL

from bench.stock import StockDesk, StockTicket

__all__ = ["project_queues"]


class QueuesView(PostgresTrackingRecorder):
    """One row a ticket: what our ``queues.tickets`` says of it, without deadlines."""

    def __init__(self, datastore: PostgresDatastore, **kwargs: Any) -> None:
        super().__init__(datastore, **kwargs)
        self.sql_create_statements.append(
            SQL(
                "CREATE TABLE IF NOT EXISTS queues (ticket_id uuid PRIMARY KEY, number text NOT NULL,"
                " channel text NOT NULL, requester_id text, status text NOT NULL, team_id text, agent_id text,"
                " category text, subcategory text, priority text, impact text, urgency text,"
                " opened_at timestamptz NOT NULL, last_event_at timestamptz NOT NULL,"
                " status_since timestamptz NOT NULL, waiting_since timestamptz NOT NULL)"
            ).format()
        )
        self.sql_create_statements.append(
            SQL("CREATE INDEX IF NOT EXISTS queues_by_team ON queues (team_id, waiting_since)").format()
        )

        self.began = self.ended = 0.0

    def write(self, statement: str, values: Sequence[Any], tracking: Tracking) -> None:
        self.began = self.began or time.perf_counter()
        with self.datastore.transaction(commit=True) as cursor:
            cursor.execute(statement.encode(), values, prepare=True)
            self._insert_tracking(cursor, tracking)
        self.ended = time.perf_counter()


class Queues(Projection[QueuesView]):
    name = "queues"

    @singledispatchmethod
    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        self._set(domain_event, tracking)

    @process_event.register
    def _(self, domain_event: StockTicket.Opened, tracking: Tracking) -> None:  # type: ignore[name-defined]
        event = domain_event
        at = event.meta["occurred_at"]
        get = event.fields.get
        self.view.write(
            "INSERT INTO queues VALUES (%s, %s, %s, %s, 'new', %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [event.originator_id, event.number, event.channel, get("requester_id"), get("team_id"), get("agent_id"),
             get("category"), get("subcategory"), get("priority"), get("impact"), get("urgency"), at, at, at, at],
            tracking,
        )  # fmt: skip

    @process_event.register
    def _(self, domain_event: StockTicket.Assigned, tracking: Tracking) -> None:  # type: ignore[name-defined]
        self._set(domain_event, tracking, team_id=domain_event.team_id, agent_id=domain_event.agent_id)

    @process_event.register
    def _(self, domain_event: StockTicket.Classified, tracking: Tracking) -> None:  # type: ignore[name-defined]
        self._set(domain_event, tracking, category=domain_event.category, subcategory=domain_event.subcategory)

    @process_event.register
    def _(self, domain_event: StockTicket.Prioritised, tracking: Tracking) -> None:  # type: ignore[name-defined]
        event = domain_event
        self._set(event, tracking, priority=event.priority, impact=event.impact, urgency=event.urgency)

    @process_event.register
    def _(self, domain_event: StockTicket.Moved, tracking: Tracking) -> None:  # type: ignore[name-defined]
        at = domain_event.meta["occurred_at"]
        self._set(domain_event, tracking, status=domain_event.status, status_since=at, waiting_since=at)

    def _set(self, event: Any, tracking: Tracking, **columns: Any) -> None:
        columns["last_event_at"] = event.meta["occurred_at"]
        names = ", ".join(f"{name} = %s" for name in columns)
        self.view.write(
            f"UPDATE queues SET {names} WHERE ticket_id = %s", [*columns.values(), event.originator_id], tracking
        )


def project_queues(env: dict[str, str], last: int) -> float:
    """Run the library's runner until it holds the event *last*; return the seconds from the first event to the last commit."""
    with ProjectionRunner(
        application_class=StockDesk, projection_class=Queues, view_class=QueuesView, env=env
    ) as runner:
        runner.wait(last, timeout=120)
        return runner.view.ended - runner.view.began

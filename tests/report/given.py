"""Three tickets whose figures are worked out by hand."""

from datetime import timedelta
from typing import Any

from projections.report import Figure, Report
from projections.runner import Runner
from projections.schema import install
from tests.projections.given import ANA, START, SYSTEM, Life, ListLog, after, customer_id, ev, opened
from ticketcore.domain.types import Actor, Channel, Direction, Priority, SlaTarget

__all__ = ["LATER", "at_hours", "project", "three_lives", "value", "values"]

LATER = START + timedelta(days=10)


def reply(life: Life, hours: float, by: Actor = ANA) -> Life:
    return life.then(ev.Commented, after(hours=hours), by, direction=Direction.OUTBOUND, channel=Channel.MAIL)


def at_hours(hours: float) -> Any:
    return after(hours=hours)


def three_lives(times: int = 1) -> list[Life]:
    """One answered at once, one with a way through everything, one that still waits; and the same again, *times* in all."""
    return [life for n in range(times) for life in _three(3 * n)]


def _three(before: int) -> list[Life]:
    customer = Actor.customer("C-2026-000001-0")
    quick = opened(before + 1, after(), team_id="post", category="invoice", language="de")
    reply(quick, 2)
    quick.then(ev.Solved, after(hours=4)).then(ev.Closed, after(hours=100)).then(ev.Rated, after(hours=101), score=5)

    long = opened(before + 2, after(hours=1), team_id="post", category="parcel", priority=Priority.HIGH)
    long.then(ev.SlaApplied, after(hours=1), SYSTEM, target=SlaTarget.RESOLUTION, policy="gold 1")
    long.then(ev.Assigned, after(hours=2), team_id="bill", agent_id="ana")
    reply(long, 4)
    long.then(ev.Pended, after(hours=4))
    long.then(ev.Commented, after(hours=6), customer, direction=Direction.INBOUND, channel=Channel.MAIL,
              author_id=customer_id(1))  # fmt: skip
    long.then(ev.Resumed, after(hours=6))
    long.then(ev.Held, after(hours=7)).then(ev.Resumed, after(hours=8))
    reply(long, 9)
    long.then(ev.Solved, after(hours=9)).then(ev.Reopened, after(hours=10))
    long.then(ev.SlaBreached, after(hours=15), SYSTEM, target=SlaTarget.RESOLUTION)
    long.then(ev.Solved, after(hours=21)).then(ev.Rated, after(hours=22), score=2)
    long.then(ev.TimeLogged, after(hours=22), seconds=5400, agent_id="ana")

    waiting = opened(before + 3, after(days=1), channel=Channel.CHAT)
    return [quick, long, waiting]


def project(dsn: str, lives: list[Life]) -> None:
    install(dsn)
    log = ListLog([event for life in lives for event in life.events])
    runner = Runner(dsn, log, log.decode)
    try:
        runner.catch_up()
    finally:
        runner.close()


def values(figures: tuple[Figure, ...]) -> dict[str, float | None]:
    return {figure.name: figure.value for figure in figures}


def value(report: Report, name: str) -> float | None:
    return values((*report.figures, *report.source))[name]

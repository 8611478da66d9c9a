"""A life of three tickets with promises: two kept and two broken, some running, two kept. All times UTC."""

from datetime import UTC, datetime

from tests.domain.given import answered, commented, opened, sla_applied, sla_breached, sla_fulfilled, solved
from tests.worked.lives import Figures, at, moment, ticket, worked
from ticketcore.domain.types import SlaTarget

PROMISED, DUE, KEPT = ticket(603), ticket(604), ticket(605)
FIRST, NEXT, RESOLUTION = SlaTarget.FIRST_REPLY, SlaTarget.NEXT_REPLY, SlaTarget.RESOLUTION


def _due(time: str) -> datetime:
    return moment(f"2026-05-11 {time}")


PROMISES = worked(
    "promises kept, broken and still running",
    at("2026-05-11 08:00", *(opened(t, team_id="mail") for t in (PROMISED, DUE, KEPT))),
    at("2026-05-11 08:00",
       sla_applied(PROMISED, target=FIRST, due_at=_due("10:00"), policy="gold 1"),
       sla_applied(PROMISED, target=RESOLUTION, due_at=_due("16:00"), policy="gold 1"),
       sla_applied(DUE, target=FIRST, due_at=_due("12:00"), policy="gold 1"),
       sla_applied(DUE, target=RESOLUTION, due_at=datetime(2026, 5, 12, 8, tzinfo=UTC), policy="gold 1")),
    at("2026-05-11 08:30", answered(KEPT)),
    at("2026-05-11 09:00", answered(PROMISED), sla_fulfilled(PROMISED, target=FIRST, fulfilled_at=_due("09:00"))),
    at("2026-05-11 09:00", commented(KEPT), sla_applied(KEPT, target=NEXT, due_at=_due("10:00"), policy="gold 1")),
    at("2026-05-11 09:30", answered(KEPT), sla_fulfilled(KEPT, target=NEXT, fulfilled_at=_due("09:30"))),
    at("2026-05-11 11:00", commented(KEPT), sla_applied(KEPT, target=NEXT, due_at=_due("12:00"), policy="gold 1")),
    at("2026-05-11 11:15", answered(KEPT), sla_fulfilled(KEPT, target=NEXT, fulfilled_at=_due("11:15"))),
    at("2026-05-11 11:30", solved(KEPT)),
    at("2026-05-11 11:00", commented(PROMISED),
       sla_applied(PROMISED, target=NEXT, due_at=_due("12:00"), policy="gold 1")),
    at("2026-05-11 12:00", sla_breached(PROMISED, target=NEXT, breached_at=_due("12:00"))),
    at("2026-05-11 12:30", answered(PROMISED)),  # too late
    at("2026-05-11 13:00", commented(PROMISED),
       sla_applied(PROMISED, target=NEXT, due_at=_due("14:00"), policy="gold 1")),
    at("2026-05-11 13:30", answered(PROMISED), sla_fulfilled(PROMISED, target=NEXT, fulfilled_at=_due("13:30"))),
    at("2026-05-11 16:00", sla_breached(PROMISED, target=RESOLUTION, breached_at=_due("16:00"))),
    at("2026-05-11 17:00", solved(PROMISED)),
    figures={
        PROMISED: Figures(
            status="solved",
            first_reply=3_600,
            first_solved=32_400,  # 08:00 -> 17:00
            last_solved=32_400,
            requester_wait=32_400,
            replies=3,
            inbound=3,
            sla=("attained", "breached", "breached"),  # the next reply too: once broken, a kept one mends nothing
            sla_attained=2,  # 09:00 and 13:30
            sla_breached=2,  # 12:00 and 16:00
            stretches=(
                ("2026-05-11 08:00", "2026-05-11 09:00", "new", "mail", None),
                ("2026-05-11 09:00", "2026-05-11 17:00", "open", "mail", None),
                ("2026-05-11 17:00", None, "solved", "mail", None),
            ),
        ),
        DUE: Figures(
            status="new",
            sla=("active", None, "active"),  # neither attained nor breached yet
            waiting_since="2026-05-11 08:00",
            due_at="2026-05-11 12:00",  # the nearer of 12:00 and 08:00 of the next day
            stretches=(("2026-05-11 08:00", None, "new", "mail", None),),
        ),
        KEPT: Figures(
            status="solved",
            first_reply=1_800,
            first_solved=12_600,  # 08:00 -> 11:30
            last_solved=12_600,
            requester_wait=12_600,
            replies=3,
            inbound=3,
            sla=(None, "attained", None),  # per target the last promise's end; how many there were is counted beside
            sla_attained=2,
            stretches=(
                ("2026-05-11 08:00", "2026-05-11 08:30", "new", "mail", None),
                ("2026-05-11 08:30", "2026-05-11 11:30", "open", "mail", None),
                ("2026-05-11 11:30", None, "solved", "mail", None),
            ),
        ),
    },
    backlog={
        "2026-05-11 10:00": {PROMISED: 7_200, DUE: 7_200, KEPT: 7_200},
        "2026-05-11 12:00": {PROMISED: 14_400, DUE: 14_400},
    },
)  # fmt: skip

LIVES = (PROMISES,)

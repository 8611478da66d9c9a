"""A life under promises in business time: Monday to Friday, 09:00 to 17:00 UTC; first reply in 1 h, resolution in 8 h.

What the policy's worker records is worked out by hand here too; tests/policy/test_worked_promises.py derives it.
"""

from tests.domain.given import (
    answered,
    commented,
    measured,
    merged,
    opened,
    pended,
    reopened,
    resumed,
    sla_applied,
    sla_breached,
    sla_fulfilled,
    sla_paused,
    sla_resumed,
    sla_withdrawn,
    solved,
)
from tests.worked.lives import Figures, at, moment, ticket, worked
from ticketcore.domain.types import Actor, Priority, Role, SlaTarget

LATE, JOINED = ticket(801), ticket(802)
FIRST, RESOLUTION = SlaTarget.FIRST_REPLY, SlaTarget.RESOLUTION
POLICY = Actor(role=Role.POLICY, id="office", version="1")
PROMISE = {"policy": "office/1", "by": POLICY}
MEASURED = {"policy": "office/1", "calendar": "office", "by": POLICY}


BUSINESS = worked(
    "promises in business time over a weekend: broken, paused, reopened, withdrawn",
    at("2026-04-17 16:00", opened(LATE, team_id="mail", priority=Priority.NORMAL)),  # a Friday
    at("2026-04-17 16:00",
       sla_applied(LATE, target=FIRST, due_at=moment("2026-04-17 17:00"), **PROMISE),
       sla_applied(LATE, target=RESOLUTION, due_at=moment("2026-04-20 16:00"), **PROMISE)),  # 1 h + 7 h
    at("2026-04-17 16:45", opened(JOINED, team_id="mail", priority=Priority.NORMAL)),
    at("2026-04-17 16:45",
       sla_applied(JOINED, target=FIRST, due_at=moment("2026-04-20 09:45"), **PROMISE),  # 15 + 45 min
       sla_applied(JOINED, target=RESOLUTION, due_at=moment("2026-04-20 16:45"), **PROMISE)),
    at("2026-04-18 10:00",  # the worker was down until Saturday
       sla_breached(LATE, target=FIRST, breached_at=moment("2026-04-17 17:00"), by=POLICY)),
    at("2026-04-20 09:00", *merged(JOINED, LATE)),
    at("2026-04-20 09:00",
       sla_withdrawn(JOINED, target=FIRST, at=moment("2026-04-20 09:00"), reason="merged", by=POLICY),
       sla_withdrawn(JOINED, target=RESOLUTION, at=moment("2026-04-20 09:00"), reason="merged", by=POLICY)),
    at("2026-04-20 09:30", answered(LATE)),
    at("2026-04-20 09:30",
       measured(LATE, first_reply_seconds=5_400, requester_wait_seconds=5_400, agent_wait_seconds=0, **MEASURED)),
    at("2026-04-20 10:00", pended(LATE)),
    at("2026-04-20 10:00",
       sla_paused(LATE, target=RESOLUTION, at=moment("2026-04-20 10:00"), elapsed_seconds=7_200, by=POLICY)),  # 1 h + 1 h
    at("2026-04-21 11:00", commented(LATE), resumed(LATE)),
    at("2026-04-21 11:00",
       sla_resumed(LATE, target=RESOLUTION, at=moment("2026-04-21 11:00"), due_at=moment("2026-04-21 17:00"), by=POLICY)),
    at("2026-04-21 12:00", solved(LATE)),
    at("2026-04-21 12:00",
       sla_fulfilled(LATE, target=RESOLUTION, fulfilled_at=moment("2026-04-21 12:00"), by=POLICY),
       measured(
           LATE,
           first_reply_seconds=5_400,
           first_solved_seconds=43_200,  # 1 h + 8 h + 3 h
           last_solved_seconds=43_200,
           requester_wait_seconds=10_800,  # 1 h of Friday, 1 h of Monday, 1 h of Tuesday
           agent_wait_seconds=32_400,  # Monday 10:00-17:00, Tuesday 09:00-11:00
           **MEASURED,
       )),
    at("2026-04-22 10:00", commented(LATE), reopened(LATE)),
    at("2026-04-22 10:00",
       sla_applied(LATE, target=RESOLUTION, due_at=moment("2026-04-22 15:00"), **PROMISE)),  # 3 h of 8 h are used
    at("2026-04-22 11:00", pended(LATE)),
    at("2026-04-22 11:00",
       sla_paused(LATE, target=RESOLUTION, at=moment("2026-04-22 11:00"), elapsed_seconds=14_400, by=POLICY)),
    figures={
        LATE: Figures(
            status="pending",
            first_reply=235_800,  # 65 h 30 min
            first_solved=331_200,  # 92 h
            last_solved=331_200,
            requester_wait=244_800,  # 66 h + 1 h + 1 h
            agent_wait=90_000,  # 25 h; the second pause runs
            business=(5_400, 43_200, 43_200, 10_800, 32_400),  # as of the solving
            reopens=1,
            replies=1,
            inbound=3,
            sla=("breached", None, "paused"),
            sla_attained=0,  # the resolution was in time, and goes on
            sla_breached=1,
            waiting_since="2026-04-21 11:00",
            due_at=None,  # broken and answered; standing still
            stretches=(
                ("2026-04-17 16:00", "2026-04-20 09:30", "new", "mail", None),
                ("2026-04-20 09:30", "2026-04-20 10:00", "open", "mail", None),
                ("2026-04-20 10:00", "2026-04-21 11:00", "pending", "mail", None),
                ("2026-04-21 11:00", "2026-04-21 12:00", "open", "mail", None),
                ("2026-04-21 12:00", "2026-04-22 10:00", "solved", "mail", None),
                ("2026-04-22 10:00", "2026-04-22 11:00", "open", "mail", None),
                ("2026-04-22 11:00", None, "pending", "mail", None),
            ),
        ),
        JOINED: Figures(
            status="merged",
            requester_wait=231_300,  # 64 h 15 min
            sla=("withdrawn", None, "withdrawn"),
            merged_into=LATE,
            stretches=(
                ("2026-04-17 16:45", "2026-04-20 09:00", "new", "mail", None),
                ("2026-04-20 09:00", None, "merged", "mail", None),
            ),
        ),
    },
    backlog={
        "2026-04-19 00:00": {LATE: 115_200, JOINED: 112_500},  # 32 h, 31 h 15 min
        "2026-04-21 13:00": {},
        "2026-04-22 10:30": {LATE: 412_200},  # 114 h 30 min
    },
)  # fmt: skip

LIVES = (BUSINESS,)

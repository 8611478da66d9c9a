"""Lives about waits: for the customer (pending) and for somebody else (on hold). All times UTC."""

from tests.domain.given import (
    BOB,
    answered,
    assigned,
    closed,
    commented,
    held,
    opened,
    pended,
    resumed,
    solved,
)
from tests.worked.lives import Figures, at, ticket, worked

PAUSED, VENDOR, MIXED = ticket(201), ticket(202), ticket(203)

PENDING = worked(
    "two pauses for the customer",
    at("2026-03-09 08:00", opened(PAUSED, team_id="mail", category="invoice")),
    at("2026-03-09 09:00", answered(PAUSED), pended(PAUSED)),  # open for no time at all, then pending
    at("2026-03-09 12:00", commented(PAUSED), resumed(PAUSED)),
    at("2026-03-09 12:30", answered(PAUSED), pended(PAUSED)),
    at("2026-03-09 14:30", commented(PAUSED), resumed(PAUSED)),
    at("2026-03-09 15:00", solved(PAUSED)),
    figures={
        PAUSED: Figures(
            status="solved",
            first_reply=3_600,
            first_solved=25_200,  # 08:00 -> 15:00 = 7 * 3,600 = both waits together
            last_solved=25_200,
            requester_wait=7_200,  # 08:00-09:00, 12:00-12:30, 14:30-15:00 = 2 h
            agent_wait=18_000,  # 09:00-12:00, 12:30-14:30 = 5 h
            replies=2,
            inbound=3,
            stretches=(
                ("2026-03-09 08:00", "2026-03-09 09:00", "new", "mail", None),
                ("2026-03-09 09:00", "2026-03-09 09:00", "open", "mail", None),
                ("2026-03-09 09:00", "2026-03-09 12:00", "pending", "mail", None),
                ("2026-03-09 12:00", "2026-03-09 12:30", "open", "mail", None),
                ("2026-03-09 12:30", "2026-03-09 14:30", "pending", "mail", None),
                ("2026-03-09 14:30", "2026-03-09 15:00", "open", "mail", None),
                ("2026-03-09 15:00", None, "solved", "mail", None),
            ),
        )
    },
    backlog={"2026-03-09 09:00": {PAUSED: 3_600}, "2026-03-09 13:00": {PAUSED: 18_000}},  # once each; pending is in it
)

ON_HOLD = worked(
    "on hold for a vendor: the requester waits on",
    at("2026-03-10 08:00", opened(VENDOR, team_id="billing", agent_id="bob")),
    at("2026-03-10 08:30", held(VENDOR, reason="vendor", by=BOB)),
    at("2026-03-10 16:30", resumed(VENDOR, by=BOB)),
    at("2026-03-10 17:00", answered(VENDOR, by=BOB), solved(VENDOR, by=BOB)),
    figures={
        VENDOR: Figures(
            status="solved",
            first_reply=32_400,  # 08:00 -> 17:00 = 9 * 3,600
            first_solved=32_400,
            last_solved=32_400,
            requester_wait=32_400,  # 30 min + 8 h + 30 min
            on_hold=28_800,  # 08:30 -> 16:30, part of the requester's wait
            replies=1,
            one_touch=True,
            stretches=(
                ("2026-03-10 08:00", "2026-03-10 08:30", "open", "billing", "bob"),
                ("2026-03-10 08:30", "2026-03-10 16:30", "on_hold", "billing", "bob"),
                ("2026-03-10 16:30", "2026-03-10 17:00", "open", "billing", "bob"),
                ("2026-03-10 17:00", None, "solved", "billing", "bob"),
            ),
        )
    },
    backlog={"2026-03-10 12:00": {VENDOR: 14_400}},
)

PENDING_AND_HOLD = worked(
    "pending, on hold, pending again: each second belongs to one wait",
    at("2026-03-11 08:00", opened(MIXED, team_id="mail")),
    at("2026-03-11 08:15", assigned(MIXED, team_id="mail", agent_id="ana")),
    at("2026-03-11 08:45", answered(MIXED)),
    at("2026-03-11 09:00", pended(MIXED)),
    at("2026-03-11 10:00", held(MIXED, reason="warehouse")),
    at("2026-03-11 13:00", pended(MIXED)),
    at("2026-03-11 15:00", commented(MIXED), resumed(MIXED)),
    at("2026-03-11 15:20", answered(MIXED)),
    at("2026-03-11 15:30", solved(MIXED)),
    at("2026-03-12 15:30", closed(MIXED)),
    figures={
        MIXED: Figures(
            status="closed",
            first_reply=2_700,  # 08:00 -> 08:45
            first_solved=27_000,  # 7 h 30 min = 16,200 + 10,800
            last_solved=27_000,
            closed=113_400,  # 31 h 30 min
            requester_wait=16_200,  # 08:00-09:00 3,600 + 10:00-13:00 10,800 + 15:00-15:30 1,800
            on_hold=10_800,
            agent_wait=10_800,  # 09:00-10:00 + 13:00-15:00 = 3 h
            agent_changes=1,
            replies=2,
            inbound=2,
            stretches=(
                ("2026-03-11 08:00", "2026-03-11 08:15", "new", "mail", None),
                ("2026-03-11 08:15", "2026-03-11 09:00", "open", "mail", "ana"),
                ("2026-03-11 09:00", "2026-03-11 10:00", "pending", "mail", "ana"),
                ("2026-03-11 10:00", "2026-03-11 13:00", "on_hold", "mail", "ana"),
                ("2026-03-11 13:00", "2026-03-11 15:00", "pending", "mail", "ana"),
                ("2026-03-11 15:00", "2026-03-11 15:30", "open", "mail", "ana"),
                ("2026-03-11 15:30", "2026-03-12 15:30", "solved", "mail", "ana"),
                ("2026-03-12 15:30", None, "closed", "mail", "ana"),
            ),
        )
    },
    backlog={"2026-03-11 12:00": {MIXED: 14_400}, "2026-03-11 14:00": {MIXED: 21_600}, "2026-03-12 08:00": {}},
)

LIVES = (PENDING, ON_HOLD, PENDING_AND_HOLD)

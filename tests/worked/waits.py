"""Lives about waits: for the customer (pending), for somebody else (on hold), and after solving. All times UTC."""

from tests.domain.given import (
    BOB,
    C1,
    answered,
    assigned,
    closed,
    commented,
    fact,
    held,
    opened,
    pended,
    reopened,
    resumed,
    solved,
)
from tests.worked.lives import Figures, at, ticket, worked
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.types import Priority

PAUSED, VENDOR, MIXED = ticket(201), ticket(202), ticket(203)
BACK, TWICE, OVER, NEXT = ticket(301), ticket(302), ticket(303), ticket(304)

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

REOPENED = worked(
    "the customer's mail reopens a solved ticket",
    at("2026-03-16 08:00", opened(BACK, team_id="mail", agent_id="ana", priority=Priority.HIGH)),
    at("2026-03-16 08:40", answered(BACK)),
    at("2026-03-16 09:00", solved(BACK)),
    at("2026-03-17 09:00", commented(BACK), reopened(BACK)),
    at("2026-03-17 09:30", answered(BACK)),
    at("2026-03-17 10:00", solved(BACK)),
    figures={
        BACK: Figures(
            status="solved",
            first_reply=2_400,  # 08:00 -> 08:40
            first_solved=3_600,
            last_solved=93_600,  # 26 h: the day between counts
            requester_wait=7_200,  # an hour on each day: the day between, solved, does not count
            reopens=1,
            replies=2,
            inbound=2,
            stretches=(
                ("2026-03-16 08:00", "2026-03-16 09:00", "open", "mail", "ana"),
                ("2026-03-16 09:00", "2026-03-17 09:00", "solved", "mail", "ana"),
                ("2026-03-17 09:00", "2026-03-17 10:00", "open", "mail", "ana"),
                ("2026-03-17 10:00", None, "solved", "mail", "ana"),
            ),
        )
    },
    backlog={"2026-03-16 12:00": {}, "2026-03-17 09:15": {BACK: 90_900}},  # 25 h 15 min: age is from the opening
)

REOPENED_TWICE = worked(
    "reopened from solved, and later from closed",
    at("2026-03-18 08:00", opened(TWICE, team_id="mail")),
    at("2026-03-18 09:00", answered(TWICE), solved(TWICE)),
    at("2026-03-18 11:00", reopened(TWICE, reason="wrong invoice")),
    at("2026-03-18 12:00", solved(TWICE)),
    at("2026-03-18 13:00", closed(TWICE)),
    at("2026-03-19 08:00", reopened(TWICE)),
    at("2026-03-19 08:30", solved(TWICE)),
    at("2026-03-19 09:30", closed(TWICE)),
    figures={
        TWICE: Figures(
            status="closed",
            first_reply=3_600,
            first_solved=3_600,
            last_solved=88_200,  # to 08:30 of the next day = 24 h 30 min; the second of three entries is in no figure
            closed=91_800,  # last entry into closed = 25 h 30 min
            requester_wait=9_000,  # 1 h + 1 h + 30 min
            reopens=2,
            replies=1,
            one_touch=False,  # one reply, but reopened
            stretches=(
                ("2026-03-18 08:00", "2026-03-18 09:00", "new", "mail", None),
                ("2026-03-18 09:00", "2026-03-18 09:00", "open", "mail", None),
                ("2026-03-18 09:00", "2026-03-18 11:00", "solved", "mail", None),
                ("2026-03-18 11:00", "2026-03-18 12:00", "open", "mail", None),
                ("2026-03-18 12:00", "2026-03-18 13:00", "solved", "mail", None),
                ("2026-03-18 13:00", "2026-03-19 08:00", "closed", "mail", None),
                ("2026-03-19 08:00", "2026-03-19 08:30", "open", "mail", None),
                ("2026-03-19 08:30", "2026-03-19 09:30", "solved", "mail", None),
                ("2026-03-19 09:30", None, "closed", "mail", None),
            ),
        )
    },
    backlog={"2026-03-18 11:30": {TWICE: 12_600}, "2026-03-18 23:00": {}, "2026-03-19 08:15": {TWICE: 87_300}},
)

FOLLOW_UP = worked(
    "a closed ticket stays as it was; the follow-up has a clock of its own",
    at("2026-03-23 08:00", opened(OVER, team_id="mail")),
    at("2026-03-23 08:30", answered(OVER), solved(OVER)),
    at("2026-03-27 08:30", closed(OVER)),
    at("2026-04-01 10:00", opened(NEXT, team_id="mail", requester_id=C1, follow_up_of=OVER),
       fact(ev.FollowUpOpened, OVER, new_id=NEXT)),
    at("2026-04-01 10:20", answered(NEXT)),
    at("2026-04-01 10:30", solved(NEXT)),
    figures={
        OVER: Figures(
            status="closed",
            first_reply=1_800,
            first_solved=1_800,
            last_solved=1_800,
            closed=347_400,  # 4 * 86,400 + 1,800
            requester_wait=1_800,
            reopens=0,  # a follow-up is no reopening
            replies=1,
            one_touch=True,
            stretches=(
                ("2026-03-23 08:00", "2026-03-23 08:30", "new", "mail", None),
                ("2026-03-23 08:30", "2026-03-23 08:30", "open", "mail", None),
                ("2026-03-23 08:30", "2026-03-27 08:30", "solved", "mail", None),
                ("2026-03-27 08:30", None, "closed", "mail", None),
            ),
        ),
        NEXT: Figures(
            status="solved",
            first_reply=1_200,  # 10:00 -> 10:20
            first_solved=1_800,
            last_solved=1_800,
            requester_wait=1_800,
            replies=1,
            one_touch=True,
            stretches=(
                ("2026-04-01 10:00", "2026-04-01 10:20", "new", "mail", None),
                ("2026-04-01 10:20", "2026-04-01 10:30", "open", "mail", None),
                ("2026-04-01 10:30", None, "solved", "mail", None),
            ),
        ),
    },
    backlog={"2026-03-30 00:00": {}, "2026-04-01 10:25": {NEXT: 1_500}},
)  # fmt: skip

LIVES = (PENDING, ON_HOLD, PENDING_AND_HOLD, REOPENED, REOPENED_TWICE, FOLLOW_UP)

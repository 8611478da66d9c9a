"""Lives that go on after solving: reopened once, reopened twice, taken up by a follow-up. All times UTC."""

from tests.domain.given import C1, answered, closed, commented, fact, opened, reopened, solved
from tests.worked.lives import Figures, at, ticket, worked
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.types import Priority

BACK, TWICE, OVER, NEXT = ticket(301), ticket(302), ticket(303), ticket(304)

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

LIVES = (REOPENED, REOPENED_TWICE, FOLLOW_UP)

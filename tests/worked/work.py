"""Lives about teams and agents, ratings, late news and imports. All times UTC."""

from tests.domain.given import (
    BOB,
    KIM,
    answered,
    assigned,
    closed,
    commented,
    fact,
    opened,
    pended,
    rated,
    resumed,
    solved,
    unassigned,
)
from tests.worked.lives import Figures, at, moment, ticket, worked
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.types import Actor, Status

PASSED, LIKED, LATE, IMPORTED = ticket(601), ticket(602), ticket(606), ticket(607)
IMPORT = Actor.system("import")

REASSIGNED = worked(
    "passed from team to team, to nobody and back",
    at("2026-05-04 08:00", opened(PASSED)),
    at("2026-05-04 08:10", assigned(PASSED, team_id="mail", agent_id=None)),  # team: none -> mail
    at("2026-05-04 08:20", assigned(PASSED, team_id="mail", agent_id="ana")),  # agent: none -> ana
    at("2026-05-04 09:00", assigned(PASSED, team_id="billing", agent_id="bob")),  # both from one to another
    at("2026-05-04 10:00", unassigned(PASSED)),  # both to none
    at("2026-05-04 11:00", assigned(PASSED, team_id="billing", agent_id=None)),  # team: none -> billing
    at("2026-05-04 11:30", assigned(PASSED, team_id="billing", agent_id="bob")),  # agent: none -> bob
    at("2026-05-04 12:00", assigned(PASSED, team_id="mail", agent_id="bob")),  # team: billing -> mail
    at("2026-05-04 12:30", answered(PASSED, by=BOB), solved(PASSED, by=BOB)),
    figures={
        PASSED: Figures(
            status="solved",
            first_reply=16_200,  # 08:00 -> 12:30 = 4 h 30 min
            first_solved=16_200,
            last_solved=16_200,
            requester_wait=16_200,
            team_changes=5,  # 08:10, 09:00, 10:00, 11:00, 12:00
            team_reassignments=2,  # of these from one team to another: 09:00, 12:00
            agent_changes=4,  # 08:20, 09:00, 10:00, 11:30
            agent_reassignments=1,  # 09:00
            replies=1,
            one_touch=True,
            stretches=(
                ("2026-05-04 08:00", "2026-05-04 08:10", "new", None, None),
                ("2026-05-04 08:10", "2026-05-04 08:20", "new", "mail", None),
                ("2026-05-04 08:20", "2026-05-04 09:00", "open", "mail", "ana"),
                ("2026-05-04 09:00", "2026-05-04 10:00", "open", "billing", "bob"),
                ("2026-05-04 10:00", "2026-05-04 11:00", "open", None, None),
                ("2026-05-04 11:00", "2026-05-04 11:30", "open", "billing", None),
                ("2026-05-04 11:30", "2026-05-04 12:00", "open", "billing", "bob"),
                ("2026-05-04 12:00", "2026-05-04 12:30", "open", "mail", "bob"),
                ("2026-05-04 12:30", None, "solved", "mail", "bob"),
            ),
        )
    },
    backlog={"2026-05-04 10:30": {PASSED: 9_000}},
)

RATED = worked(
    "the customer rates, and thinks again: the last rating counts",
    at("2026-05-05 08:00", opened(LIKED, team_id="mail", agent_id="ana")),
    at("2026-05-05 08:30", answered(LIKED), solved(LIKED)),
    at("2026-05-05 09:00", rated(LIKED, score=2, by=KIM)),
    at("2026-05-06 09:00", rated(LIKED, score=5, by=KIM)),
    at("2026-05-09 08:30", closed(LIKED)),
    figures={
        LIKED: Figures(
            status="closed",
            first_reply=1_800,
            first_solved=1_800,
            last_solved=1_800,
            closed=347_400,  # 4 * 86,400 + 1,800
            requester_wait=1_800,
            replies=1,
            one_touch=True,
            score=5,
            stretches=(
                ("2026-05-05 08:00", "2026-05-05 08:30", "open", "mail", "ana"),
                ("2026-05-05 08:30", "2026-05-09 08:30", "solved", "mail", "ana"),
                ("2026-05-09 08:30", None, "closed", "mail", "ana"),
            ),
        )
    },
    backlog={"2026-05-05 08:15": {LIKED: 900}, "2026-05-05 09:00": {}},
)


LATE_NEWS = worked(
    "a mail of 08:45 is recorded after the pause of 09:00: it counts from then, its own time is kept beside",
    at("2026-05-13 08:00", opened(LATE, team_id="mail")),
    at("2026-05-13 09:00", answered(LATE), pended(LATE)),
    at("2026-05-13 09:00", commented(LATE), resumed(LATE), occurred_raw=moment("2026-05-13 08:45")),
    at("2026-05-13 09:30", answered(LATE), solved(LATE)),
    figures={
        LATE: Figures(
            status="solved",
            first_reply=3_600,
            first_solved=5_400,
            last_solved=5_400,
            requester_wait=5_400,  # 08:00 -> 09:30
            agent_wait=0,  # pending from 09:00 to 09:00; 08:45 would give a negative wait
            replies=2,
            inbound=2,
            stretches=(
                ("2026-05-13 08:00", "2026-05-13 09:00", "new", "mail", None),
                ("2026-05-13 09:00", "2026-05-13 09:00", "open", "mail", None),
                ("2026-05-13 09:00", "2026-05-13 09:00", "pending", "mail", None),
                ("2026-05-13 09:00", "2026-05-13 09:30", "open", "mail", None),
                ("2026-05-13 09:30", None, "solved", "mail", None),
            ),
        )
    },
    backlog={"2026-05-13 09:00": {LATE: 3_600}},
)

IRREGULAR = worked(
    "an import closes a new ticket, and takes it back to work without a word of reopening",
    at("2026-05-14 08:00", opened(IMPORTED, by=IMPORT, external="INC1")),
    at("2026-05-14 10:00", closed(IMPORTED, by=IMPORT), irregular=True),  # the table refuses new -> closed
    at("2026-05-14 12:00", fact(ev.Updated, IMPORTED, by=IMPORT, status=Status.OPEN)),
    at("2026-05-14 12:30", answered(IMPORTED, by=IMPORT)),  # who wrote it is not known: no agent's reply
    at("2026-05-14 13:00", solved(IMPORTED, by=IMPORT)),
    at("2026-05-14 14:00", closed(IMPORTED, by=IMPORT)),
    figures={
        IMPORTED: Figures(
            status="closed",
            first_reply=None,
            first_solved=18_000,  # 08:00 -> 13:00
            last_solved=18_000,
            closed=21_600,  # 08:00 -> 14:00: the last entry
            requester_wait=10_800,  # 08:00-10:00 and 12:00-13:00
            reopens=1,  # a move from closed back to work, whatever event made it
            other_messages=1,
            irregular_events=1,
            stretches=(
                ("2026-05-14 08:00", "2026-05-14 10:00", "new", None, None),
                ("2026-05-14 10:00", "2026-05-14 12:00", "closed", None, None),
                ("2026-05-14 12:00", "2026-05-14 13:00", "open", None, None),
                ("2026-05-14 13:00", "2026-05-14 14:00", "solved", None, None),
                ("2026-05-14 14:00", None, "closed", None, None),
            ),
        )
    },
    backlog={"2026-05-14 11:00": {}, "2026-05-14 12:45": {IMPORTED: 17_100}},
)

LIVES = (REASSIGNED, RATED, LATE_NEWS, IRREGULAR)

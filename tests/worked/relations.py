"""Lives of several tickets: merged, unmerged, split. All times UTC."""

from tests.domain.given import (
    ANA,
    BOB,
    answered,
    commented,
    fact,
    merged,
    opened,
    pended,
    resumed,
    solved,
)
from tests.worked.lives import Figures, at, ticket, worked
from ticketcore.domain import ticket_events as ev

SOURCE, TARGET = ticket(401), ticket(402)
WRONG, OTHER, DONE = ticket(403), ticket(404), ticket(405)
WHOLE, PART = ticket(406), ticket(407)

MERGE = worked(
    "the customer wrote twice: the second ticket ends in the first",
    at("2026-04-07 08:00", opened(TARGET, team_id="mail", agent_id="ana")),
    at("2026-04-07 08:30", opened(SOURCE, team_id="mail")),
    at("2026-04-07 09:30", *merged(SOURCE, TARGET)),
    at("2026-04-07 10:00", answered(TARGET), solved(TARGET)),
    figures={
        SOURCE: Figures(
            status="merged",
            first_reply=None,  # nobody answered here; the answer stands in the target
            first_solved=None,  # ending in another is no resolution
            requester_wait=3_600,  # 08:30 -> 09:30; from then on its requester waits in the target
            merged_into=TARGET,
            stretches=(
                ("2026-04-07 08:30", "2026-04-07 09:30", "new", "mail", None),
                ("2026-04-07 09:30", None, "merged", "mail", None),
            ),
        ),
        TARGET: Figures(
            status="solved",
            first_reply=7_200,  # 08:00 -> 10:00, from its own opening
            first_solved=7_200,
            last_solved=7_200,
            requester_wait=7_200,
            replies=1,
            inbound=1,  # the source's message stays the source's
            one_touch=True,
            stretches=(
                ("2026-04-07 08:00", "2026-04-07 10:00", "open", "mail", "ana"),
                ("2026-04-07 10:00", None, "solved", "mail", "ana"),
            ),
        ),
    },
    backlog={"2026-04-07 09:00": {SOURCE: 1_800, TARGET: 3_600}, "2026-04-07 09:30": {TARGET: 5_400}},
)

UNMERGE = worked(
    "merged by mistake and separated again: the time merged is nobody's wait, and a resolution stays where it was",
    at("2026-04-08 08:00", opened(WRONG, team_id="mail"), opened(OTHER, team_id="mail")),
    at("2026-04-08 09:00", answered(WRONG), pended(WRONG)),
    at("2026-04-08 10:00", *merged(WRONG, OTHER)),
    at("2026-04-08 14:00", fact(ev.Unmerged, WRONG, target_id=OTHER), fact(ev.Released, OTHER, source_id=WRONG)),
    at("2026-04-08 15:00", commented(WRONG), resumed(WRONG)),
    at("2026-04-08 16:00", solved(WRONG)),
    at("2026-04-08 17:00", answered(OTHER), solved(OTHER)),
    at("2026-04-09 08:00", opened(DONE, team_id="mail")),
    at("2026-04-09 08:30", answered(DONE)),
    at("2026-04-09 09:00", solved(DONE)),
    at("2026-04-09 10:00", *merged(DONE, OTHER)),
    at("2026-04-09 12:00", fact(ev.Unmerged, DONE, target_id=OTHER), fact(ev.Released, OTHER, source_id=DONE)),
    figures={
        WRONG: Figures(
            status="solved",
            first_reply=3_600,
            first_solved=28_800,  # 08:00 -> 16:00, the merged hours counted: calendar time
            last_solved=28_800,
            requester_wait=7_200,  # 08:00-09:00 and 15:00-16:00
            agent_wait=7_200,  # 09:00-10:00 and, pending again as before, 14:00-15:00
            replies=1,
            inbound=2,
            one_touch=True,
            stretches=(
                ("2026-04-08 08:00", "2026-04-08 09:00", "new", "mail", None),
                ("2026-04-08 09:00", "2026-04-08 09:00", "open", "mail", None),
                ("2026-04-08 09:00", "2026-04-08 10:00", "pending", "mail", None),
                ("2026-04-08 10:00", "2026-04-08 14:00", "merged", "mail", None),
                ("2026-04-08 14:00", "2026-04-08 15:00", "pending", "mail", None),
                ("2026-04-08 15:00", "2026-04-08 16:00", "open", "mail", None),
                ("2026-04-08 16:00", None, "solved", "mail", None),
            ),
        ),
        OTHER: Figures(
            status="solved",
            first_reply=32_400,  # 08:00 -> 17:00 = 9 * 3,600
            first_solved=32_400,
            last_solved=32_400,
            requester_wait=32_400,
            replies=1,
            one_touch=True,
            stretches=(
                ("2026-04-08 08:00", "2026-04-08 17:00", "new", "mail", None),
                ("2026-04-08 17:00", "2026-04-08 17:00", "open", "mail", None),
                ("2026-04-08 17:00", None, "solved", "mail", None),
            ),
        ),
        DONE: Figures(
            status="solved",
            first_reply=1_800,
            first_solved=3_600,
            last_solved=3_600,  # 09:00: being solved again at 12:00 is the undone merge, no new resolution
            requester_wait=3_600,
            replies=1,
            one_touch=True,
            stretches=(
                ("2026-04-09 08:00", "2026-04-09 08:30", "new", "mail", None),
                ("2026-04-09 08:30", "2026-04-09 09:00", "open", "mail", None),
                ("2026-04-09 09:00", "2026-04-09 10:00", "solved", "mail", None),
                ("2026-04-09 10:00", "2026-04-09 12:00", "merged", "mail", None),
                ("2026-04-09 12:00", None, "solved", "mail", None),
            ),
        ),
    },
    backlog={
        "2026-04-08 09:30": {WRONG: 5_400, OTHER: 5_400},
        "2026-04-08 12:00": {OTHER: 14_400},
        "2026-04-08 14:30": {WRONG: 23_400, OTHER: 23_400},
        "2026-04-09 13:00": {},
    },
)

SPLIT = worked(
    "a second question is split off: its clock begins with the split",
    at("2026-04-10 08:00", opened(WHOLE, team_id="mail")),
    at("2026-04-10 09:00", commented(WHOLE, body="By the way, my invoice is wrong too.")),
    at("2026-04-10 09:30", opened(PART, by=ANA, team_id="billing", split_from=WHOLE),
       fact(ev.SplitOff, WHOLE, new_id=PART, comments=(2,))),
    at("2026-04-10 10:00", answered(WHOLE), solved(WHOLE)),
    at("2026-04-10 11:00", answered(PART, by=BOB), solved(PART, by=BOB)),
    figures={
        WHOLE: Figures(
            status="solved",
            first_reply=7_200,
            first_solved=7_200,
            last_solved=7_200,
            requester_wait=7_200,
            replies=1,
            inbound=2,  # the message that was split off stays counted where it came in
            one_touch=True,
            stretches=(
                ("2026-04-10 08:00", "2026-04-10 10:00", "new", "mail", None),
                ("2026-04-10 10:00", "2026-04-10 10:00", "open", "mail", None),
                ("2026-04-10 10:00", None, "solved", "mail", None),
            ),
        ),
        PART: Figures(
            status="solved",
            first_reply=5_400,  # 09:30 -> 11:00
            first_solved=5_400,
            last_solved=5_400,
            requester_wait=5_400,
            replies=1,
            inbound=1,  # its opening speaks for the customer
            one_touch=True,
            stretches=(
                ("2026-04-10 09:30", "2026-04-10 11:00", "new", "billing", None),
                ("2026-04-10 11:00", "2026-04-10 11:00", "open", "billing", None),
                ("2026-04-10 11:00", None, "solved", "billing", None),
            ),
        ),
    },
    backlog={"2026-04-10 09:15": {WHOLE: 4_500}, "2026-04-10 09:45": {WHOLE: 6_300, PART: 900}},
)  # fmt: skip

LIVES = (MERGE, UNMERGE, SPLIT)

"""Lives about replies: who answers, when, and what is no answer. All times UTC."""

from tests.domain.given import ANA, BOB, answered, assigned, closed, commented, opened, redacted, solved, time_logged
from tests.worked.lives import Figures, at, ticket, worked
from ticketcore.domain.types import Actor, Channel, Direction, Priority, Role

A, B = ticket(101), ticket(102)
NOTED, CALLED, SILENT, LATER, REDACTED = ticket(103), ticket(104), ticket(105), ticket(106), ticket(108)
GREETING = Actor(role=Role.POLICY, id="greeting", version="1")

ONE_TOUCH = worked(
    "one reply, solved, closed four days later",
    at("2026-03-02 08:00", opened(A, team_id="mail", category="invoice", priority=Priority.HIGH)),
    at("2026-03-02 08:10", assigned(A, team_id="mail", agent_id="ana")),  # the agent's responsibility opens it
    at("2026-03-02 08:25", answered(A), time_logged(A, seconds=600, agent_id="ana")),
    at("2026-03-02 08:30", solved(A)),
    at("2026-03-06 08:30", closed(A)),
    figures={
        A: Figures(
            status="closed",
            first_reply=1_500,  # 08:00 -> 08:25 = 25 * 60
            first_solved=1_800,  # 08:00 -> 08:30 = 30 * 60
            last_solved=1_800,
            closed=347_400,  # 4 days and 30 minutes = 4 * 86,400 + 1,800
            requester_wait=1_800,  # new 10 min + open 20 min; solved waits for nobody
            agent_changes=1,  # from none to ana: a change, no reassignment
            replies=1,
            one_touch=True,
            seconds_logged=600,
            stretches=(
                ("2026-03-02 08:00", "2026-03-02 08:10", "new", "mail", None),
                ("2026-03-02 08:10", "2026-03-02 08:30", "open", "mail", "ana"),
                ("2026-03-02 08:30", "2026-03-06 08:30", "solved", "mail", "ana"),
                ("2026-03-06 08:30", None, "closed", "mail", "ana"),
            ),
        )
    },
    backlog={
        "2026-03-02 07:59:59": {},
        "2026-03-02 08:00": {A: 0},  # a stretch's beginning belongs to it
        "2026-03-02 08:29:59": {A: 1_799},
        "2026-03-02 08:30": {},  # its end does not
    },
)

SEVERAL_REPLIES = worked(
    "several replies by two agents, after an automatic greeting",
    at("2026-03-03 09:00", opened(B, team_id="mail", channel=Channel.CHAT)),
    at("2026-03-03 09:01", answered(B, by=GREETING)),  # a policy writes: no reply, and it stays new
    at("2026-03-03 09:20", answered(B)),
    at("2026-03-03 09:45", commented(B)),
    at("2026-03-03 10:15", answered(B, by=BOB)),
    at("2026-03-03 10:40", commented(B)),
    at("2026-03-03 11:00", answered(B)),
    at("2026-03-03 11:05", solved(B)),
    figures={
        B: Figures(
            status="solved",
            first_reply=1_200,  # 09:00 -> 09:20
            first_solved=7_500,  # 09:00 -> 11:05 = 2 * 3,600 + 300
            last_solved=7_500,
            requester_wait=7_500,
            replies=3,
            inbound=3,  # the opening and two more
            other_messages=1,
            stretches=(
                ("2026-03-03 09:00", "2026-03-03 09:20", "new", "mail", None),
                ("2026-03-03 09:20", "2026-03-03 11:05", "open", "mail", None),  # answering assigns nobody
                ("2026-03-03 11:05", None, "solved", "mail", None),
            ),
        )
    },
    backlog={"2026-03-03 10:00": {B: 3_600}, "2026-03-03 11:05": {}},
)

NOTE_ONLY = worked(
    "a note among staff and an agent who took it: nobody has answered",
    at("2026-03-04 10:00", opened(NOTED, team_id="mail")),
    at("2026-03-04 10:30", commented(NOTED, direction=Direction.INTERNAL, by=ANA)),
    at("2026-03-04 11:00", assigned(NOTED, team_id="mail", agent_id="ana")),
    figures={
        NOTED: Figures(
            status="open",
            first_reply=None,
            requester_wait=3_600,  # new; the running stretch is counted when it ends, or by the reader, up to then
            agent_changes=1,
            notes=1,
            waiting_since="2026-03-04 10:00",  # the message without an answer, not the status of 11:00
            stretches=(
                ("2026-03-04 10:00", "2026-03-04 11:00", "new", "mail", None),
                ("2026-03-04 11:00", None, "open", "mail", "ana"),
            ),
        )
    },
    backlog={"2026-03-05 10:00": {NOTED: 86_400}, "2026-03-11 10:00": {NOTED: 604_800}},  # a day, a week
)

OUTBOUND = worked(
    "tickets that an agent opens by calling the customer: the opening is no reply",
    at("2026-03-05 13:00", *(
        opened(t, by=ANA, direction=Direction.OUTBOUND, channel=Channel.PHONE, team_id="billing", agent_id="ana")
        for t in (CALLED, SILENT)
    )),
    at("2026-03-05 14:00", solved(SILENT)),
    at("2026-03-05 15:30", commented(CALLED)),
    at("2026-03-05 16:00", answered(CALLED)),
    at("2026-03-05 16:10", solved(CALLED)),
    figures={
        CALLED: Figures(
            status="solved",
            first_reply=10_800,  # 13:00 -> 16:00
            first_solved=11_400,  # 13:00 -> 16:10 = 3 * 3,600 + 600
            last_solved=11_400,
            requester_wait=11_400,
            replies=1,
            inbound=1,
            other_messages=1,
            one_touch=True,
            stretches=(
                ("2026-03-05 13:00", "2026-03-05 16:10", "open", "billing", "ana"),  # never new: it has an agent
                ("2026-03-05 16:10", None, "solved", "billing", "ana"),
            ),
        ),
        SILENT: Figures(
            status="solved",
            first_reply=None,
            first_solved=3_600,
            last_solved=3_600,
            requester_wait=3_600,
            replies=0,
            inbound=0,
            other_messages=1,
            one_touch=False,  # one touch is exactly one reply
            stretches=(
                ("2026-03-05 13:00", "2026-03-05 14:00", "open", "billing", "ana"),
                ("2026-03-05 14:00", None, "solved", "billing", "ana"),
            ),
        ),
    },
    backlog={"2026-03-05 13:30": {CALLED: 1_800, SILENT: 1_800}, "2026-03-05 15:00": {CALLED: 7_200}},
)  # fmt: skip

ANSWERED_AFTER_SOLVING = worked(
    "solved on the phone, answered in writing afterwards: the reply comes after the resolution",
    at("2026-03-06 09:00", opened(LATER, team_id="mail")),
    at("2026-03-06 09:30", solved(LATER)),
    at("2026-03-06 09:50", answered(LATER)),  # an agent's answer reopens nothing
    figures={
        LATER: Figures(
            status="solved",
            first_reply=3_000,  # 09:00 -> 09:50
            first_solved=1_800,
            last_solved=1_800,
            requester_wait=1_800,  # new, to 09:30
            replies=1,
            one_touch=True,
            stretches=(
                ("2026-03-06 09:00", "2026-03-06 09:30", "new", "mail", None),
                ("2026-03-06 09:30", None, "solved", "mail", None),
            ),
        )
    },
    backlog={"2026-03-06 09:15": {LATER: 900}, "2026-03-06 09:40": {}},
)

REDACTION = worked(
    "a message and the answer to it are redacted: what was counted stays counted",
    at("2026-03-09 08:00", opened(REDACTED, team_id="mail")),
    at("2026-03-09 08:05", commented(REDACTED, body="My password is 1234.")),
    at("2026-03-09 08:20", answered(REDACTED, body="Thanks; 1234 works.")),
    at("2026-03-09 08:30", redacted(REDACTED, version=2, reason="password"),
       redacted(REDACTED, version=3, reason="password")),
    at("2026-03-09 09:00", solved(REDACTED)),
    figures={
        REDACTED: Figures(
            status="solved",
            first_reply=1_200,  # 08:00 -> 08:20, though the reply can't be read any more
            first_solved=3_600,
            last_solved=3_600,
            requester_wait=3_600,
            replies=1,
            inbound=2,
            one_touch=True,
            stretches=(
                ("2026-03-09 08:00", "2026-03-09 08:20", "new", "mail", None),
                ("2026-03-09 08:20", "2026-03-09 09:00", "open", "mail", None),
                ("2026-03-09 09:00", None, "solved", "mail", None),
            ),
        )
    },
    backlog={"2026-03-09 08:45": {REDACTED: 2_700}},
)  # fmt: skip

LIVES = (ONE_TOUCH, SEVERAL_REPLIES, NOTE_ONLY, OUTBOUND, ANSWERED_AFTER_SOLVING, REDACTION)

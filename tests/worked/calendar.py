"""Lives over a weekend, the nights when Berlin's clocks change, and New Year. Offsets are Berlin's of that moment."""

from tests.domain.given import answered, commented, opened, pended, resumed, solved
from tests.worked.lives import Figures, at, ticket, worked

FRIDAY, SPRING, AUTUMN, EVE = ticket(501), ticket(502), ticket(503), ticket(504, 2025)

WEEKEND = worked(
    "opened on Friday, answered on Monday: calendar time counts the weekend",
    at("2026-04-17 16:00", opened(FRIDAY, team_id="mail")),
    at("2026-04-20 09:00", answered(FRIDAY), solved(FRIDAY)),
    figures={
        FRIDAY: Figures(
            status="solved",
            first_reply=234_000,  # 8 h of Friday + 48 h + 9 h of Monday = 65 h
            first_solved=234_000,
            last_solved=234_000,
            requester_wait=234_000,
            replies=1,
            one_touch=True,
            stretches=(
                ("2026-04-17 16:00", "2026-04-20 09:00", "new", "mail", None),
                ("2026-04-20 09:00", "2026-04-20 09:00", "open", "mail", None),
                ("2026-04-20 09:00", None, "solved", "mail", None),
            ),
        )
    },
    backlog={"2026-04-19 00:00": {FRIDAY: 115_200}},  # 8 h + 24 h
)

SHORT_NIGHT = worked(
    "an hour less: at 02:00 Berlin's clocks show 03:00",
    at("2026-03-29 00:30+01:00", opened(SPRING, team_id="mail")),  # 23:30 UTC of the 28th
    at("2026-03-29 01:30+01:00", answered(SPRING), pended(SPRING)),  # 00:30 UTC
    at("2026-03-29 03:30+02:00", commented(SPRING), resumed(SPRING)),  # 01:30 UTC
    at("2026-03-29 04:30+02:00", solved(SPRING)),  # 02:30 UTC
    figures={
        SPRING: Figures(
            status="solved",
            first_reply=3_600,
            first_solved=10_800,  # the clocks say 4 h; 23:30 -> 02:30 UTC = 3 h passed
            last_solved=10_800,
            requester_wait=7_200,  # an hour before the pause and one after it
            agent_wait=3_600,  # the clocks say 2 h; 00:30 -> 01:30 UTC
            replies=1,
            inbound=2,
            one_touch=True,
            stretches=(
                ("2026-03-28 23:30", "2026-03-29 00:30", "new", "mail", None),
                ("2026-03-29 00:30", "2026-03-29 00:30", "open", "mail", None),
                ("2026-03-29 00:30", "2026-03-29 01:30", "pending", "mail", None),
                ("2026-03-29 01:30", "2026-03-29 02:30", "open", "mail", None),
                ("2026-03-29 02:30", None, "solved", "mail", None),
            ),
        )
    },
    backlog={"2026-03-29 04:00+02:00": {SPRING: 9_000}, "2026-03-29 00:00": {SPRING: 1_800}},
)

LONG_NIGHT = worked(
    "an hour more: at 03:00 Berlin's clocks show 02:00 again",
    at("2026-10-25 00:30+02:00", opened(AUTUMN, team_id="mail")),  # 22:30 UTC of the 24th
    at("2026-10-25 02:30+02:00", answered(AUTUMN), pended(AUTUMN)),  # 00:30 UTC, the first 02:30
    at("2026-10-25 02:30+01:00", commented(AUTUMN), resumed(AUTUMN)),  # 01:30 UTC, the second 02:30
    at("2026-10-25 04:30+01:00", solved(AUTUMN)),  # 03:30 UTC
    figures={
        AUTUMN: Figures(
            status="solved",
            first_reply=7_200,
            first_solved=18_000,  # the clocks say 4 h; 22:30 -> 03:30 UTC = 5 h passed
            last_solved=18_000,
            requester_wait=14_400,  # 2 h + 2 h
            agent_wait=3_600,  # the clocks say nothing passed from 02:30 to 02:30
            replies=1,
            inbound=2,
            one_touch=True,
            stretches=(
                ("2026-10-24 22:30", "2026-10-25 00:30", "new", "mail", None),
                ("2026-10-25 00:30", "2026-10-25 00:30", "open", "mail", None),
                ("2026-10-25 00:30", "2026-10-25 01:30", "pending", "mail", None),
                ("2026-10-25 01:30", "2026-10-25 03:30", "open", "mail", None),
                ("2026-10-25 03:30", None, "solved", "mail", None),
            ),
        )
    },
    backlog={"2026-10-25 02:45+02:00": {AUTUMN: 8_100}, "2026-10-25 02:45+01:00": {AUTUMN: 11_700}},
)

NEW_YEAR = worked(
    "opened in the old year, answered in the new one by Berlin's clocks but not by UTC",
    at("2025-12-31 23:50+01:00", opened(EVE, team_id="mail")),  # 22:50 UTC
    at("2026-01-01 00:20+01:00", answered(EVE)),  # 23:20 UTC, still the old year
    at("2026-01-02 09:50+01:00", solved(EVE)),  # 08:50 UTC
    figures={
        EVE: Figures(
            status="solved",
            first_reply=1_800,
            first_solved=122_400,  # 10 min + 24 h + 9 h 50 min = 34 h
            last_solved=122_400,
            requester_wait=122_400,
            replies=1,
            one_touch=True,
            stretches=(
                ("2025-12-31 22:50", "2025-12-31 23:20", "new", "mail", None),
                ("2025-12-31 23:20", "2026-01-02 08:50", "open", "mail", None),
                ("2026-01-02 08:50", None, "solved", "mail", None),
            ),
        )
    },
    backlog={"2026-01-01 00:00": {EVE: 4_200}, "2026-01-01 00:00+01:00": {EVE: 600}},
)

LIVES = (WEEKEND, SHORT_NIGHT, LONG_NIGHT, NEW_YEAR)

"""The figures of a report: what each is called, what it means, how it is computed, and what is behind it.

Definitions as Zendesk's and RT's, so that users can compare. A figure is an SQL aggregate over the tickets of a report
(sql/report_tickets.sql, alias ``t``); what does not exist is null, never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

__all__ = ["FIGURES", "PERFORMANCE_FIGURES", "SOURCE_FIGURES", "FigureKind"]

DAY, HOUR, MINUTE, SECOND = 86_400, 3_600, 60, 1
IMPORTED = "t.external IS NOT NULL"


class FigureKind(NamedTuple):
    """A figure's definition.

    Attributes:
        name: stable; what programs and ``--explain`` use.
        unit: tickets, events, days, hours, percent, score, paths.
        definition: one sentence.
        value: SQL aggregate, ``double precision`` or integer.
        count: SQL aggregate: on how many tickets the value rests.
        behind: SQL condition: the tickets behind the figure.
        events: which of their events are behind it: ``opened``, ``solved``, ``closed``, ``reopened``, ``team``,
            ``team_to_team``, ``agent``, ``agent_to_agent``, ``state``, ``moved`` (known from the intervals), ``reply``,
            ``inbound`` (from the correspondence), ``irregular`` (from the log), or topics of the log.
        shows: SQL expressions of what to list beside each ticket, by name.
        section: which table of the report it stands in.
    """

    name: str
    unit: str
    definition: str
    value: str
    count: str  # type: ignore[assignment]  # a tuple's own count is not used
    behind: str
    events: tuple[str, ...] = ("opened",)
    shows: tuple[tuple[str, str], ...] = ()
    section: str = "volume"


def _tickets(name: str, definition: str, condition: str, *, of: str = "true", **more: Any) -> FigureKind:
    """Tickets for which a condition holds; null where *of* holds for none (nothing was recorded that could)."""
    counted = f"count(*) FILTER (WHERE ({condition}) AND ({of}))"
    base = f"count(*) FILTER (WHERE {of})"
    value = counted if of == "true" else f"CASE WHEN {base} > 0 THEN {counted} END"
    return FigureKind(name, "tickets", definition, value, base, f"({condition}) AND ({of})", **more)


def _sum(name: str, unit: str, definition: str, column: str, *, of: str = "true", **more: Any) -> FigureKind:
    rest = f"({of}) AND {column} > 0"
    total = f"sum({column}) FILTER (WHERE {of})"
    return FigureKind(
        name, unit, definition, total, f"count(*) FILTER (WHERE {rest})", rest,
        shows=((unit, column),), **more,
    )  # fmt: skip


def _duration(
    name: str, what: str, seconds: str, unit: str, *, of: str = "true",
    parts: Sequence[str] = ("mean", "median", "p90", "p95"), **more: Any,
) -> list[FigureKind]:  # fmt: skip
    size = {"days": DAY, "hours": HOUR, "minutes": MINUTE}[unit]
    condition = f"({of}) AND {seconds} IS NOT NULL"
    made = []
    for part in parts:
        if part == "mean":
            value = f"(avg({seconds}) FILTER (WHERE {of}) / {size})::double precision"
        else:
            at = {"median": "0.5", "p90": "0.9", "p95": "0.95"}[part]
            value = (
                f"percentile_cont({at}) WITHIN GROUP (ORDER BY {seconds}::double precision)"
                f" FILTER (WHERE {of}) / {size}"
            )
        word = {"mean": "Mean", "median": "Median", "p90": "90th percentile", "p95": "95th percentile"}[part]
        made.append(
            FigureKind(
                f"{name}_{part}_{unit}", unit, f"{word}: {what}.", value, f"count(*) FILTER (WHERE {condition})",
                condition, shows=((unit, f"({seconds} / {size})::double precision"),), **more,
            )
        )  # fmt: skip
    return made


def _share(name: str, definition: str, condition: str, of: str, **more: Any) -> FigureKind:
    value = (
        f"(100.0 * count(*) FILTER (WHERE ({condition}) AND ({of})) / nullif(count(*) FILTER (WHERE {of}), 0))"
        "::double precision"
    )
    return FigureKind(
        name, "percent", definition, value, f"count(*) FILTER (WHERE {of})", f"({condition}) AND ({of})", **more
    )


_STATED_REASSIGNMENTS = f"{IMPORTED} AND t.stated_reassignments IS NOT NULL"
_STATED_REOPENS = f"{IMPORTED} AND t.stated_reopens IS NOT NULL"
_BREACHED = "'breached' IN (t.sla_first_reply, t.sla_next_reply, t.sla_resolution)"
_PROMISED = (
    "coalesce(nullif(t.sla_first_reply, 'withdrawn'), nullif(t.sla_next_reply, 'withdrawn'), nullif(t.sla_resolution, 'withdrawn'))"
    " IS NOT NULL"
)
_KEPT_TOO = "(t.external IS NULL OR t.sla_attained > 0)"  # imports often tell of breaches only
_TEAMS = (("derived", "t.team_changes"), ("stated", "t.stated_reassignments"))
_TOLD = "(t.external IS NULL OR t.public_replies > 0)"  # an import without replies says nothing about replies
_SOURCE: dict[str, Any] = {"section": "source"}

SOURCE_FIGURES: tuple[FigureKind, ...] = (
    _tickets("incidents", "Tickets that were imported from another system.", IMPORTED, of=IMPORTED, **_SOURCE),
    *_duration(
        "stated_closed", "opening to the closing that the source states", "t.stated_closed_s", "days", of=IMPORTED,
        parts=("mean", "median"), events=("opened", "closed"), **_SOURCE,
    ),
    *_duration(
        "stated_resolved", "opening to the resolution that the source states", "t.stated_resolved_s", "hours",
        of=IMPORTED, parts=("median", "mean"), events=("opened", "solved"), **_SOURCE,
    ),
    _tickets(
        "stated_resolved_missing", "Imported tickets of which the source states no time of resolution.",
        "t.stated_resolved_at IS NULL", of=IMPORTED, **_SOURCE,
    ),
    *_duration(
        "derived_closed", "opening to the last entry into closed", "t.closed_s", "days", of=IMPORTED,
        parts=("mean", "median"), events=("opened", "closed"), **_SOURCE,
    ),
    _tickets(
        "derived_closed_tickets", "Imported tickets that ever entered closed.", "t.closed_at IS NOT NULL", of=IMPORTED,
        events=("closed",), **_SOURCE,
    ),
    *_duration(
        "derived_solved", "opening to the last entry into solved", "t.last_solved_s", "hours", of=IMPORTED,
        parts=("mean", "median"), events=("opened", "solved"), **_SOURCE,
    ),
    _tickets(
        "derived_solved_tickets", "Imported tickets that ever entered solved.", "t.last_solved_at IS NOT NULL",
        of=IMPORTED, events=("solved",), **_SOURCE,
    ),
    _tickets(
        "derived_never_solved_tickets", "Imported tickets that never entered solved.", "t.last_solved_at IS NULL",
        of=IMPORTED, events=("moved",), **_SOURCE,
    ),
    _tickets(
        "derived_reopened_tickets", "Imported tickets that left solved or closed for a state of work.", "t.reopens > 0",
        of=IMPORTED, events=("reopened",), **_SOURCE,
    ),
    _sum(
        "derived_reopenings", "events", "Moves of imported tickets out of solved or closed into a state of work.",
        "t.reopens", of=IMPORTED, events=("reopened",), **_SOURCE,
    ),
    _sum("stated_reopenings", "events", "Sum of the reopenings that the source states.", "t.stated_reopens",
         of=_STATED_REOPENS, events=("reopened",), **_SOURCE),
    _tickets(
        "reopenings_equal_tickets", "Imported tickets whose derived reopenings equal the stated ones.",
        "t.reopens = t.stated_reopens", of=_STATED_REOPENS, events=("reopened",),
        shows=(("derived", "t.reopens"), ("stated", "t.stated_reopens")), **_SOURCE,
    ),
    _tickets(
        "reopenings_differ_tickets", "Imported tickets whose derived reopenings differ from the stated ones.",
        "t.reopens <> t.stated_reopens", of=_STATED_REOPENS, events=("reopened",),
        shows=(("derived", "t.reopens"), ("stated", "t.stated_reopens")), **_SOURCE,
    ),
    _sum(
        "derived_team_changes", "events", "Changes of the team of imported tickets, from and to none counted.",
        "t.team_changes", of=IMPORTED, events=("team",), **_SOURCE,
    ),
    _sum(
        "stated_reassignments", "events", "Sum of the reassignments that the source states.", "t.stated_reassignments",
        of=_STATED_REASSIGNMENTS, events=("team",), **_SOURCE,
    ),
    _tickets(
        "reassignments_equal_tickets", "Imported tickets whose changes of team equal the stated reassignments.",
        "t.team_changes = t.stated_reassignments", of=_STATED_REASSIGNMENTS, events=("team",), shows=_TEAMS, **_SOURCE,
    ),
    _tickets(
        "reassignments_differ_tickets", "Imported tickets whose changes of team differ from the stated reassignments.",
        "t.team_changes <> t.stated_reassignments", of=_STATED_REASSIGNMENTS, events=("team",), shows=_TEAMS, **_SOURCE,
    ),
    _tickets(
        "sla_true_tickets", "Imported tickets whose service level was never reported broken.", f"({_BREACHED}) IS NOT TRUE",
        of=IMPORTED, events=("closed",), **_SOURCE,
    ),
    _tickets(
        "sla_false_tickets", "Imported tickets whose service level was reported broken.", _BREACHED, of=IMPORTED,
        events=("ticket.sla_breached",), **_SOURCE,
    ),
    _tickets(
        "sla_flips", "Imported tickets whose service level was reported broken later than at the opening.",
        f"{_BREACHED} AND t.sla_breach_noticed_at > t.opened_at", of=IMPORTED, events=("ticket.sla_breached",), **_SOURCE,
    ),
    FigureKind(
        "state_paths", "paths", "Different ways through the source's states, repeats collapsed.",
        "nullif(count(DISTINCT t.source_path), 0)", "count(t.source_path)", "t.source_path IS NOT NULL", ("state",),
        (("path", "t.source_path"),), "source",
    ),
    *(
        _tickets(
            f"priority_{name}_tickets", f"Imported tickets whose priority is {name} now.", f"t.priority = '{name}'",
            of=IMPORTED, events=("opened", "ticket.prioritised"), **_SOURCE,
        )
        for name in ("critical", "high", "normal", "low")
    ),
    _sum(
        "irregular_events", "events", "Imported events that the table of transitions would have refused.",
        "t.irregular_events", of=IMPORTED, events=("irregular",), **_SOURCE,
    ),
)  # fmt: skip

_SPEED: dict[str, Any] = {"section": "speed"}
_WORK: dict[str, Any] = {"section": "work"}
_SATISFACTION: dict[str, Any] = {"section": "satisfaction", "events": ("ticket.rated",)}

PERFORMANCE_FIGURES: tuple[FigureKind, ...] = (
    _tickets("tickets", "Tickets opened in the period, merged ones included.", "true"),
    _tickets("solved_tickets", "Of these, tickets that ever entered solved.", "t.first_solved_at IS NOT NULL", events=("solved",)),
    _tickets("closed_tickets", "Of these, tickets that ever entered closed.", "t.closed_at IS NOT NULL", events=("closed",)),
    _tickets("merged_tickets", "Of these, tickets that end in another.", "t.status = 'merged'", events=("ticket.merged",)),
    _tickets(
        "waiting_tickets", "Of these, tickets that are new, open, pending or on hold now.",
        "t.status IN ('new', 'open', 'pending', 'on_hold')", events=("moved",), shows=(("status", "t.status"),),
    ),
    *_duration("first_reply", "opening to the first public reply by an agent", "t.first_reply_s", "hours",
               events=("opened", "reply"), **_SPEED),
    *_duration("first_solved", "opening to the first entry into solved", "t.first_solved_s", "hours",
               events=("opened", "solved"), **_SPEED),
    *_duration("last_solved", "opening to the last entry into solved", "t.last_solved_s", "hours",
               events=("opened", "solved"), **_SPEED),
    *_duration("closed", "opening to the last entry into closed", "t.closed_s", "days", events=("opened", "closed"), **_SPEED),
    *_duration("requester_wait", "time in new, open and on hold, up to the report", "t.requester_wait_s", "hours",
               events=("moved",), **_SPEED),
    *_duration("agent_wait", "time in pending, up to the report", "t.agent_wait_s", "hours", events=("moved",), **_SPEED),
    *(
        figure
        for name, what in (
            ("first_reply", "opening to the first public reply by an agent"),
            ("first_solved", "opening to the first entry into solved"),
            ("last_solved", "opening to the last entry into solved"),
            ("requester_wait", "time in new, open and on hold, up to the last solution or first reply"),
            ("agent_wait", "time in pending, up to the last solution or first reply"),
        )
        for figure in _duration(
            f"business_{name}", f"{what}, in business time", f"t.{name}_business_seconds::numeric", "hours",
            events=("ticket.measured",), **_SPEED,
        )
    ),
    _sum("public_replies", "events", "Public replies by agents.", "t.public_replies", of=_TOLD, events=("reply",), **_WORK),
    _sum("inbound_messages", "events", "Messages from customers, inbound openings counted.", "t.inbound_messages",
         events=("inbound",), **_WORK),
    _tickets("one_touch_tickets", "Tickets solved with exactly one public reply and never reopened.", "t.one_touch", of=_TOLD,
             events=("reply", "solved"), **_WORK),
    _share("one_touch_percent", "Share of one-touch tickets among the solved ones.", "t.one_touch",
           f"t.first_solved_at IS NOT NULL AND {_TOLD}", events=("reply", "solved"), **_WORK),
    _tickets("reopened_tickets", "Tickets that were reopened at least once.", "t.reopens > 0", events=("reopened",), **_WORK),
    _sum("reopenings", "events", "Reopenings.", "t.reopens", events=("reopened",), **_WORK),
    _sum("team_changes", "events", "Changes of the team, from and to none counted.", "t.team_changes", events=("team",), **_WORK),
    _sum("team_reassignments", "events", "Changes from one team to another.", "t.team_reassignments",
         events=("team_to_team",), **_WORK),
    _sum("agent_changes", "events", "Changes of the agent, from and to none counted.", "t.agent_changes", events=("agent",), **_WORK),
    _sum("agent_reassignments", "events", "Changes from one agent to another.", "t.agent_reassignments",
         events=("agent_to_agent",), **_WORK),
    FigureKind(
        "logged_hours", "hours", "Work that was logged.",
        "(sum(t.seconds_logged) FILTER (WHERE t.seconds_logged > 0) / 3600.0)::double precision",
        "count(*) FILTER (WHERE t.seconds_logged > 0)", "t.seconds_logged > 0", ("ticket.time_logged",),
        (("hours", "(t.seconds_logged / 3600.0)::double precision"),), "work",
    ),
    *(
        _tickets(
            f"sla_{target}_{value}_tickets", f"Tickets whose service level for the {words} {meaning}.",
            f"t.sla_{target} = '{value}'", of=f"t.sla_{target} IS NOT NULL" + (f" AND {_KEPT_TOO}" if value == "attained" else ""),
            events=(f"ticket.sla_{'fulfilled' if value == 'attained' else value}",), section="sla",
        )
        for target, words in (("first_reply", "first reply"), ("next_reply", "next reply"), ("resolution", "resolution"))
        for value, meaning in (("attained", "was attained"), ("breached", "was breached"))
    ),
    *(
        _share(
            f"sla_{target}_attained_percent", f"Share of tickets whose {words} came in time, of those where it is known to have or not.",
            f"t.sla_{target} = 'attained'", f"t.sla_{target} IN ('attained', 'breached') AND {_KEPT_TOO}",
            events=("ticket.sla_fulfilled", "ticket.sla_breached"), section="sla",
        )
        for target, words in (("first_reply", "first reply"), ("next_reply", "next replies"), ("resolution", "resolution"))
    ),
    _share("sla_breached_percent", "Share of tickets with a broken promise among those with any, where kept ones are known too.", _BREACHED,
           f"{_PROMISED} AND {_KEPT_TOO}",
           events=("ticket.sla_breached",), section="sla"),
    _tickets("rated_tickets", "Tickets that customers rated.", "t.score IS NOT NULL", **_SATISFACTION),
    FigureKind(
        "score_mean", "score", "Mean of the last ratings, 1 (bad) to 5 (good).", "avg(t.score)::double precision",
        "count(t.score)", "t.score IS NOT NULL", ("ticket.rated",), (("score", "t.score"),), "satisfaction",
    ),
    _share("satisfied_percent", "Share of ratings that are 4 or 5.", "t.score >= 4", "t.score IS NOT NULL", **_SATISFACTION),
)  # fmt: skip

FIGURES: dict[str, FigureKind] = {f.name: f for f in (*PERFORMANCE_FIGURES, *SOURCE_FIGURES)}
"""Name -> figure."""

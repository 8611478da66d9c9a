"""Rows that are the whole record after one update: what changed since the case's row before becomes events."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from ticketcore.domain import ticket_events as ev
from ticketcore.domain.types import Status
from ticketcore.importing.columns import Common
from ticketcore.importing.drafts import source
from ticketcore.importing.errors import RowRejected
from ticketcore.importing.mapping import SlaWord, Step
from ticketcore.importing.shown import shown, shown_all
from ticketcore.importing.stated import StatedColumns, at_opening, take
from ticketcore.importing.steps import steps

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from ticketcore.domain.base import Event
    from ticketcore.domain.types import Actor, SlaTarget
    from ticketcore.importing.cases import Case
    from ticketcore.importing.desk import Desk
    from ticketcore.importing.mapping import RecordsMapping
    from ticketcore.importing.reader import Row
    from ticketcore.importing.stated import Found

__all__ = ["Records"]

Draft = tuple[type["Event"], dict[str, Any]]


class _Cells(NamedTuple):
    """A row's cells by what they are about, as they stand; compared with those of the row before."""

    requester: tuple[str, ...]
    classification: tuple[str, ...]
    priority: tuple[str, ...]
    owner: tuple[str, ...]
    sla: tuple[str, ...]
    changes: tuple[str, ...]
    state: str
    stated: tuple[str, ...]


class Records:
    """Reads rows of the shape ``records`` and writes what they tell at the desk."""

    def __init__(
        self, mapping: RecordsMapping, columns: Sequence[str], zone: ZoneInfo, latest: datetime, desk: Desk
    ) -> None:
        self._common = common = Common(mapping, columns, zone, latest)
        self._desk = desk
        self._cases: dict[str, Case] = {}
        cell = common.cell
        self._opened_at = None if mapping.opened.time is None else (cell(mapping.opened.time), mapping.opened.time)
        self._opened_by = mapping.opened.actor
        self._state_column, self._state = mapping.state.column, cell(mapping.state.column)
        self._steps = mapping.state.values
        self._sla = [(cell(s.column), s) for s in mapping.sla]
        self._changes = [(cell(name), name) for name in mapping.changes]
        self.stated = StatedColumns(mapping.stated, common)
        self._cells = self._grouper(mapping)

    def _grouper(self, mapping: RecordsMapping) -> Callable[[list[str]], _Cells]:
        def picker(*names: str | None) -> Callable[[list[str]], tuple[str, ...]]:
            places = [self._common.cell(name) for name in names if name is not None]
            if not places:
                return lambda _row: ()
            if len(places) == 1:
                only = places[0]
                return lambda row: (row[only],)
            return itemgetter(*places)

        def column(spec: Any) -> str | None:
            return None if spec is None else spec.column

        m = mapping
        requester = picker(column(m.requester))
        classification = picker(column(m.category), column(m.subcategory), *m.tags)
        priority = picker(column(m.impact), column(m.urgency), column(m.priority))
        owner = picker(column(m.team), column(m.agent))
        sla = picker(*(s.column for s in m.sla))
        changes = picker(*m.changes)
        stated = picker(*self.stated.columns)
        state = self._state
        return lambda row: _Cells(
            requester(row),
            classification(row),
            priority(row),
            owner(row),
            sla(row),
            changes(row),
            row[state],
            stated(row),
        )

    def read(self, row: Row) -> None:
        """Record what *row* tells.

        Raises:
            RowRejected: it can't be imported; nothing of it was recorded.
        """
        cells = row.cells
        common = self._common
        name = common.case(cells)
        at = common.time(cells)
        case = self._cases.get(name)
        if case is None:
            self._cases[name] = self._first(name, row, at)
        else:
            self._next(case, row, at)

    def held_back(self) -> int:
        """Return how many stated values still wait for their time."""
        return sum(len(case.held or ()) for case in self._cases.values())

    def _step(self, state: str) -> Step:
        step = self._steps.get(state)
        if step is None:
            expected = shown_all(self._steps)
            raise RowRejected(
                f"column {self._state_column} is {shown(state)}, expected one of {expected} (or add it to `state.values`)"
            )
        self._common.labels.check(state, self._state_column)
        return step

    def _first(self, name: str, row: Row, at: datetime) -> Case:
        common, desk, cells = self._common, self._desk, row.cells
        grouped = self._cells(cells)
        opened_at = at
        if self._opened_at is not None and cells[self._opened_at[0]] not in common.null:
            opened_at = common.happened(cells[self._opened_at[0]], self._opened_at[1])
        actor = common.actor(cells)
        opener = actor if self._opened_by is None else common.actor_in(cells, self._opened_by) or actor
        step = self._step(grouped.state)
        fields = common.opening(cells)
        wanted = common.requester(cells)
        fresh = step is Step.NEW
        began = Status.OPEN if "agent_id" in fields else Status.NEW
        moves = [] if fresh else steps(began, step, grouped.state)
        drafts: list[Draft] = [(ev.SlaBreached, {"target": target}) for target in self._breaches(cells, None)]
        recorded, held = at_opening(self.stated.find(cells, changed=True, end=None), opened_at)
        later = self.stated.find(cells, changed=False, end=_end(moves))
        texts = {c: common.texts.check(cells[i], c) for i, c in self._changes if cells[i] not in common.null}
        id_ = desk.ticket_id(name, opened_at)
        if wanted is not None:
            fields["requester_id"] = desk.customer(*wanted, opened_at, row.line)
        told = source(row.line, grouped.state if fresh else None, recorded | texts)
        case = desk.open(name, id_, opened_at, opener, told, fields)
        case.cells, case.said, case.held = grouped, recorded, held or None
        if drafts or moves:
            self._write(case, row, at, actor, drafts, moves, grouped, take(case, later, at), "(start)")
        return case

    def _next(self, case: Case, row: Row, at: datetime) -> None:
        common, cells = self._common, row.cells
        actor = common.actor(cells)
        before: _Cells = case.cells
        now = self._cells(cells)
        drafts: list[Draft] = []
        moves: list[Draft] = []
        found: list[Found] = []
        wanted = None
        if now != before:
            if now.requester != before.requester:
                wanted = common.requester(cells)
                drafts.append((ev.RequesterChanged, {"requester_id": None}))
            extra: dict[str, str | None] = {}
            if now.classification != before.classification:
                drafts += self._classified(case, cells)
            if now.priority != before.priority:
                drafts += self._prioritised(case, cells, extra)
            if now.owner != before.owner:
                drafts += self._assigned(case, cells)
            if now.sla != before.sla:
                drafts += [(ev.SlaBreached, {"target": target}) for target in self._breaches(cells, before.sla)]
            if now.changes != before.changes:
                extra |= self._changed(cells, before.changes)
            if now.state != before.state:
                moves = steps(_after(case.status, drafts), self._step(now.state), now.state)
            if extra:
                if moves and moves[-1][0] is ev.Updated:
                    moves[-1][1]["changes"] = extra
                else:
                    drafts.append((ev.Updated, {"changes": extra}))
            found = self.stated.find(cells, changed=now.stated != before.stated, end=_end(moves))
        if not drafts and not moves:
            drafts.append((ev.Updated, {"changes": {}}))
        told = take(case, found, at) if found or case.held else None
        if wanted is not None:
            drafts[0][1]["requester_id"] = self._desk.customer(*wanted, max(at, case.last_at), row.line)
        self._write(case, row, at, actor, drafts, moves, now, told, before.state)
        case.cells = now

    def _classified(self, case: Case, cells: list[str]) -> list[Draft]:
        category, subcategory, tags = self._common.classification(cells)
        if (category, subcategory, tags) == (case.category, case.subcategory, case.tags):
            return []
        return [(ev.Classified, {"category": category, "subcategory": subcategory, "tags": tags})]

    def _prioritised(self, case: Case, cells: list[str], extra: dict[str, str | None]) -> list[Draft]:
        """Return the event; without any priority, impact and urgency go to *extra* as the source writes them."""
        impact, urgency, priority = self._common.priority(cells)
        priority = priority or case.priority
        if priority is None:
            extra |= {"impact": impact and impact.value, "urgency": urgency and urgency.value}
            return []
        if (impact, urgency, priority) == (case.impact, case.urgency, case.priority):
            return []
        return [(ev.Prioritised, {"impact": impact, "urgency": urgency, "priority": priority})]

    def _assigned(self, case: Case, cells: list[str]) -> list[Draft]:
        team, agent = self._common.owner(cells)
        if (team, agent) == (case.team_id, case.agent_id):
            return []
        if team is None and agent is None:
            return [(ev.Unassigned, {})]
        return [(ev.Assigned, {"team_id": team, "agent_id": agent})]

    def _changed(self, cells: list[str], before: tuple[str, ...]) -> dict[str, str | None]:
        null, check = self._common.null, self._common.texts.check
        return {
            name: None if cells[place] in null else check(cells[place], name)
            for (place, name), old in zip(self._changes, before, strict=True)
            if cells[place] != old
        }

    def _breaches(self, cells: list[str], before: tuple[str, ...] | None) -> list[SlaTarget]:
        found = []
        for number, (place, spec) in enumerate(self._sla):
            text = cells[place]
            if text in self._common.null:
                continue
            word = spec.values.get(text)
            if word is None:
                expected = shown_all(spec.values)
                raise RowRejected(f"column {spec.column} is {shown(text)}, expected one of {expected}")
            was = None if before is None else spec.values.get(before[number])
            if word is SlaWord.BREACHED and was is not SlaWord.BREACHED:
                found.append(spec.target)
        return found

    def _write(
        self,
        case: Case,
        row: Row,
        at: datetime,
        actor: Actor,
        drafts: list[Draft],
        moves: list[Draft],
        now: _Cells,
        told: tuple[dict[str, str], dict[str, str]] | None,
        before: str,
    ) -> None:
        """Record a row's events: the way back from closed comes first, any other move last."""
        desk, line = self._desk, row.line
        first, on_end = told or ({}, {})
        if not moves:
            ordered = drafts
        elif case.status is Status.CLOSED:
            ordered = [*moves, *drafts]
        else:
            ordered = [*drafts, *moves]
        last = moves[-1] if moves else None
        plain = None
        for draft in ordered:
            cls, fields = draft
            stated, first = first, {}
            if on_end and cls in _ENDS:
                stated, on_end = stated | on_end, {}
            if draft is last or stated:
                where = source(line, now.state if draft is last else None, stated)
            else:
                where = plain = plain or source(line)
            moved = None
            if last is not None and case.refuses(cls) and any(draft is move for move in moves):
                moved = f"{before} -> {now.state}"
            desk.record(case, cls, fields, at, actor, where, moved)


_ENDS = (ev.Solved, ev.Closed)


def _end(moves: list[Draft]) -> str | None:
    """Return which end the moves lead to."""
    for cls, _ in moves:
        if cls in _ENDS:
            return "solved" if cls is ev.Solved else "closed"
    return None


def _after(status: Status, drafts: list[Draft]) -> Status:
    """Return the status after *drafts*: an agent's responsibility opens a new ticket."""
    if status is Status.NEW and any(cls is ev.Assigned and fields["agent_id"] for cls, fields in drafts):
        return Status.OPEN
    return status

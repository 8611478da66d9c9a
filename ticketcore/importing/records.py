"""Rows that are the whole record after one update: what changed since the case's row before becomes events."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ticketcore.domain import ticket_events as ev
from ticketcore.domain.types import Status
from ticketcore.importing.columns import Common
from ticketcore.importing.errors import RowRejected
from ticketcore.importing.mapping import SlaWord, Step
from ticketcore.importing.shown import shown, shown_all
from ticketcore.importing.stated import StatedColumns, at_opening, take
from ticketcore.importing.steps import steps
from ticketcore.importing.values import room

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from ticketcore.domain.types import SlaTarget
    from ticketcore.importing.cases import Case
    from ticketcore.importing.desk import Desk
    from ticketcore.importing.drafts import Draft, Who
    from ticketcore.importing.mapping import RecordsMapping
    from ticketcore.importing.reader import Row
    from ticketcore.importing.stated import Found

__all__ = ["Records"]


class Records:
    """Reads rows of the shape ``records`` and writes what they tell at the desk.

    Of a case's row before, the cells that are compared are kept, in one tuple: the state, then group by group.
    """

    def __init__(
        self, mapping: RecordsMapping, columns: Sequence[str], zone: ZoneInfo, latest: datetime, desk: Desk
    ) -> None:
        self._common = common = Common(mapping, columns, zone, latest)
        self._desk, self._draft, self._source = desk, desk.writer.draft, desk.writer.source
        self._cases: dict[str, Case] = {}
        cell = common.cell
        self._case = cell(mapping.case)
        self._opened_at = None if mapping.opened.time is None else (cell(mapping.opened.time), mapping.opened.time)
        self._opened_by = mapping.opened.actor
        self._state_column = mapping.state.column
        self._steps = mapping.state.values
        self._sla = [(cell(s.column), s) for s in mapping.sla]
        self._changes = [(cell(name), name) for name in mapping.changes]
        self.stated = StatedColumns(mapping.stated, common)
        self._pick = self._groups(mapping)
        self._same = self._draft(ev.Updated, {})
        self._moves: dict[Status, dict[str, tuple[tuple[Draft, ...], str | None]]] = {status: {} for status in Status}
        self._owners: dict[tuple[str, ...], Draft] = {}
        self._classes: dict[tuple[str, ...], Draft] = {}

    def _groups(self, mapping: RecordsMapping) -> Callable[[list[str]], tuple[str, ...]]:
        """Return the function that picks a row's cells, and note where in them each group stands."""

        def column(spec: Any) -> str | None:
            return None if spec is None else spec.column

        m = mapping
        places = [self._common.cell(m.state.column)]

        def group(*names: str | None) -> slice:
            begin = len(places)
            places.extend(self._common.cell(name) for name in names if name is not None)
            return slice(begin, len(places))

        self._in_requester = group(column(m.requester))
        self._in_class = group(column(m.category), column(m.subcategory), *m.tags)
        self._in_priority = group(column(m.impact), column(m.urgency), column(m.priority))
        self._in_owner = group(column(m.team), column(m.agent))
        self._in_sla = group(*(s.column for s in m.sla))
        self._in_changes = group(*m.changes)
        self._in_stated = group(*self.stated.columns)
        return itemgetter(*places) if len(places) > 1 else lambda row: (row[places[0]],)

    def read(self, row: Row) -> None:
        """Record what *row* tells.

        Raises:
            RowRejected: it can't be imported; nothing of it was recorded.
        """
        cells, common = row.cells, self._common
        case = self._cases.get(cells[self._case])
        if case is None:
            name = common.case(cells)
            self._cases[name] = self._first(name, row, common.time(cells))
            return
        at = common.time(cells)
        who = common.actor(cells)
        now, before = self._pick(cells), case.cells
        if not case.held:
            if now == before:
                self._desk.record(case, self._same, at, who, self._source(row.line), None)
                return
            if now[1:] == before[1:]:
                moves, end = self._moved(case.status, now[0])
                if end is None and len(moves) == 1:  # as _next() does, of every third row
                    moved = f"{before[0]} -> {now[0]}"
                    self._desk.record(case, moves[0], at, who, self._source(row.line, now[0]), moved)
                    case.cells = now
                    return
        self._next(case, row, at, who, now)

    def held_back(self) -> int:
        """Return how many stated values still wait for their time."""
        return sum(len(case.held or ()) for case in self._cases.values())

    def _moved(self, status: Status, state: str) -> tuple[tuple[Draft, ...], str | None]:
        """Return the events that bring a ticket from *status* to a state of the source, and which end that is."""
        found = self._moves[status].get(state)
        if found is None:
            moves = tuple(self._draft(*step) for step in steps(status, self._step(state), state))
            found = room(self._moves[status])[state] = (moves, _end(moves))
        return found

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
        now = self._pick(cells)
        state = now[0]
        opened_at = at
        if self._opened_at is not None and cells[self._opened_at[0]] not in common.null:
            opened_at = common.happened(cells[self._opened_at[0]], self._opened_at[1])
        who = common.actor(cells)
        opener = who if self._opened_by is None else common.actor_in(cells, self._opened_by) or who
        step = self._step(state)
        fields = common.opening(cells)
        wanted = common.requester(cells)
        fresh = step is Step.NEW
        began = Status.OPEN if "agent_id" in fields else Status.NEW
        moves, end = ((), None) if fresh else self._moved(began, state)
        drafts = [self._draft(ev.SlaBreached, {"target": target}) for target in self._breaches(cells, None)]
        recorded, held = at_opening(self.stated.find(cells, changed=True, end=None), opened_at)
        later = self.stated.find(cells, changed=False, end=end)
        texts = {c: common.texts.check(cells[i], c) for i, c in self._changes if cells[i] not in common.null}
        id_ = desk.ticket_id(name, opened_at)
        if wanted is not None:
            fields["requester_id"] = desk.customer(*wanted, opened_at, row.line)
        told = self._source(row.line, state if fresh else None, recorded | texts)
        case = desk.open(name, id_, opened_at, opener, told, fields)
        case.cells, case.said, case.held = now, recorded, held or None
        if drafts or moves:
            self._write(case, row.line, at, who, drafts, moves, state, take(case, later, at), "(start)")
        return case

    def _next(self, case: Case, row: Row, at: datetime, who: Who, now: tuple[str, ...]) -> None:
        common, cells, before, draft = self._common, row.cells, case.cells, self._draft
        drafts: list[Draft] = []
        moves: tuple[Draft, ...] = ()
        end: str | None = None
        found: list[Found] = []
        wanted = None
        if now != before:
            if now[self._in_requester] != before[self._in_requester]:
                wanted = common.requester(cells)
                drafts.append(draft(ev.RequesterChanged, {"requester_id": None}))
            extra: dict[str, str | None] = {}
            if now[self._in_class] != before[self._in_class]:
                drafts += self._classified(case, now[self._in_class], cells)
            if now[self._in_priority] != before[self._in_priority]:
                drafts += self._prioritised(case, cells, extra)
            if now[self._in_owner] != before[self._in_owner]:
                drafts += self._assigned(case, now[self._in_owner], cells)
            if now[self._in_sla] != before[self._in_sla]:
                breaches = self._breaches(cells, before[self._in_sla])
                drafts += [draft(ev.SlaBreached, {"target": target}) for target in breaches]
            if now[self._in_changes] != before[self._in_changes]:
                extra |= self._changed(cells, before[self._in_changes])
            if now[0] != before[0]:
                moves, end = self._moved(_after(case.status, drafts), now[0])
            if extra:
                if moves and moves[-1].cls is ev.Updated:
                    moves = (*moves[:-1], draft(ev.Updated, {**moves[-1].fields, "changes": extra}))
                else:
                    drafts.append(draft(ev.Updated, {"changes": extra}))
            changed = now[self._in_stated] != before[self._in_stated]
            if changed or end is not None:
                found = self.stated.find(cells, changed=changed, end=end)
        if not drafts and not moves:
            drafts.append(self._same)
        told = take(case, found, at) if found or case.held else None
        if wanted is not None:
            customer = self._desk.customer(*wanted, max(at, case.last_at), row.line)
            drafts[0] = draft(ev.RequesterChanged, {"requester_id": customer})
        self._write(case, row.line, at, who, drafts, moves, now[0], told, before[0])
        case.cells = now

    def _classified(self, case: Case, key: tuple[str, ...], cells: list[str]) -> list[Draft]:
        found = self._classes.get(key)
        if found is None:
            category, subcategory, tags = self._common.classification(cells)
            fields = {"category": category, "subcategory": subcategory, "tags": tags}
            found = room(self._classes)[key] = self._draft(ev.Classified, fields)
        same = tuple(found.fields.values()) == (case.category, case.subcategory, case.tags)
        return [] if same else [found]

    def _prioritised(self, case: Case, cells: list[str], extra: dict[str, str | None]) -> list[Draft]:
        """Return the event; without any priority, impact and urgency go to *extra* as the source writes them."""
        impact, urgency, priority = self._common.priority(cells)
        priority = priority or case.priority
        if priority is None:
            extra |= {"impact": impact and impact.value, "urgency": urgency and urgency.value}
            return []
        if (impact, urgency, priority) == (case.impact, case.urgency, case.priority):
            return []
        return [self._draft(ev.Prioritised, {"impact": impact, "urgency": urgency, "priority": priority})]

    def _assigned(self, case: Case, key: tuple[str, ...], cells: list[str]) -> list[Draft]:
        found = self._owners.get(key)
        if found is None:
            team, agent = self._common.owner(cells)
            if team is None and agent is None:
                found = self._draft(ev.Unassigned, {})
            else:
                found = self._draft(ev.Assigned, {"team_id": team, "agent_id": agent})
            room(self._owners)[key] = found
        fields = found.fields
        same = fields.get("team_id") == case.team_id and fields.get("agent_id") == case.agent_id
        return [] if same else [found]

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
        self, case: Case, line: int, at: datetime, who: Who, drafts: list[Draft], moves: tuple[Draft, ...], state: str,
        told: tuple[dict[str, str], dict[str, str]] | None, before: str,
    ) -> None:  # fmt: skip
        """Record a row's events: the way back from closed comes first, any other move last."""
        record, source = self._desk.record, self._source
        first, on_end = told or (None, None)
        begin = 0 if case.status is Status.CLOSED else len(drafts)
        end = begin + len(moves)
        ordered = [*moves, *drafts] if begin == 0 else [*drafts, *moves]
        if told is None and len(ordered) == 1 and not moves:
            record(case, ordered[0], at, who, source(line), None)
            return
        for number, draft in enumerate(ordered):
            moving = begin <= number < end
            stated, first = first, None
            if on_end and draft.cls in _ENDS:
                stated, on_end = {**(stated or {}), **on_end}, None
            where = source(line, state if moving and number == end - 1 else None, stated)
            moved = f"{before} -> {state}" if moving else None
            record(case, draft, at, who, where, moved)


_ENDS = (ev.Solved, ev.Closed)


def _end(moves: Sequence[Draft]) -> str | None:
    """Return which end the moves lead to."""
    for draft in moves:
        cls = draft.cls
        if cls in _ENDS:
            return "solved" if cls is ev.Solved else "closed"
    return None


def _after(status: Status, drafts: list[Draft]) -> Status:
    """Return the status after *drafts*: an agent's responsibility opens a new ticket."""
    if status is Status.NEW:
        for draft in drafts:
            if draft.cls is ev.Assigned and draft.fields["agent_id"]:
                return Status.OPEN
    return status

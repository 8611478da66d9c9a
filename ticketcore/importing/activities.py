"""Rows that are activities: something was done in a case, and a table says which event that is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import EVENT_CLASSES
from ticketcore.domain.types import Channel, Direction, Role, SlaTarget
from ticketcore.ids import number_of
from ticketcore.importing.columns import Common, member
from ticketcore.importing.errors import RowRejected
from ticketcore.importing.shown import shown, shown_all

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from ticketcore.domain.base import Event
    from ticketcore.importing.cases import Case
    from ticketcore.importing.columns import Wanted
    from ticketcore.importing.desk import Desk
    from ticketcore.importing.drafts import Who
    from ticketcore.importing.mapping import ActivitiesMapping, Activity
    from ticketcore.importing.reader import Row

__all__ = ["Activities"]

_RENAMED = {"team": "team_id", "agent": "agent_id"}


class _Compiled:
    """One activity of the mapping, its fields as functions of a row."""

    def __init__(self, spec: Activity, name: str, common: Common) -> None:
        self.spec, self.name = spec, name
        self.cls: type[Event] = EVENT_CLASSES[f"ticket.{spec.event}"]
        label, text = common.labels.check, common.texts.check
        converters: dict[str, Callable[[str, str], Any]] = {
            "direction": member(Direction), "channel": member(Channel), "author": text, "body": text,
            "language": label, "category": label, "subcategory": label, "impact": common.level, "urgency": common.level,
            "priority": common.priority_word, "team": label, "agent": label, "reason": label, "resolution": label,
            "score": _whole(1, 5), "seconds": _whole(1, 31_536_000), "target": member(SlaTarget),
        }  # fmt: skip
        self.fields: dict[str, Callable[[list[str]], Any]] = {
            key: common.choose(getattr(spec, key), f"activities.{name}.{key}", convert)
            for key, convert in converters.items()
            if getattr(spec, key) is not None
        }
        self.tags = None if spec.tags is None else [(common.cell(column), column) for column in spec.tags]
        self.changes = [(common.cell(column), column) for column in spec.changes]


class Activities:
    """Reads rows of the shape ``activities`` and writes what they tell at the desk."""

    def __init__(
        self, mapping: ActivitiesMapping, columns: Sequence[str], zone: ZoneInfo, latest: datetime, desk: Desk
    ) -> None:
        self._common = common = Common(mapping, columns, zone, latest)
        self._desk = desk
        self._cases: dict[str, Case] = {}
        self._activity, self._column = common.cell(mapping.activity), mapping.activity
        self._others = mapping.others
        self._table = {name: _Compiled(spec, name, common) for name, spec in mapping.activities.items()}
        self._subject = common.choose(mapping.subject, "subject", common.texts.check)
        self._body = common.choose(mapping.body, "body", common.texts.check)
        self._actor_column = mapping.actor

    def read(self, row: Row) -> None:
        """Record what *row* tells.

        Raises:
            RowRejected: it can't be imported; nothing of it was recorded.
        """
        common, cells = self._common, row.cells
        name, at, activity = common.case(cells), common.time(cells), cells[self._activity]
        known = self._table.get(activity)
        common.labels.check(activity, self._column)
        if known is None and self._others == "reject":
            expected = shown_all(self._table)
            raise RowRejected(
                f"column {self._column} is {shown(activity)}, expected one of {expected}"
                " (or add it to `activities`, or say `others: update`)"
            )
        case = self._cases.get(name)
        values = {} if known is None else {key: take(cells) for key, take in known.fields.items()}
        if known is not None:
            self._check(known, values, activity)
        actor = None if self._actor_column is None else common.label(cells, self._actor_column)
        wanted = None
        if known is not None and known.spec.requester is not None:
            wanted = common.requester(cells, known.spec.requester)
        changes = {"activity": activity}
        tags: tuple[str, ...] | None = None
        if known is not None:
            tags = None if known.tags is None else common.tags(cells, known.tags)
            for place, column in known.changes:
                if cells[place] not in common.null:
                    changes[column] = common.texts.check(cells[place], column)
        if case is None:
            case = self._cases[name] = self._open(name, row, at, actor, known)
            if known is not None and known.spec.event == "opened":
                return
        role = Role.AGENT if known is None else Role(known.spec.by)
        fields: dict[str, Any]
        if known is None or known.cls in (ev.Opened, ev.Updated):
            cls: type[Event] = ev.Updated
            fields = {"changes": changes}
        else:
            cls = known.cls
            fields = self._fields(known, values, tags, case, at, actor)
            if wanted is not None:
                fields["requester_id"] = self._desk.customer(*wanted, max(at, case.last_at), row.line)
            if cls is ev.Assigned and fields["team_id"] is None and fields["agent_id"] is None:
                cls, fields = ev.Unassigned, {}
        writer = self._desk.writer
        who, source = self._who(case.requester_id, actor, role), writer.source(row.line, activity)
        self._desk.record(case, writer.draft(cls, fields), at, who, source, None)

    def held_back(self) -> int:
        """Return 0: activities state nothing that could wait."""
        return 0

    def _check(self, known: _Compiled, values: dict[str, Any], activity: str) -> None:
        for key in ("priority", "score", "seconds", "target", "direction"):
            if key in values and values[key] is None:
                raise RowRejected(f"activity {shown(activity)} has no {key}, expected one (or a `default` for it)")
        if known.spec.event == "time_logged" and "agent" in values and values["agent"] is None:
            raise RowRejected(f"activity {shown(activity)} has no agent, expected who worked")

    def _open(self, name: str, row: Row, at: datetime, actor: str | None, known: _Compiled | None) -> Case:
        common, desk, cells = self._common, self._desk, row.cells
        fields = common.opening(cells)
        wanted: Wanted | None = common.requester(cells)
        subject, body = self._subject(cells), self._body(cells)
        id_ = desk.ticket_id(name, at)
        if wanted is not None:
            fields["requester_id"] = desk.customer(*wanted, at, row.line)
        if subject is not None:
            fields["subject"] = subject
        if body is not None:
            fields["body"] = body
        role = Role.AGENT if known is None or known.spec.event != "opened" else Role(known.spec.by)
        opener = self._who(fields.get("requester_id"), actor, role)
        state = cells[self._activity] if known is not None and known.spec.event == "opened" else None
        return desk.open(name, id_, at, opener, desk.writer.source(row.line, state), fields)

    def _who(self, requester: UUID | None, actor: str | None, role: Role) -> Who:
        """Return the actor; a customer goes by number, never by the name that the row has."""
        if role is Role.CUSTOMER:
            actor = None if requester is None else number_of(requester)
        return self._common.actors.get(actor, role)

    def _fields(
        self,
        known: _Compiled,
        values: dict[str, Any],
        tags: tuple[str, ...] | None,
        case: Case,
        at: datetime,
        actor: str | None,
    ) -> dict[str, Any]:
        """Return an event's fields; what a whole new value is made of and the row does not tell stays as it was."""
        cls = known.cls
        if cls is ev.Classified:
            kept: dict[str, Any] = {"category": case.category, "subcategory": case.subcategory}
            return kept | values | {"tags": case.tags if tags is None else tags}
        if cls is ev.Prioritised:
            return {"impact": case.impact, "urgency": case.urgency} | values
        if cls is ev.Assigned:
            return {"team_id": case.team_id, "agent_id": case.agent_id} | _renamed(values)
        if cls is ev.Commented:
            inbound = known.spec.by is Role.CUSTOMER
            values.setdefault("direction", Direction.INBOUND if inbound else Direction.OUTBOUND)
            values["channel"] = values.get("channel") or case.channel
            if "author" in values:
                values["author_name"] = values.pop("author")
            if inbound and case.requester_id is not None:
                values["author_id"] = case.requester_id
            return values
        if cls is ev.SlaBreached:
            return {"target": SlaTarget.RESOLUTION} | values
        if cls is ev.SlaFulfilled:
            return {"target": SlaTarget.RESOLUTION, "fulfilled_at": at} | values
        if cls is ev.Rated:
            return {"score": values["score"], "remark": values.get("body")}
        if cls is ev.TimeLogged:
            agent = values.get("agent") or actor or case.agent_id or "unknown"
            return {"seconds": values["seconds"], "agent_id": agent, "note": values.get("body")}
        if cls is ev.RequesterChanged:
            return {"requester_id": None}
        return values


def _renamed(values: dict[str, Any]) -> dict[str, Any]:
    return {_RENAMED.get(key, key): value for key, value in values.items()}


def _whole(least: int, most: int) -> Callable[[str, str], int]:
    def convert(text: str, column: str) -> int:
        if not text.strip().isdecimal() or not least <= int(text) <= most:
            raise RowRejected(f"column {column} is {shown(text)}, expected a whole number from {least} to {most:,}")
        return int(text)

    return convert

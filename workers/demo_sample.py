"""Playing the synthetic sample through the public API: the same commands as a service's, dated into the past.

Command ids are made of the seed, the life and the step: playing it again repeats every command and records nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from threading import Event
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID, uuid5

from ticketcore.domain.commands import AttachmentContent
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.types import Actor, Assurance, IdentityKind, Role
from workers.demo_plan import Life, Person, Plan, Step

if TYPE_CHECKING:
    from ticketcore.app import TicketCore

__all__ = ["Played", "play"]

_NAMESPACE = UUID("6c1f6f0e-5d0b-5a53-9a06-2f1f9d1c7a44")
_THREADS = 16
_REFERENCES = {"into", "other"}
_PERSONS = {"requester", "author"}
_NEW = {"open_ticket", "split_off", "open_follow_up"}


class Played(NamedTuple):
    """What playing did: ids by ``life/ticket`` and by person; ``commands`` in all, ``repeated`` of them from before."""

    tickets: dict[str, UUID]
    persons: dict[str, UUID]
    commands: int
    repeated: int


def play(core: TicketCore, plan: Plan, *, seed: int = 2026, progress: Callable[[int], None] | None = None) -> Played:
    """Record the plan: persons first, then the lives, several at a time; twins are recognised at the end.

    Args:
        core: an opened one.
        plan: what happens.
        seed: part of every command's id.
        progress: called from several threads with the number of commands since the last call.
    """
    player = _Player(core, seed, progress or (lambda _: None))
    persons = _parallel(lambda person: (person.key, player.person(person)), plan.persons)
    player.persons = dict(persons)
    player.ids = {key: id_ for key, (id_, _) in persons}
    tickets: dict[str, UUID] = {}
    for found in _parallel(player.life, plan.lives):
        tickets.update(found)
    for person in plan.persons:
        if person.same_as is not None:
            player.same(person)
    return Played(tickets, player.ids, player.commands, player.repeated)


def commands_of(plan: Plan) -> int:
    """Return how many commands a plan has."""
    return (
        sum(len(life.steps) for life in plan.lives)
        + len(plan.persons)
        + sum(1 for person in plan.persons if person.same_as is not None)
    )


def _parallel(work: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
    """Do the work for all items in threads, in order; the first error, or Ctrl-C, stops what has not begun."""
    stop = Event()

    def guarded(item: Any) -> Any:
        return None if stop.is_set() else work(item)

    with ThreadPoolExecutor(max_workers=_THREADS, thread_name_prefix="demo") as threads:
        futures: list[Future[Any]] = [threads.submit(guarded, item) for item in items]
        try:
            wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()
            threads.shutdown(wait=True, cancel_futures=True)
    return [future.result() for future in futures if not future.cancelled()]


class _Player:
    def __init__(self, core: TicketCore, seed: int, progress: Callable[[int], None]) -> None:
        self._core, self._seed, self._progress = core, seed, progress
        self.persons: dict[str, tuple[UUID, str]] = {}
        self.ids: dict[str, UUID] = {}
        self.commands = self.repeated = 0

    def person(self, person: Person) -> tuple[UUID, str]:
        identities = tuple(
            Identity(kind=IdentityKind(kind), value=value, assurance=Assurance(sure))
            for kind, value, sure in person.identities
        )
        done = self._done(
            self._core.register_customer(
                by=Actor.system("intake"), name=person.name, language=person.language, identities=identities,
                command_id=self._id(person.key), occurred_at=person.registered_at,
            )
        )  # fmt: skip
        return done.id, done.number

    def same(self, person: Person) -> None:
        assert person.same_as is not None  # noqa: S101 asked by the caller
        self._done(
            self._core.merge_customers(
                self.ids[person.key], by=Actor.agent("accounts-01"), into=self.ids[person.same_as],
                command_id=self._id(f"{person.key}/same"),
            )
        )  # fmt: skip

    def life(self, life: Life) -> dict[str, UUID]:
        tickets: dict[str, UUID] = {}
        last = 0
        for number, step in enumerate(life.steps):
            known = step.fields if step.fields.get("comment") != "last" else {**step.fields, "comment": last}
            done = self._done(self._call(step, life, known, tickets, self._id(f"{life.key}/{number}")))
            if step.method == "comment":
                last = done.version  # staff's comments are one event; only these are named afterwards
            if step.method in _NEW:
                tickets[step.ticket] = done.id
        return {f"{life.key}/{name}": id_ for name, id_ in tickets.items()}

    def _call(
        self, step: Step, life: Life, known: Mapping[str, Any], tickets: dict[str, UUID], command_id: UUID
    ) -> Any:
        fields = {name: self._value(name, value, tickets) for name, value in known.items()}
        options = {"by": self._actor(step.by), "command_id": command_id, "occurred_at": step.at}
        method = getattr(self._core, step.method)
        if step.method == "open_ticket":
            return method(**options, **fields)
        return method(tickets[fields.pop("of", step.ticket)], **options, **fields)

    def _value(self, name: str, value: Any, tickets: dict[str, UUID]) -> Any:
        if name in _REFERENCES:
            return tickets[value]
        if name in _PERSONS:
            return self.ids[value]
        if name == "attachments":
            return tuple(AttachmentContent(name=n, media_type=kind, content=content) for n, kind, content in value)
        return value

    def _actor(self, by: str) -> Actor:
        if by == "customer":  # the service hands in what customers write, and says when it was received
            return Actor.system("portal")
        role, _, id_ = by.partition(":")
        return Actor(role=Role(role), id=id_, version="1" if role == Role.POLICY else None)

    def _id(self, what: str) -> UUID:
        return uuid5(_NAMESPACE, f"{self._seed}/{what}")

    def _done(self, recorded: Any) -> Any:
        self.commands += 1
        self.repeated += recorded.repeated
        self._progress(1)
        return recorded

"""Rebuilding a read model beside the live one, and swapping the two: readers see the old tables, then the new ones.

The new tables grow in the schema ``<model>_next`` with checkpoints of their own, so a rebuild that was killed goes on
where it was. The old ones stay as ``<model>_prev`` until the next rebuild begins: for queries that still run on them, and
to be put back.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import psycopg
import structlog

from projections.base import Model
from projections.candidates import begin, checkpoints, previous
from projections.checkpoints import Checkpoint
from projections.drops import forget_lost_drops, settle_drops
from projections.feed import Decode, Log, by_name
from projections.folding import Item
from projections.neighbours import dependents, lock_holder, work_as_owner
from projections.projector import Projector
from projections.runner import locked, read_batch
from projections.schema import REBUILD_LOCK, Connection, connect, install
from projections.swap import Candidate, hold, swap
from ticketcore.collector import no_collection
from ticketcore.errors import ConfigurationError, EpochMismatch, StoreUnavailable

__all__ = ["Rebuilt", "put_back", "rebuild", "rebuild_all", "refuse_unknown_logs"]

_BATCH = 20_000
"""The more at once, the fewer rows are read and written again: a ticket's events lie apart in the log."""
_LITTLE = 5_000
"""Events that the swap may fold while workers wait."""
_SHRINKS = 0.9
"""A round that leaves more than this share of what the round before left: the log grows as fast as it is read."""
_SWAP_PATIENCE = 600.0
"""Seconds that the swap waits for queries on the old tables; live projection goes on meanwhile."""
_SWAP_PAUSE = 0.2
"""Seconds between two attempts, for the projectors of the live tables."""

Progress = Callable[[int, int], None]

logger = structlog.get_logger(__name__)


class Rebuilt(NamedTuple):
    """What went live.

    Attributes:
        position: how many events it was made from; of one log, the position reached.
        resumed_at: the same where it began: above 0 where it took up a killed rebuild, or tables that were live before.
        version: of the fold and the tables.
        left_behind: what others made on the replaced tables, such as ``view analyst.backlog``: it shows those still.
    """

    model: str
    generation: int
    position: int
    resumed_at: int
    version: int
    left_behind: tuple[str, ...] = ()


def rebuild(
    dsn: str, logs: Log | Sequence[Log], decode: Decode, model: Model, *, progress: Progress | None = None,
    drop_dependents: bool = False,
) -> Rebuilt:  # fmt: skip
    """Build *model* anew from its logs and put it in the live one's place; see :func:`rebuild_all`."""
    [done] = rebuild_all(dsn, logs, decode, [model], progress=progress, drop_dependents=drop_dependents)
    return done


def rebuild_all(
    dsn: str, logs: Log | Sequence[Log], decode: Decode, models: Sequence[Model], *, progress: Progress | None = None,
    drop_dependents: bool = False,
) -> list[Rebuilt]:  # fmt: skip
    """Build *models* anew from their logs and put each in the live one's place, as the owner of that one's schema.

    Each event is read and decoded once for all of them, up to where the logs end when it begins; then each model goes on by
    itself and is swapped.

    Args:
        dsn: of the read models.
        logs: the log, or all logs that feed the read models.
        decode: record -> event.
        models: the read models.
        progress: called after each batch with (events folded, events in the logs).
        drop_dependents: drop what others made on the tables that are dropped now, which are those of the swap before.
    Raises:
        ConfigurationError: the tables hold another log too, others' objects hang on those that are dropped now, or this role
            may not act as the owner.
        StoreUnavailable: a query held the old tables for more than ten minutes.
    """
    given = by_name(logs)
    install(dsn)
    with ExitStack() as stack:
        builds: dict[str, _Build] = {}
        for model in sorted(
            models, key=lambda model: model.name
        ):  # in one order: two rebuilds wait, and do not deadlock
            keeper, builder = stack.enter_context(_alone(dsn, model))
            refuse_unknown_logs(keeper, [model], given)
            for log in given.values():
                forget_lost_drops(keeper, log, model)
            projector = Projector(model, f"{model.name}_next")
            candidate, at = begin(keeper, projector, given, drop_dependents=drop_dependents)
            builds[model.name] = _Build(keeper, builder, candidate, projector, given, decode, at, progress)
        if len(builds) > 1:
            _build_together(list(builds.values()), given, decode, progress)
        return [builds[model.name].finish() for model in models]


def _build_together(
    builds: Sequence[_Build], logs: Mapping[str, Log], decode: Decode, progress: Progress | None
) -> None:
    """Fold each log up to its present end; while the server takes the rows of one model, the next one is folded."""
    heads = {name: log.head() for name, log in logs.items()}
    with ThreadPoolExecutor(len(builds), "rebuild") as pool:
        for name, log in logs.items():
            while (reached := min(build.reached(name) for build in builds)) < heads[name]:
                some = min(_BATCH, heads[name] - reached)
                with no_collection(some):
                    items = read_batch(log, decode, reached, some)
                    for taken in [pool.submit(build.take, name, items) for build in builds]:
                        taken.result()
                if progress is not None:
                    progress(min(build.folded() for build in builds), sum(heads.values()))


def put_back(
    dsn: str, logs: Log | Sequence[Log], decode: Decode, model: Model, *, progress: Progress | None = None
) -> Rebuilt:
    """Catch up the tables that the last swap replaced, and put them in the live ones' place; those become the replaced.

    Takes and raises what :func:`rebuild` does, of dependents nothing, since it drops no tables; and

    Raises:
        NotFound: there are none: nothing was swapped yet, or a rebuild began since.
        OtherVersion: they are not of this code's version.
        EpochMismatch: a log was restored since.
    """
    given = by_name(logs)
    install(dsn)
    with _alone(dsn, model) as (keeper, builder):
        refuse_unknown_logs(keeper, [model], given)
        candidate = previous(keeper, model)
        projector = Projector(model, f"{model.name}_prev")
        try:
            at = checkpoints(keeper, projector, candidate, given)
        except EpochMismatch as error:
            raise EpochMismatch(
                f"cannot put back the previous tables of read model {model.name!r}: they are of a former epoch of a log, expected"
                f" the one that it has now (it was restored since: run `ticketcore rebuild {model.name}`)"
            ) from error
        return _Build(keeper, builder, candidate, projector, given, decode, at, progress).finish()


def refuse_unknown_logs(connection: Connection, models: Sequence[Model], given: Mapping[str, Log]) -> None:
    """Pass where the live tables hold events of the given logs only.

    Raises:
        ConfigurationError: they hold another one's.
    """
    rows = connection.execute(
        "SELECT DISTINCT model, log FROM read_meta.models JOIN read_meta.checkpoints USING (model, generation)"
        " WHERE role = 'live' AND position > 0 AND model = ANY(%s) AND log <> ALL(%s) ORDER BY 1, 2",
        [[model.name for model in models], list(given)],
    ).fetchall()
    if rows:
        name, log = rows[0]
        raise ConfigurationError(
            f"read model {name!r} holds events of log {log!r}, expected only of {', '.join(map(repr, given))}"
            f' (name every log: TICKETCORE_KAFKA_LOGS=\'{{"{log}": "DSN"}}\')'
        )


class _Build:
    """A candidate on its way to be live; *keeper* holds the locks, *builder* writes."""

    def __init__(
        self, keeper: Connection, builder: Connection, candidate: Candidate, projector: Projector, logs: Mapping[str, Log],
        decode: Decode, at: dict[str, Checkpoint], progress: Progress | None,
    ) -> None:  # fmt: skip
        self._keeper, self._builder, self._candidate, self._projector = keeper, builder, candidate, projector
        self._logs, self._decode, self._at, self._progress = logs, decode, at, progress
        self._resumed_at = self.folded()

    def finish(self) -> Rebuilt:
        model, deadline = self._projector.model, time.monotonic() + _SWAP_PATIENCE
        while True:
            self._approach()
            try:
                with locked(self._keeper):  # no projector of the log runs meanwhile, and nobody hands over or drops
                    generation, left_behind = self._swap()
            except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
                logger.info("rebuild.swap_waits", model=model.name, reason=str(error).strip())
                if time.monotonic() > deadline:
                    raise StoreUnavailable(
                        f"cannot swap read model {model.name!r}: queries held its tables for {_SWAP_PATIENCE:g} s"
                        " (end them, see pg_stat_activity, and run the rebuild again: it goes on where it is)"
                    ) from error
                time.sleep(_SWAP_PAUSE)
            else:
                if left_behind:
                    logger.warning(
                        "rebuild.left_behind", model=model.name, schema=f"{model.name}_prev", objects=left_behind
                    )
                return Rebuilt(model.name, generation, self.folded(), self._resumed_at, model.version, left_behind)

    def reached(self, log: str) -> int:
        return self._at[log].position

    def take(self, log: str, items: Sequence[Item]) -> None:
        """Fold those of *items*, the next ones of *log*, that it does not hold yet."""
        self._at[log] = self._projector.apply(self._builder, items, self._at[log])

    def _approach(self) -> None:
        """Come as near to the logs' ends as can be: each round reads what came during the one before.

        Where rounds don't grow shorter, the logs grow as fast as they are read; the swap then folds the rest while the live
        tables stand still, which ends, since it is a fixed number of events.
        """
        left = math.inf
        while True:
            heads = {name: log.head() for name, log in self._logs.items()}
            rest = sum(max(0, head - self._at[name].position) for name, head in heads.items())
            self._build(heads)
            if rest <= min(_BATCH, _LITTLE) or rest > _SHRINKS * left:
                return
            left = rest

    def _swap(self) -> tuple[int, tuple[str, ...]]:
        name = self._projector.model.name
        for log in self._logs.values():
            settle_drops(self._builder, log, self._decode, self._projector, self._candidate.generation)
        with self._keeper.transaction():
            held = hold(self._keeper, self._candidate.model)
            rest = {name: min(log.head(), held.reached(name, self._at[name].epoch)) for name, log in self._logs.items()}
            self._build(rest, holding=True)
            return swap(self._keeper, self._candidate, held, self._at), tuple(
                dependents(self._keeper, name, f"{name}_prev")
            )

    def _build(self, until: Mapping[str, int], *, holding: bool = False) -> None:
        """Fold each log up to a position."""
        ends = sum(until.values())
        for name, end in until.items():
            log, at = self._logs[name], self._at[name]
            while at.position < end:
                some = min(_BATCH, end - at.position)
                with no_collection(some):
                    self.take(name, read_batch(log, self._decode, at.position, some))
                at = self._at[name]
                if holding:
                    self._keeper.execute("SELECT 1")  # a sign of life
                if self._progress is not None:
                    self._progress(min(self.folded(), ends), ends)

    def folded(self) -> int:
        return sum(at.position for at in self._at.values())


@contextmanager
def _alone(dsn: str, model: Model) -> Iterator[tuple[Connection, Connection]]:
    """Give two connections of the owner, the first one under the lock that lets one rebuild of the model run at a time."""
    lock = REBUILD_LOCK.format(model.name)
    with connect(dsn) as keeper:
        if holder := lock_holder(keeper, lock):
            logger.warning("rebuild.waits", model=model.name, pid=holder, reason="another rebuild or drop of it runs")
        with locked(keeper, lock), connect(dsn) as builder:
            for connection in (keeper, builder):
                work_as_owner(connection, model.name)
            builder.execute(
                "SET synchronous_commit = off"
            )  # rows and checkpoint are lost together; the swap's commit waits
            yield keeper, builder

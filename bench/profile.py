"""Where the time goes: per command, per imported event and per projected event, in microseconds by step.

Each step's own time, without that of the steps inside it, by timers around the functions; they cost about 1 us a call.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import projections.runner
import projections.together
import ticketcore.execute
import ticketcore.importing.commits
from bench.harness import Result, absolute, say, scaled
from bench.ingest import CODEC, imported
from bench.sides import Ours
from projections.runner import Runner
from projections.schema import install
from projections.tables import Tables
from ticketcore.importing.desk import Desk
from ticketcore.importing.drafts import Writer
from ticketcore.importing.records import Records
from ticketcore.sealing.sealer import Sealer
from ticketcore.store.codec import Codec
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.postgres import PostgresLog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.place import Place

__all__ = ["Steps", "profile"]

_STORE = [
    (Sealer, "seal_many", "seal"),
    (Sealer, "seal_content", "seal"),
    (PostgresKeyStore, "persons", "keys of persons"),
    (PostgresKeyStore, "put_persons", "keys of persons"),
    (Codec, "to_stored_event", "encode"),
    (Codec, "sealed_event", "encode"),
    (Codec, "decode_to_fold", "decode"),
    (PostgresLog, "load_many", "load: query and rows"),
]
_COMMAND = [
    *_STORE,
    (PostgresLog, "append", "append: one statement and its commit"),
    (ticketcore.execute, "decide", "decide"),
    (ticketcore.execute.Executor, "_view", "states from cache, or folded"),
    (ticketcore.execute.Executor, "_digest", "digest of the command"),
    (ticketcore.execute.Executor, "_finish", "new state and result"),
]
_IMPORT = [
    (ticketcore.importing.commits, "seal", "seal, keys of persons"),
    (PostgresLog, "append_bulk", "append: checks, COPY (the client's part)"),
    (Records, "read", "compare the row with the one before, decide on events"),
    (Records, "_first", "the first row of a case: opening, claim"),
    (Desk, "customer", "customers: look up, register"),
    (Desk, "record", "record an event: place, fold"),
    (Writer, "state", "write the stored event"),
    (Writer, "draft", "write its fields"),
]
_PROJECTION = [
    (PostgresLog, "read", "read: query and rows"),
    (projections.runner, "decoded", "decode"),
    (projections.together, "fold", "fold, all models"),
    (projections.together, "_ask", "move checkpoints, load rows"),
    (Tables, "write_many", "write rows of tables with many"),
    (projections.together, "write_rest", "write the few of others"),
]


class Steps:
    """Own time by step. *clock*: of wall time, or of the thread's CPU time where several threads are measured."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self._clock, self._of_thread = clock, threading.local()

    @property
    def _inside(self) -> list[float]:
        """What the steps that this thread is in have spent in others."""
        found: list[float] = self._of_thread.__dict__.setdefault("inside", [])
        return found

    def timed(self, call: Callable[..., Any], label: str) -> Callable[..., Any]:
        """Return *call* with a timer around it."""

        @wraps(call)
        def wrapped(*args: Any, **kwargs: Any) -> Any:
            inside, clock = self._inside, self._clock
            inside.append(0.0)
            began = clock()
            try:
                return call(*args, **kwargs)
            finally:
                seconds = clock() - began
                self.seconds[label] += seconds - inside.pop()
                if inside:
                    inside[-1] += seconds

        return wrapped

    @contextmanager
    def around(self, places: list[tuple[Any, str, str]], rest: str) -> Iterator[None]:
        """Time the named functions while the block runs; what is in none of them is *rest*."""
        with ExitStack() as stack:
            for owner, name, label in places:
                stack.enter_context(patch.object(owner, name, self.timed(getattr(owner, name), label)))
            self._inside.append(0.0)
            began = self._clock()
            yield
            self.seconds[rest] += self._clock() - began - self._inside.pop()

    def results(self, what: str, count: int) -> list[Result]:
        """Return microseconds per unit, the longest step first, and their sum."""
        longest = sorted(self.seconds.items(), key=lambda step: -step[1])
        found = [absolute(f"{what}: {label}", "us", [1e6 * s / count]) for label, s in longest]
        return [absolute(f"{what}: sum", "us", [1e6 * sum(self.seconds.values()) / count]), *found]


def profile(place: Place) -> list[Result]:
    """Return the steps of a command (warm, and without cache), of an imported event, of a projected event."""
    found: list[Result] = []
    each = scaled(500)
    for policy, settings in (("warm cache", {}), ("cache_size=0", {"cache_size": 0})):
        with place.core(**settings) as core:
            ours = Ours(core, 1, 100)
            steps = Steps()
            with steps.around(_COMMAND, "command built, checks, group commit's hand-over"):
                for number in range(each):
                    ours.comment(0, number)
            found += steps.results(f"a comment, 1 client, {policy}", each)
    with place.core() as core:
        steps = Steps(time.thread_time)
        with steps.around(_IMPORT, "read: unpack, decode, split; chunks, everything else"):
            imported(core, place.sample(scaled(40_000)))
        events = core.log.head()
        found += steps.results("an imported event", events)
        install(str(core.settings.dsn))
        steps = Steps()
        with (
            Runner(str(core.settings.dsn), core.log, CODEC.decode_to_fold) as runner,
            steps.around(_PROJECTION, "checkpoints, commits, everything else"),
        ):
            runner.catch_up()
        found += steps.results("a projected event", events)
    say("profile done")
    return found

"""One run: servers, writers, relays, projectors and rebuilds; a plan of kills; the proof afterwards."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
from kafka import KafkaAdminClient
from kafka.errors import KafkaError

from projections.schema import MODELS
from tests.chaos.cast import Backend, Broker, Program, Server, Victim
from tests.chaos.plan import plan
from tests.chaos.proof import Proven, prove
from tests.chaos.stage import PATIENCE, Stage, Wrong
from tests.chaos.watch import Watch
from tests.crash.writer import THREADS
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres
from ticketcore import Settings, TicketCore
from workers.kafka.projector_worker import group_of
from workers.kafka.settings import KafkaSettings
from workers.kafka.topic import ensure_topic

__all__ = ["Result", "chaos"]

TOPIC, PARTITIONS = "ticketcore.main", 6
WRITERS, RELAYS = 2, 2


class Result(NamedTuple):
    """``struck``: kind and act -> how often; ``longest``: seconds that anything stood still with work to do."""

    seed: str
    struck: dict[str, int]
    refused: int
    longest: float
    seconds: float
    proven: Proven


def chaos(folder: Path, *, kills: int, seed: str, projectors: int, pause: float, say: Callable[[str], None]) -> Result:
    """Run once and prove that nothing was lost, doubled or stuck.

    Args:
        folder: for journals, outputs and ``schedule.jsonl``.
        kills: how many strikes.
        seed: of the plan and of what is written.
        projectors: how many share the partitions.
        pause: a writer's thread rests up to so many seconds after each command.
        say: told what goes on.
    Raises:
        AssertionError: something is wrong.
        EmbeddedUnavailable, BrokerUnavailable: there are no servers.
    """
    begun = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        servers = {name: Server(name, stack.enter_context(Postgres())) for name in ("log", "keys", "read")}
        kafka = stack.enter_context(Kafka())
        dsns = {name: server.postgres.create_database() for name, server in servers.items()}
        settings = Settings(
            dsn=dsns["log"], keys_dsn=dsns["keys"], read_dsn=dsns["read"], key_file=folder / "keys.json", inline=False,
            pool_size=3,
        )  # fmt: skip
        TicketCore.open(settings, migrate=True, make_keys=True).close()
        speaking = KafkaSettings(bootstrap_servers=kafka.bootstrap, topic=TOPIC, lease=4, session_timeout=6)
        ensure_topic(speaking, TOPIC, PARTITIONS)
        say(f"PostgreSQL from {servers['log'].postgres.source} (fsync off: kills lose nothing by it), {kafka.source}")

        programs = _programs(folder, seed, projectors, pause, _environment(settings, speaking))
        dice = random.Random(f"{seed}/backends")
        cast: dict[str, list[Victim]] = {
            **{kind: list(some) for kind, some in programs.items()},
            **{name: [server] for name, server in servers.items()},
            "backend": [Backend(f"a backend of {name}", server, dice) for name, server in servers.items()],
        }
        if not kafka.source.startswith("TICKETCORE_"):
            cast["kafka"] = [Broker(kafka)]
        watch = Watch(folder, dsns["log"], dsns["read"], TOPIC)
        scene = Stage(cast, folder / "schedule.jsonl", watch.check, say)
        all_programs = [program for some in programs.values() for program in some]
        try:
            for program in all_programs:
                program.start()
            scene.wait(
                lambda: all(program.worked for program in programs["projector"]), "every projector holds partitions"
            )
            watch.start()
            say(f"{len(all_programs)} processes at work after {time.monotonic() - begun:.0f} s")
            names = {kind: [victim.name for victim in victims] for kind, victims in cast.items()}
            scene.perform(plan(seed, kills, names))
            _all_go_on(scene, folder, programs["writer"], settings, speaking, projectors)
            watch.writing = False
            _end(folder, programs, settings)
        except BaseException:
            _tell(all_programs, settings, say)
            raise
        finally:
            for program in all_programs:
                if program.running:
                    program.kill()
            scene.close()
            watch.stop()
        say("all is calm and has ended; now the proof")
        _no_tracebacks(all_programs)
        with closing(TicketCore.open(settings)) as core:
            proven = prove(core, settings, folder, kafka.bootstrap, TOPIC, PATIENCE)
    struck = {f"{act} {kind}": count for (kind, act), count in sorted(scene.struck.items())}
    return Result(seed, struck, scene.refused, round(watch.longest, 1), round(time.monotonic() - begun, 1), proven)


def _environment(settings: Settings, kafka: KafkaSettings) -> dict[str, str]:
    return {
        **os.environ,
        "TICKETCORE_DSN": str(settings.dsn),
        "TICKETCORE_KEYS_DSN": str(settings.keys_dsn),
        "TICKETCORE_READ_DSN": str(settings.read_dsn),
        "TICKETCORE_KEY_FILE": str(settings.key_file),
        "TICKETCORE_INLINE": "false",
        "TICKETCORE_POOL_SIZE": "3",
        "TICKETCORE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "TICKETCORE_KAFKA_TOPIC": TOPIC,
        "TICKETCORE_KAFKA_LEASE": f"{kafka.lease:g}",
        "TICKETCORE_KAFKA_SESSION_TIMEOUT": f"{kafka.session_timeout:g}",
    }


def _programs(
    folder: Path, seed: str, projectors: int, pause: float, environment: dict[str, str]
) -> dict[str, list[Program]]:
    def program(name: str, worked: str, *arguments: str) -> Program:
        return Program(folder, name, ["-m", *arguments], environment, worked)

    worker = "tests.chaos.worker", "worker"
    return {
        "writer": [
            program(f"writer{n}", "", "tests.crash.writer", str(folder), f"writer{n}", f"{seed}/{n}", str(pause))
            for n in range(WRITERS)
        ],
        "relay": [program(f"relay{n}", "relay.leads", *worker, "relay") for n in range(RELAYS)],
        "projector": [program(f"projector{n}", "projector.assigned", *worker, "project") for n in range(projectors)],
        "rebuilder": [program("rebuilder", "begin", "tests.chaos.rebuilder", seed)],
    }


def _all_go_on(
    scene: Stage, folder: Path, writers: Sequence[Program], settings: Settings, kafka: KafkaSettings, projectors: int
) -> None:
    """Wait until each one shows that it is not stuck: every thread that writes, both relays, every member."""
    journals = [folder / f"{writer.name}.journal" for writer in writers]
    sizes = [journal.stat().st_size for journal in journals]
    for journal, size in zip(journals, sizes, strict=True):

        def all_answered(journal: Path = journal, size: int = size) -> bool:
            return _threads_answered(journal, size) == THREADS

        scene.wait(all_answered, f"each thread of {journal.stem} writes")
    scene.wait(lambda: _relays(str(settings.dsn)) == RELAYS, "both relays hold a session")
    groups = {group_of(kafka, *MODELS): projectors}
    scene.wait(lambda: _members(kafka) == groups, f"every projector is a member: {groups}")


def _threads_answered(journal: Path, after: int) -> int:
    with journal.open("rb") as file:
        file.seek(after)
        lines = file.read().rpartition(b"\n")[0].split(b"\n")[1:]
    entries = [json.loads(line) for line in lines if line]
    threads = {entry["command_id"]: entry["thread"] for entry in entries if entry["what"] == "Wish"}
    return len(
        {
            threads[entry["command_id"]]
            for entry in entries
            if entry["command_id"] in threads and entry["what"] == "Answer"
        }
    )


def _relays(dsn: str) -> int:
    return int(_one(dsn, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ticketcore-relay'"))


def _members(kafka: KafkaSettings) -> dict[str, int]:
    """Group -> how many members it has."""
    names = [group_of(kafka, *MODELS)]
    try:
        with KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers) as admin:
            found = admin.describe_groups(names)
    except KafkaError:
        return {}
    return {name: len(list(found[name]["members"])) for name in names}


def _end(folder: Path, programs: dict[str, list[Program]], settings: Settings) -> None:
    """Rebuilds end, writers end, projectors catch up, relays and projectors end."""
    _ended(programs["rebuilder"], by=signal.SIGTERM)
    (folder / "stop").touch()
    _ended(programs["writer"])
    deadline = time.monotonic() + PATIENCE
    while lacks := _lacks(settings):
        if time.monotonic() > deadline:
            raise Wrong(f"not within {PATIENCE:g} s, topic and read models lack: {lacks}")
        time.sleep(0.1)
    _ended([*programs["projector"], *programs["relay"]], by=signal.SIGTERM)


def _ended(programs: Sequence[Program], *, by: signal.Signals | None = None) -> None:
    for program in programs:
        if by is not None and program.running:
            program.tell(by)
    deadline = time.monotonic() + PATIENCE
    for program in programs:
        while program.running:
            if time.monotonic() > deadline:
                raise Wrong(f"{program.name} did not end within {PATIENCE:g} s")
            time.sleep(0.05)
        unheard = by is not None and program.code == -by and not program.spoke
        if program.code != 0 and not unheard:
            raise Wrong(f"{program.name} ended with {program.code} when it was told to: {program.said[-3_000:]}")


def _lacks(settings: Settings) -> list[str]:
    """Return what is behind the log's end, in words."""
    with psycopg.connect(str(settings.dsn)) as connection:
        head = connection.execute("SELECT max(position) FROM log.events").fetchall()[0][0]
        position, previous = connection.execute("SELECT position, previous FROM log.relays").fetchall()[0]
    with psycopg.connect(str(settings.read_dsn)) as connection:
        points = connection.execute(
            "SELECT c.model, c.partition, c.position FROM read_meta.checkpoints c"
            " JOIN read_meta.models USING (model, generation) WHERE role = 'live'"
        ).fetchall()
    found = [] if position == head else [f"the topic stands at {position} of {head}"]
    found += [f"{model.name} has no checkpoint" for model in MODELS if model.name not in {row[0] for row in points}]
    for model, partition, at in points:  # one for the log itself: a rebuild, and nothing came since
        wanted = previous[partition] if partition >= 0 else head
        if at < wanted:
            found.append(f"{model} stands at {at} of {wanted} in partition {partition}")
    return found


def _no_tracebacks(programs: Sequence[Program]) -> None:
    for program in programs:
        output = program.output.read_text(errors="replace")
        if (at := output.find("Traceback")) >= 0:
            raise Wrong(f"{program.name} had an error that nothing caught: {output[max(0, at - 500) : at + 4_000]}")


def _one(dsn: str, query: str) -> Any:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()[0][0]


def _tell(programs: Sequence[Program], settings: Settings, say: Callable[[str], None]) -> None:
    """Say where everybody is: stacks, last words, and what each server's sessions wait for."""
    for program in programs:
        if program.running:
            program.go_on()
            program.tell(signal.SIGUSR1)
    time.sleep(1)
    for program in programs:
        said = program.output.read_text(errors="replace") if program.output.exists() else ""
        say(f"--- {program.name}, running: {program.running}, code {program.code}\n{said[-5_000:]}")
    for dsn in (settings.dsn, settings.keys_dsn, settings.read_dsn):
        try:
            with psycopg.connect(str(dsn), connect_timeout=5) as connection:
                for row in connection.execute(
                    "SELECT pid, application_name, state, wait_event, pg_blocking_pids(pid),"
                    " clock_timestamp() - state_change, left(query, 90) FROM pg_stat_activity"
                    " WHERE backend_type = 'client backend'"
                ):
                    say(" | ".join(map(str, row)))
        except psycopg.Error as error:
            say(f"--- no answer from {dsn}: {error}")

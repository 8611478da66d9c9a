"""One truth: through Kafka, from the log and in memory the same events give the same tables, whatever happens on the way."""

import inspect
import signal
import textwrap
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import run_state_machine_as_test
from psycopg.conninfo import conninfo_to_dict

from projections import checkpoints
from projections.rebuild import rebuild
from projections.runner import Runner
from projections.schema import MODELS
from tests.kafka.given import Way, eventually, in_thread, prepared
from tests.kafka.machine import ProjectionMachine, Servers
from tests.kafka.together import run_together
from tests.projections.given import after, ev, opened, tables_in, tables_in_memory
from tests.support.kafka import Kafka
from tests.support.postgres import Postgres
from ticketcore import Actor, Role, Settings, TicketCore
from ticketcore.domain.types import Assurance
from ticketcore.errors import EpochMismatch, Forgotten, TicketClosed, WrongState
from ticketcore.store.codec import Codec
from workers.kafka.leadership import progress
from workers.kafka.reading import Reader
from workers.kafka.relay import Relay

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ANA, SERVICE = Actor.agent("ana"), Actor.system("shop")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="pia", assurance=Assurance.LOGGED_IN)
EXAMPLES = 25 if settings().max_examples > 30 else 8  # under HYPOTHESIS_PROFILE=ci, which has 200, or dev
_EVERY = settings(
    max_examples=EXAMPLES, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck),
    print_blob=True,
)  # fmt: skip
_SEEK = settings(_EVERY, phases=[Phase.generate], derandomize=True, database=None, max_examples=60)


@pytest.fixture(scope="module")
def machine(postgres: Postgres) -> Iterator[type[ProjectionMachine]]:
    dsn = prepared(postgres.create_database())

    class Machine(ProjectionMachine):
        servers = Servers(postgres, str(conninfo_to_dict(dsn)["dbname"]))

    yield Machine
    postgres.drop(dsn)


def test_whatever_happens_to_projectors_the_tables_equal_a_fresh_fold(machine: type[ProjectionMachine]) -> None:
    run_state_machine_as_test(machine, settings=_EVERY)


def commands(core: TicketCore, random: Random, people: list[str], tickets: list[str]) -> None:
    """Thirty commands of all sorts, with sealed texts; what the state does not allow is refused, as it should be."""
    people += [core.register_customer(name=f"Zoë {len(people)}", by=SERVICE).number for _ in range(2)]
    for _ in range(3):
        opened = core.open_ticket(
            channel="mail", requester=random.choice(people[-2:]), subject="Parcel", body="Where is it?", by=SERVICE
        )
        tickets.append(opened.number)
    on: list[Callable[[str], Any]] = [
        lambda t: core.comment(t, direction="inbound", channel="mail", body="Still nothing.", by=SERVICE),
        lambda t: core.comment(t, direction="outbound", channel="mail", body="x" * random.randint(1, 9_000), by=ANA),
        lambda t: core.assign(t, team_id=random.choice(["mail", "parcels"]), agent_id="ana", by=ANA),
        lambda t: core.prioritise(t, priority="high", by=ANA),
        lambda t: core.solve(t, by=ANA),
        lambda t: core.reopen(t, by=ANA),
        lambda t: core.merge(t, into=random.choice([other for other in tickets if other != t]), by=ANA),
        lambda t: core.unmerge(t, by=ANA),
        lambda t: core.change_requester(t, requester=people[-1], by=ANA),
        lambda t: core.redact(t, comment=1, reason="a card's number", by=PRIVACY),
    ]
    for _ in range(30):
        with suppress(WrongState, TicketClosed, Forgotten):
            random.choice(on)(random.choice(tickets))
    core.merge_customers(people[-2], into=people[-1], by=ANA)
    if len(people) > 2:
        with suppress(Forgotten, WrongState):
            core.forget(random.choice(people[:-2]), reason="asked to", by=PRIVACY)


@settings(_EVERY, max_examples=2, phases=[Phase.generate])
@given(
    partitions=st.sampled_from([1, 2, 3, 12]),
    plan=st.permutations(["join", "kill", "twice", "rebuild", "leave", "stop"]),
    seed=st.integers(0, 1_000),
)
def test_random_days_through_a_real_broker_end_in_equal_tables(
    postgres: Postgres, kafka: Kafka, machine: type[ProjectionMachine], tmp_path: Path, partitions: int,
    plan: list[str], seed: int,
) -> None:  # fmt: skip
    dsn = postgres.create_database(template=machine.servers.template)
    way = Way(dsn, kafka.bootstrap, kafka.topic_name(), tmp_path, partitions)
    random, people, tickets = Random(seed), list[str](), list[str]()
    settings_ = Settings(dsn=dsn, key_file=tmp_path / f"{way.topic}.json", inline=False, pool_size=4)
    with TicketCore.open(settings_, make_keys=True) as core, ExitStack() as stack:
        log: Any = core.log
        commands(core, random, people, tickets)
        with Runner(dsn, log, Codec().decode) as runner:
            runner.catch_up()  # by the log at first; the first worker takes over
        relay = stack.enter_context(ExitStack())
        relay.enter_context(in_thread(Relay(dsn, log, way.settings).run))
        eventually(lambda: progress(dsn, way.topic) is not None)
        steady = [worker.run for worker in way.projectors(log)]
        stack.enter_context(in_thread(partial(run_together, steady)))
        guest = stack.enter_context(ExitStack())
        process = way.worker("project")
        stack.callback(process.end, signal.SIGKILL)
        for action in plan:
            commands(core, random, people, tickets)
            if action == "join":
                more = [worker.run for worker in way.projectors(log)]
                guest.enter_context(in_thread(partial(run_together, more)))
            elif action == "leave":
                guest.close()
            elif action == "kill":
                process.end(signal.SIGKILL)
            elif action == "stop" and process.process.poll() is None:
                process.send(signal.SIGSTOP)
                stack.callback(process.send, signal.SIGCONT)
            elif action == "rebuild":
                rebuild(dsn, log, Codec().decode, random.choice(MODELS))
            elif action == "twice":
                relay.close()
                with psycopg.connect(dsn) as connection:  # as after a crash that forgot how far the relay was
                    connection.execute(
                        "UPDATE log.relays SET position = 0, previous = array_fill(0::bigint, ARRAY[%s::int])",
                        [partitions],
                    )
                relay.enter_context(in_thread(Relay(dsn, log, way.settings).run))
        way.caught_up(log, 180)
        assert log.head() > 100
        by_kafka, in_memory = tables_in(dsn), tables_in_memory(log, Codec().decode)
        assert by_kafka == in_memory
        way.check(log)
        for model in MODELS:
            rebuild(dsn, log, Codec().decode, model)
        assert tables_in(dsn) == in_memory


def rewritten(owner: Any, name: str, old: str, new: str) -> Any:
    """A method whose source has *new* in the place of *old*."""
    source = textwrap.dedent(inspect.getsource(getattr(owner, name)))
    assert source.count(old) == 1
    made: dict[str, Any] = {}
    exec(compile(source.replace(old, new), f"<{name} rewritten>", "exec"), inspect.getmodule(owner).__dict__, made)
    return made[name]


@pytest.mark.parametrize(
    ("owner", "name", "old", "new"),
    [
        pytest.param(Reader, "receive", "previous > held", "False", id="passes-over-gaps"),
        pytest.param(Reader, "receive", "record.position > held", "True", id="takes-duplicates"),
        pytest.param(Reader, "fill_page", "== self._partition]", "!= self._partition]", id="fills-another-partition"),
    ],
)  # fmt: skip
def test_the_machine_notices_a_reader_that(
    machine: type[ProjectionMachine], monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, old: str, new: str
) -> None:
    monkeypatch.setattr(owner, name, rewritten(owner, name, old, new))
    with pytest.raises((AssertionError, EpochMismatch)):  # an invariant says so, or the reader itself as it settles
        run_state_machine_as_test(machine, settings=_SEEK)


def test_the_machine_notices_a_zombie_that_moves_checkpoints_without_comparing(
    machine: type[ProjectionMachine], monkeypatch: pytest.MonkeyPatch
) -> None:
    def zombie_wakes() -> None:
        life = opened()
        for hour in range(12):
            life.then(ev.Pended if hour % 2 else ev.Resumed, after(hours=hour))
        run = machine()
        run.begin(history=life.events, partitions=1, refused=set(), by_kafka=False)
        try:
            run.work(12)
            run.assign(model=MODELS[0], member=0, of=1, count=3)
            run.assign(model=MODELS[0], member=1, of=1, count=40)
            run.checkpoints_never_go_back()
            run.zombies_wake(start=3, count=1)
            run.checkpoints_never_go_back()
        finally:
            run.teardown()

    zombie_wakes()
    compares = checkpoints._MOVE
    assert (compares.count(b"c.position, "), compares.count(b"n.partition, n.position, ")) == (1, 1)
    without = compares.replace(b"c.position, ", b"").replace(b"n.partition, n.position, ", b"n.partition, ")
    monkeypatch.setattr(checkpoints, "_MOVE", without)
    with pytest.raises(AssertionError, match=r"\('queues', 1, 0\), 13"):
        zombie_wakes()

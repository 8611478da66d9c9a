"""The services of docker-compose.yml as processes: their very commands, environment, health checks and roles."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from tests.crash.processes import until
from tests.deploy.compose import FILE, PASSWORDS, in_order, loaded, seconds
from tests.deploy.dockerfile import stages
from tests.support import unavailable
from tests.support.postgres import Postgres, find_binaries
from ticketcore import Actor, Settings, TicketCore
from workers.kafka.broker import free_ports
from workers.kafka.broker_java import JavaBroker, java_missing

pytestmark = [pytest.mark.slow, pytest.mark.servers]

FINAL = stages()[-1]
SERVICES: dict[str, Any] = loaded({**PASSWORDS, "PROJECTORS": "1"})["services"]
PATIENCE = 120.0
SHOP, ANA = Actor.system("shop"), Actor.agent("ana")


class BrokerOfTheImage(JavaBroker):
    """Kafka with the properties that its image makes of the service's variables: ``KAFKA_A_B`` is ``a.b``."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        super().__init__(folder)
        [outside] = free_ports(1)
        ports = {"9092": self.bootstrap.rpartition(":")[2], "9093": str(self._controller), "29092": str(outside)}
        self._said = {
            name.removeprefix("KAFKA_").lower().replace("_", "."): re.sub(
                r"(?:kafka|127\.0\.0\.1|(?<=//)):(\d+)", lambda match: f"127.0.0.1:{ports[match[1]]}", text
            )
            for name, text in environ.items()
            if name != "KAFKA_HEAP_OPTS"  # an option of Java's
        }

    def _properties(self) -> dict[str, str]:
        return {**self._said, "log.dirs": str(self.folder / "data")}


class Running(NamedTuple):
    """A service's process. ``check``: its health check's words."""

    service: str
    process: subprocess.Popen[bytes]
    environ: dict[str, str]
    output: Path

    def healthy(self) -> bool:
        assert self.process.poll() is None, f"{self.service} ended: {self.output.read_text()[-5_000:]}"
        check = SERVICES[self.service]["healthcheck"]["test"]
        assert check[0] == "CMD"
        return subprocess.run(check[1:], env=self.environ, capture_output=True, check=False).returncode == 0

    def metrics(self) -> str:
        url = f"http://127.0.0.1:{self.environ['TICKETCORE_METRICS_PORT']}/metrics"
        with urllib.request.urlopen(url, timeout=30) as answer:
            return str(answer.read().decode())


class Machine:
    """Starts services here: names of hosts become addresses of this machine, ports free ones, paths the test's."""

    def __init__(self, folder: Path, postgres: Postgres, kafka: JavaBroker) -> None:
        self.folder = folder
        at = conninfo_to_dict(postgres.dsn("tickets"))
        self._hosts = {
            "host=postgres": f"host={at['host']} port={at.get('port') or 5432}",
            "kafka:9092": kafka.bootstrap,
        }
        self.running: list[Running] = []

    def environment(self, service: str) -> dict[str, str]:
        found = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "HOME": str(self.folder)}
        for name, text in {**FINAL.environment(), **SERVICES[service]["environment"]}.items():
            if name != "PATH":
                for host, here in self._hosts.items():
                    text = text.replace(host, here)  # noqa: PLW2901 -- step by step
                found[name] = text.replace("/var/lib/ticketcore", str(self.folder))
        if "TICKETCORE_METRICS_PORT" in found:
            [port] = free_ports(1)
            found |= {"TICKETCORE_METRICS_PORT": str(port), "TICKETCORE_METRICS_HOST": "127.0.0.1"}
        return found

    def words(self, service: str) -> list[str]:
        described = SERVICES[service]
        return [*described.get("entrypoint", FINAL.words("ENTRYPOINT")), *described["command"]]

    def run(self, service: str, *command: str) -> str:
        """Run a one-shot service to its end, or *command* in its place: ``docker compose run --rm SERVICE COMMAND``."""
        words = [*FINAL.words("ENTRYPOINT"), *command] if command else self.words(service)
        done = subprocess.run(
            words, env=self.environment(service), cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, f"{shlex.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, service: str) -> None:
        """Start as many as the service has replicas."""
        for n in range(int(SERVICES[service]["deploy"].get("replicas", 1))):
            environ, output = self.environment(service), self.folder / f"{service}-{n}.out"
            with output.open("wb") as file:
                process = subprocess.Popen(
                    self.words(service), env=environ, cwd=self.folder, stdout=file, stderr=subprocess.STDOUT
                )
            self.running.append(Running(service, process, environ, output))

    def core(self) -> TicketCore:
        """Open the library as a service on the host would: in the service's role, with the keys."""
        environ = self.environment("cli")
        owner = conninfo_to_dict(environ["TICKETCORE_DSN"])
        dsn = psycopg.conninfo.make_conninfo("", **{**owner, "user": "tickets_service"})
        key_file = Path(environ["TICKETCORE_KEY_FILE"])
        return TicketCore.open(Settings(dsn=dsn, key_file=key_file, wait_timeout=PATIENCE))


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    if problem := java_missing():
        unavailable(f"the broker can't be started with its image's properties: {problem}")
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres())
        kafka = BrokerOfTheImage(tmp_path / "kafka", SERVICES["kafka"]["environment"])
        stack.callback(kafka.stop)
        kafka.start()
        set_up(postgres)
        found = Machine(tmp_path, postgres, kafka)
        try:
            yield found
        finally:
            for one in found.running:
                if one.process.poll() is None:
                    one.process.kill()
                    one.process.wait()


def set_up(postgres: Postgres) -> None:
    """Do what PostgreSQL's image does with an empty volume: the data base, then the files for its first start."""
    service, binaries = SERVICES["postgres"], find_binaries()[0]
    name = service["environment"]["POSTGRES_DB"]
    with psycopg.connect(postgres.dsn("postgres", superuser=True), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    [script] = [v.split(":")[0] for v in service["volumes"] if ":/docker-entrypoint-initdb.d/" in v]
    at = postgres.dsn(name, superuser=True)
    environ = {**os.environ, **service["environment"]}
    psql = [str(binaries / "psql"), "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-f", str(FILE.parent / script), at]
    done = subprocess.run(psql, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    kind, program, *options = service["healthcheck"]["test"]
    assert (kind, "--host=127.0.0.1" in options) == ("CMD", True)
    here = [option for option in options if not option.startswith("--host")]
    here.append(f"--host={conninfo_to_dict(at)['host']}")
    assert subprocess.run([str(binaries / program), *here], check=False).returncode == 0


def test_the_services_carry_commands_into_the_read_models_and_end_in_order(machine: Machine) -> None:
    ours = {name for name, service in SERVICES.items() if service["image"].startswith("ticketcore:")}
    order = [name for name in in_order(SERVICES) if name in ours and "profiles" not in SERVICES[name]]
    assert order[0] == "migrate"
    assert "applied log/0001_tables" in machine.run("migrate")
    machine.run("migrate")  # every `up` runs it again
    for service in order[1:]:
        machine.start(service)
    for one in machine.running:
        until(one.healthy, PATIENCE, f"{one.service} is healthy: {one.output}")

    machine.run("cli", "keys", "init")
    with machine.core() as core:
        customer = core.register_customer(name="Zoë", by=SHOP).number
        numbers = [
            core.open_ticket(channel="form", requester=customer, subject="Hello", body=f"text {n}", by=SHOP).number
            for n in range(20)
        ]
        answered = core.comment(numbers[0], direction="outbound", body="answer", by=ANA)
        assert {entry.number for entry in core.queue(by=ANA, limit=100, seen=answered)} == set(numbers)
        texts = [entry.body for entry in core.customer_history(customer, by=ANA, seen=answered)]
        assert "answer" in texts
        until(lambda: tickets(core) == len(numbers), PATIENCE, "the performance of every ticket is there")
        head = core.log.head()
    assert f"holds {head} of the {head} events" in machine.run("cli", "kafka", "status")
    machine.run("cli", "verify")
    machine.run("cli", "rebuild", "queues", "--quiet")

    for service, counter in (
        ("relay", "ticketcore_relay_events_total"),
        ("project-queues", "ticketcore_projector_events"),
    ):
        shown = [one.metrics() for one in machine.running if one.service == service]
        assert all("ticketcore_worker_healthy 1.0" in text for text in shown)
        assert any(re.search(rf"^{counter}.* [1-9]", text, re.MULTILINE) for text in shown), shown
    for one in machine.running:
        one.process.send_signal(signal.SIGTERM)
    for one in machine.running:
        assert one.process.wait(seconds(SERVICES[one.service]["stop_grace_period"])) == 0, one.output.read_text()


def tickets(core: TicketCore) -> int:
    with psycopg.connect(str(core.settings.read_dsn)) as connection:
        [(count,)] = connection.execute("SELECT count(*) FROM performance.tickets").fetchall()
    return int(count)


def test_the_broker_s_own_health_check_asks_where_the_broker_listens() -> None:
    kind, script, *options = SERVICES["kafka"]["healthcheck"]["test"]
    assert (kind, script) == ("CMD", "/opt/kafka/bin/kafka-broker-api-versions.sh")
    inside = f"INSIDE://{options[options.index('--bootstrap-server') + 1]}"
    assert inside in SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")
    clients = {
        service.get("environment", {}).get("TICKETCORE_KAFKA_BOOTSTRAP_SERVERS") for service in SERVICES.values()
    }
    assert clients - {None} == {inside.removeprefix("INSIDE://")}

"""Apache Kafka from Maven Central on the machine's own Java; its jars are fetched once into the user's cache folder."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from workers.kafka.broker import VERSION, answers, free_ports, wait_until_listening
from workers.kafka.errors import BrokerUnavailable

__all__ = ["JavaBroker", "java_missing"]

_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ticketcore</groupId><artifactId>broker</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{version}</version></dependency>
    <dependency><groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.1</version></dependency>
  </dependencies>
</project>
"""
_LOGGING = """\
rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c{1} %m%n
"""
_PROPERTIES = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "3",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "auto.create.topics.enable": "false",
}
_OLDEST_JAVA = 17
_JAVA_VERSION = ["java", "-version"]
_FETCH_SECONDS = 600
_START_SECONDS = 90.0


def java_missing() -> str | None:
    """Return why Kafka can't run on this machine's Java, ``None`` where it can."""
    if (problem := answers(_JAVA_VERSION)) is not None:
        return problem
    said = subprocess.run(_JAVA_VERSION, capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < _OLDEST_JAVA:
        return f"java is {found[1] if found else 'of no known version'}, expected {_OLDEST_JAVA} or newer"
    if not (_cache() / "complete").exists() and shutil.which("mvn") is None:
        return "mvn is not installed"
    return None


class JavaBroker:
    """One node, started as a process of ours and ended by its own process id.

    Args:
        folder: for data, configuration and ``broker.log``; made where it is missing.
        heap: of the Java machine, in its own words.
        listeners: more listeners beside the plain one: name -> protocol (``SSL``, ``SASL_PLAINTEXT``, ``SASL_SSL``).
        properties: more of ``server.properties``.
        scram: users that the folder is made with: ``SCRAM-SHA-256=[name=...,password=...]``.

    ``addresses``: listener's name -> ``host:port``.
    """

    def __init__(
        self, folder: Path, *, heap: str = "512m", listeners: Mapping[str, str] | None = None,
        properties: Mapping[str, str] | None = None, scram: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self.folder, self._heap = folder, heap
        self.source = f"Apache Kafka {VERSION} on this machine's Java"
        self._protocols = {"PLAINTEXT": "PLAINTEXT", **(listeners or {})}
        self._more, self._scram = dict(properties or {}), list(scram)
        self._controller, *ports = free_ports(1 + len(self._protocols))
        self.addresses = {name: f"127.0.0.1:{port}" for name, port in zip(self._protocols, ports, strict=True)}
        self.bootstrap = self.addresses["PLAINTEXT"]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        if self.process is not None and self.process.poll() is None:
            return
        libs = _fetched()
        self.folder.mkdir(parents=True, exist_ok=True)
        java = self._java(libs)
        config = self.folder / "server.properties"
        config.write_text("".join(f"{name}={value}\n" for name, value in self._properties().items()))
        (self.folder / "log4j2.properties").write_text(_LOGGING)
        with (self.folder / "broker.log").open("ab") as output:
            if not (self.folder / "data" / "meta.properties").exists():
                self._format(java, config)
            # A session of its own: an interrupt from the terminal ends the demo, and the demo ends the broker.
            self.process = subprocess.Popen(
                [*java, "kafka.Kafka", str(config)], stdout=output, stderr=output, start_new_session=True
            )
        try:
            wait_until_listening(self.bootstrap, _START_SECONDS, self._check)
        except BrokerUnavailable:
            self.kill9()
            raise

    def stop(self) -> None:
        self._end(signal.SIGTERM)

    def kill9(self) -> None:
        self._end(signal.SIGKILL)

    def pause(self) -> None:
        self._running().send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        self._running().send_signal(signal.SIGCONT)

    def _end(self, number: signal.Signals) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(number)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(20)
        self.process = None

    def _running(self) -> subprocess.Popen[bytes]:
        if self.process is None:
            raise BrokerUnavailable("the broker does not run: expected a started one (call start() first)")
        return self.process

    def _check(self) -> None:
        code = self._running().poll()
        if code is not None:
            raise BrokerUnavailable(f"the broker ended with code {code} while it started: {self._last_words()}")

    def _last_words(self) -> str:
        lines = (self.folder / "broker.log").read_text(errors="replace").strip().splitlines()
        return f"{' / '.join(lines[-3:])} (the whole log: {self.folder / 'broker.log'})"

    def _properties(self) -> dict[str, str]:
        open_to_clients = ",".join(f"{name}://{address}" for name, address in self.addresses.items())
        protocols = {"CONTROLLER": "PLAINTEXT", **self._protocols}
        return {
            **_PROPERTIES,
            "controller.quorum.voters": f"1@127.0.0.1:{self._controller}",
            "listeners": f"{open_to_clients},CONTROLLER://127.0.0.1:{self._controller}",
            "advertised.listeners": open_to_clients,
            "inter.broker.listener.name": "PLAINTEXT",
            "listener.security.protocol.map": ",".join(f"{name}:{protocol}" for name, protocol in protocols.items()),
            "log.dirs": str(self.folder / "data"),
            **self._more,
        }

    def _format(self, java: list[str], config: Path) -> None:
        users = [word for user in self._scram for word in ("--add-scram", user)]
        tool = [*java, "kafka.tools.StorageTool", "format", "-t", "dGlja2V0Y29yZS10ZXN0MQ", "-c", str(config), *users]
        done = subprocess.run(tool, capture_output=True, text=True, check=False)
        if done.returncode:
            raise BrokerUnavailable(f"the broker's folder can't be made: {(done.stderr or done.stdout).strip()[-500:]}")

    def _java(self, libs: Path) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self.folder / 'log4j2.properties'}"
        # Half the processor time until it listens, where tests start and kill it often.
        quick = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
        return ["java", *quick, "-Xms128m", f"-Xmx{self._heap}", logging, "-cp", f"{libs}/*"]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "ticketcore" / f"kafka-{VERSION}"


def _fetched() -> Path:
    """Return the folder of the jars, fetched where they are not there yet; two that fetch at once do no harm."""
    cache = _cache()
    if (cache / "complete").exists():
        return cache / "libs"
    cache.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix="fetch-", dir=cache.parent))
    try:
        (fresh / "pom.xml").write_text(_POM.format(version=VERSION))
        command = ["mvn", "-q", "-B", "-f", str(fresh / "pom.xml"), "dependency:copy-dependencies"]
        try:
            done = subprocess.run(
                [*command, f"-DoutputDirectory={fresh / 'libs'}"],
                capture_output=True, text=True, timeout=_FETCH_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise BrokerUnavailable(f"Kafka's jars did not come within {_FETCH_SECONDS} s (try again)") from error
        if done.returncode:
            raise BrokerUnavailable(f"Kafka's jars can't be fetched: {(done.stdout or done.stderr).strip()[-500:]}")
        (fresh / "complete").touch()
        try:
            fresh.rename(cache)
        except OSError:  # another process was faster
            if not (cache / "complete").exists():
                raise
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return cache / "libs"

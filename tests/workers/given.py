"""Workers as processes with their HTTP server on, and what it tells."""

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from tests.kafka.given import Way, Worker, eventually


class Watched:
    """A worker process that is scraped."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        eventually(lambda: self._listening() is not None or worker.process.poll() is not None, 60)
        found = self._listening()
        assert found is not None, worker.said
        self.url = f"http://{found['host']}:{found['port']}"

    def get(self, path: str, timeout: float = 10) -> tuple[int, str]:
        """Status and body of a page."""
        try:
            with urllib.request.urlopen(f"{self.url}{path}", timeout=timeout) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def health(self) -> tuple[int, Any]:
        status, body = self.get("/healthz")
        return status, json.loads(body)

    def metrics(self) -> dict[str, list[tuple[dict[str, str], float]]]:
        """Sample name -> its labels and values."""
        found: dict[str, list[tuple[dict[str, str], float]]] = {}
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                found.setdefault(sample.name, []).append((sample.labels, sample.value))
        return found

    def value(self, name: str, **labels: str) -> float | None:
        """The sum of the samples with these labels, ``None`` where there is none."""
        found = [value for had, value in self.metrics().get(name, []) if labels.items() <= had.items()]
        return sum(found) if found else None

    def lines(self) -> list[dict[str, Any]]:
        """What it logged; a last line that is half written, and what the command line says at the end, are left out."""
        logged = self.worker.said.partition("\nticketcore: ")[0]
        if logged.startswith("ticketcore: "):
            return []
        lines = logged.split("\n")
        return [json.loads(line) for line in lines if line.endswith("}")]

    def _listening(self) -> dict[str, Any] | None:
        return next((line for line in self.lines() if line["event"] == "metrics.listening"), None)


@contextmanager
def watched(way: Way, *arguments: str, **environ: str) -> Iterator[Watched]:
    """Start ``ticketcore worker ARGUMENTS`` with a free port; end it at the end."""
    way.environ |= {"TICKETCORE_METRICS_PORT": "0", **environ}
    worker = way.worker(*arguments)
    try:
        yield Watched(worker)
    finally:
        worker.end(signal.SIGKILL)

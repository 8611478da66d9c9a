"""The dashboard and the alert rules name what workers export, and nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kafka.given import Way, append_lives, eventually, opened_log
from tests.support.kafka import Kafka
from tests.workers.given import watched

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "operations"
PAGE = FOLDER.parent / "operations.md"
METRIC = re.compile(r"\b((?:ticketcore|process)_\w+)")
RARE = {  # shown once it happened; counted in test_metrics.py
    "ticketcore_projector_filled_events_total", "ticketcore_projector_duplicates_total", "ticketcore_projector_gaps_total",
    "ticketcore_rebuild_position", "ticketcore_rebuild_target_position", "ticketcore_rebuild_seconds",
    # of the worker that sends mail; compared with the page in tests/outgoing/test_watched.py
    "ticketcore_outgoing_sent_total", "ticketcore_outgoing_postponed_total", "ticketcore_outgoing_failed_total",
    "ticketcore_intake_messages_total", "ticketcore_intake_seconds",  # of the one that takes it: test_incoming_worker.py
    # of the one that follows policies: tests/policy/test_worker.py
    "ticketcore_policy_position", "ticketcore_policy_lag_events", "ticketcore_policy_lag_seconds", "ticketcore_policy_due",
    "ticketcore_policy_due_seconds", "ticketcore_policy_timers", "ticketcore_policy_dead_letters",
    "ticketcore_policy_events_total", "ticketcore_policy_tickets_total", "ticketcore_policy_commands_total",
    "ticketcore_policy_given_up_total", "ticketcore_policy_conflicts_total", "ticketcore_policy_retries_total",
    "ticketcore_outgoing_retries_total", "ticketcore_outgoing_oldest_seconds", "ticketcore_outgoing_undelivered",
}  # fmt: skip


def dashboard() -> Any:
    return json.loads((FOLDER / "ticketcore.json").read_text(encoding="utf-8"))


def rules() -> list[dict[str, Any]]:
    [group] = yaml.safe_load((FOLDER / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    return list(group["rules"])


def panels() -> list[dict[str, Any]]:
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel["targets"])
    yield from (rule["expr"] for rule in rules())


def test_panels_have_ids_of_their_own_fit_the_grid_and_take_the_data_source_that_is_chosen() -> None:
    found = dashboard()
    ids = [panel["id"] for panel in found["panels"]]
    assert len(ids) == len(set(ids)) > 20
    assert found["schemaVersion"] >= 39
    taken: set[tuple[int, int]] = set()
    for panel in found["panels"]:
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    variables = {variable["name"]: variable for variable in found["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    for panel in panels():
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["title"]
        references = [target["refId"] for target in panel["targets"]]
        assert len(references) == len(set(references)) > 0
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(found))) - {"__rate_interval"}
    assert used == set(variables)


def test_expressions_are_balanced_and_rates_are_of_counters_over_a_time() -> None:
    for expression in expressions():
        depth = []
        for sign in re.sub(r'"[^"]*"', "", expression):
            if sign in "([{":
                depth.append(sign)
            elif sign in ")]}":
                assert depth, expression
                assert depth.pop() + sign in {"()", "[]", "{}"}, expression
        assert depth == [], expression
        for inner in re.findall(r"\b(?:rate|increase)\(([^()]*)\)", expression):
            assert re.fullmatch(
                r"\w+_(?:total|bucket|sum|count)(?:\{[^}]*\})?\[(?:\$__rate_interval|\d+[smh])\]", inner
            ), inner
        assert expression.count("_total") == len(re.findall(r"(?:rate|increase)\(\w+_total", expression))
        assert set(re.findall(r"\b(\w+) ?(?:by|on) ?\(|\b(\w+)\(", expression)) <= {
            pair
            for name in ("sum", "max", "min", "count", "rate", "increase", "histogram_quantile", "time", "absent", "by", "on", "unless")
            for pair in ((name, ""), ("", name))
        }, expression  # fmt: skip


def test_every_metric_and_alert_is_explained_in_the_page() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for rule in rules():
        assert f"`{rule['alert']}`" in page
        assert rule["annotations"]["summary"]
        assert rule["labels"]["severity"] in {"warning", "critical"}
    named = {base(name) for expression in expressions() for name in METRIC.findall(expression)}
    assert {name for name in named if name.startswith("ticketcore_") and f"`{name}`" not in page} == set()


@pytest.mark.servers
@pytest.mark.slow
def test_every_metric_and_label_that_is_named_is_exported_by_running_workers(
    database: str, kafka: Kafka, tmp_path: Path
) -> None:
    way = Way(database, kafka.bootstrap, kafka.topic_name(), tmp_path, partitions=2)
    exported: dict[str, set[str]] = {}
    with opened_log(way.dsn) as log, watched(way, "relay") as relay:
        head = append_lives(log, range(1, 10))
        eventually(lambda: relay.value("ticketcore_relay_position") == head, 120)
        with watched(way, "project") as projector:
            eventually(lambda: (projector.value("ticketcore_projector_events_total") or 0) >= 3 * head, 120)
            eventually(lambda: projector.value("ticketcore_projector_position") is not None, 120)
            families: set[str] = set()
            for worker in (relay, projector):
                families |= set(re.findall(r"^# TYPE (\w+)", worker.get("/metrics")[1], re.MULTILINE))
                for name, samples in worker.metrics().items():
                    exported.setdefault(name, set()).update(label for labels, _ in samples for label in labels)
    page = PAGE.read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(ticketcore_\w+)`", page, re.MULTILINE))
    named = {name for expression in expressions() for name in METRIC.findall(expression)}
    assert {name for name in named if name not in exported and name not in RARE} == set()
    shown = {name for name in families if name.startswith("ticketcore_") and not name.endswith("_created")}
    assert shown - documented == set()
    assert {name for name in documented - shown if name not in RARE} == set()
    known = {label for labels in exported.values() for label in labels} | {"instance", "job", "le"}
    for expression in expressions():
        for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", expression):
            assert set(re.split(r",\s*", group)) <= known, expression


def base(name: str) -> str:
    """The family of a sample: histograms have several."""
    return re.sub(r"_(?:bucket|sum|count)$", "", name)

"""docker-compose.yml is a valid file, and says what an operator needs: no engine is asked."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from tests.deploy.compose import FILE, PASSWORDS, in_order, loaded, seconds
from ticketcore.settings import Settings
from workers.incoming.settings import IncomingSettings
from workers.kafka.broker import VERSION
from workers.kafka.settings import KafkaSettings
from workers.observing.settings import ObservingSettings
from workers.outgoing.settings import SmtpSettings

SERVICES: dict[str, Any] = loaded(PASSWORDS)["services"]
KEPT = {name: service for name, service in SERVICES.items() if service.get("restart") == "unless-stopped"}
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("ticketcore:")}


def test_the_file_is_valid_by_the_compose_specification() -> None:
    """The schema of github.com/compose-spec/compose-spec, as the package check-jsonschema carries it."""
    schema = json.loads(files("check_jsonschema").joinpath("builtin_schemas/vendor/compose-spec.json").read_text())
    validator = Draft202012Validator(schema)
    as_written = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    assert [error.message for error in validator.iter_errors(as_written)] == []
    assert [error.message for error in validator.iter_errors(loaded(PASSWORDS))] == []
    as_written["services"]["relay"]["comand"] = []
    assert not validator.is_valid(as_written)


def test_there_is_a_broker_a_data_base_a_migration_two_relays_and_projectors_of_every_model() -> None:
    order = [name for name in in_order(SERVICES) if "profiles" not in SERVICES[name]]
    assert set(order[:3]) == {"postgres", "kafka", "migrate"}
    assert int(SERVICES["relay"]["deploy"]["replicas"]) == 2
    projected = [
        service["command"][2] for service in SERVICES.values() if service.get("command", [])[1:2] == ["project"]
    ]
    assert sorted(projected) == ["history", "intake", "performance", "queues"]


@pytest.mark.parametrize("name", PASSWORDS)
def test_without_a_password_nothing_starts(name: str) -> None:
    with pytest.raises(KeyError, match=f"{name}: see docs/operations.md"):
        loaded({other: text for other, text in PASSWORDS.items() if other != name})


def test_every_service_that_is_kept_running_says_how_it_is_and_has_time_to_end() -> None:
    assert KEPT.keys() >= {
        "postgres",
        "kafka",
        "relay",
        "project-queues",
        "project-history",
        "project-performance",
        "project-intake",
    }
    for name, service in KEPT.items():
        check = service["healthcheck"]
        assert check["test"][0] == "CMD", name
        assert seconds(check["timeout"]) < seconds(check["interval"]) or check["timeout"] == check["interval"], name
        assert seconds(service["stop_grace_period"]) >= 60, name
    for name, service in SERVICES.items():
        assert int(service["logging"]["options"]["max-file"]) * 10 <= 50, name


def test_services_wait_for_what_they_need() -> None:
    assert SERVICES["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}
    for name in OURS.keys() - {"migrate"}:
        assert SERVICES[name]["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}


def test_ports_are_open_on_the_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)


def test_images_are_of_a_named_version() -> None:
    assert SERVICES["kafka"]["image"] == f"apache/kafka:{VERSION}"
    for service in SERVICES.values():
        assert re.fullmatch(r"[a-z/]+:v?\d+(\.\d+)*", service["image"])


def test_one_service_builds_the_image_that_all_of_ours_use() -> None:
    """Several that build one tag at once get into each other's way in some engines."""
    assert [name for name, service in SERVICES.items() if "build" in service] == ["migrate"]
    assert len({service["image"] for service in OURS.values()}) == 1
    assert OURS.keys() > {"migrate", "relay", "cli"}
    assert all(service["pull_policy"] == "never" for name, service in OURS.items() if name != "migrate")


def test_our_services_write_nothing_into_their_image_and_have_no_privileges() -> None:
    for service in OURS.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]


def test_workers_hold_no_keys_and_no_owner_s_password() -> None:
    for name in OURS.keys() - {
        "cli",
        "migrate",
        "outgoing",
        "intake",
        "policies",
    }:  # who sends or takes mail, or follows rules about texts, opens texts and addresses
        text = json.dumps(SERVICES[name]["environment"])
        assert "KEY" not in text
        assert PASSWORDS["OWNER_PASSWORD"] not in text


def test_every_variable_is_one_that_the_library_reads() -> None:
    known = {f"TICKETCORE_{name.upper()}" for name in Settings.model_fields}
    known |= {f"TICKETCORE_KAFKA_{name.upper()}" for name in KafkaSettings.model_fields}
    known |= {f"TICKETCORE_{name.upper()}" for name in ObservingSettings.model_fields}
    known |= {f"TICKETCORE_SMTP_{name.upper()}" for name in SmtpSettings.model_fields}
    known |= {f"TICKETCORE_INTAKE_{name.upper()}" for name in IncomingSettings.model_fields}
    used = {name for service in OURS.values() for name in service["environment"]}
    assert used <= known


@pytest.mark.parametrize("name", OURS)
def test_with_passwords_alone_the_settings_of_every_service_are_taken(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is not set is empty in the file's substitutions, and counts as not set."""
    for variable, text in OURS[name]["environment"].items():
        monkeypatch.setenv(variable, str(text))
    known = Settings()
    assert (known.mail_from, known.base_url) == (None, None)


def test_who_writes_to_customers_knows_the_page_that_links_lead_to() -> None:
    writers = {name for name, service in OURS.items() if "TICKETCORE_MAIL_FROM" in service["environment"]}
    assert writers == {"policies", "intake", "outgoing"}
    assert all("TICKETCORE_BASE_URL" in OURS[name]["environment"] for name in writers)


def test_prometheus_asks_every_worker_where_it_answers() -> None:
    config = yaml.safe_load(loaded(PASSWORDS)["configs"]["prometheus"]["content"])
    [where] = config["scrape_configs"][0]["dns_sd_configs"]
    workers = {name: service for name, service in SERVICES.items() if service.get("command", [""])[0] == "worker"}
    assert set(where["names"]) == workers.keys()
    assert {service["environment"]["TICKETCORE_METRICS_PORT"] for service in workers.values()} == {str(where["port"])}
    mounted = [volume.split(":")[1] for volume in SERVICES["prometheus"]["volumes"]]
    assert [f"/etc/prometheus/{name}" for name in config["rule_files"]] == [mounted[0]]


def test_every_volume_is_named_and_used() -> None:
    mounted = {v.split(":")[0] for service in SERVICES.values() for v in service.get("volumes", [])}
    assert {name for name in mounted if not name.startswith(".")} == set(loaded(PASSWORDS)["volumes"])
    assert all((FILE.parent / name).exists() for name in mounted if name.startswith("."))

"""TLS and passwords on a real broker: every way in works, and whatever is wrong is told in one line."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import structlog
from kafka import KafkaAdminClient
from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

from projections.schema import MODELS
from tests.kafka.given import Way, append_lives, eventually, in_thread, opened_log
from tests.kafka.test_commands import run
from tests.support import unavailable
from tests.support.certificates import KEY_PASSWORD
from tests.support.kafka_secure import PASSWORD, SecureKafka
from workers.kafka.broker_java import java_missing
from workers.kafka.errors import BrokerUnavailable, KafkaUnavailable
from workers.kafka.leadership import progress
from workers.kafka.projector_worker import group_of
from workers.kafka.relay import Relay
from workers.kafka.topic import ensure_topic

pytestmark = [pytest.mark.servers, pytest.mark.slow]

WRONG = "wrong-horse-battery"
LOCKED = {"ssl_certfile": "locked.pem", "ssl_keyfile": "locked.key"}
STRANGER = {"ssl_certfile": "stranger.pem", "ssl_keyfile": "stranger.key"}
NO_CERTIFICATE = {"ssl_certfile": None, "ssl_keyfile": None}


@pytest.fixture(scope="module")
def secure() -> Iterator[SecureKafka]:
    if (missing := java_missing()) is not None:
        unavailable(f"no Kafka with TLS can be started: {missing}")
    with ExitStack() as stack:
        try:
            broker = stack.enter_context(SecureKafka())
        except (BrokerUnavailable, OSError) as error:
            unavailable(f"no Kafka with TLS can be started: {error}")
        yield broker


def at(secure: SecureKafka, changes: dict[str, Any]) -> dict[str, Any]:
    """Name files by their folder, and the address of another listener."""
    files = {n: secure.files / str(v) for n, v in changes.items() if n.endswith("file") and v is not None}
    return {**changes, **files}


def way_in(secure: SecureKafka, database: str, folder: Path, listener: str, **changes: Any) -> Way:
    topic = f"secure-{folder.name}"
    way = Way(database, secure.addresses[listener], topic, folder, partitions=2)
    known = {"topic": topic, "group": topic, "partitions": 2, "lease": 2, "session_timeout": 6}
    way.settings = secure.settings(listener, **known, **at(secure, changes))
    return way


@pytest.mark.parametrize(
    ("listener", "changes"),
    [
        ("TLS", {}),
        ("TLS", {"ssl_check_hostname": "false", "bootstrap_servers": "localhost"}),
        ("MUTUAL", {}),
        ("MUTUAL", {**LOCKED, "ssl_password": KEY_PASSWORD}),
        ("MUTUAL", {"ssl_certfile": "client.both.pem", "ssl_keyfile": None}),
        ("PASSWORD", {}),
        ("BOTH", {"sasl_mechanism": "SCRAM-SHA-256"}),
        ("BOTH", {"sasl_mechanism": "SCRAM-SHA-512"}),
    ],
    ids=["tls", "any host name", "certificate", "locked key", "one file", "plain", "scram-256", "scram-512"],
)
def test_relay_and_projectors_work(
    secure: SecureKafka, database: str, tmp_path: Path, listener: str, changes: dict[str, Any]
) -> None:
    if "bootstrap_servers" in changes:
        changes = {**changes, "bootstrap_servers": secure.addresses[listener].replace("127.0.0.1", "localhost")}
    way = way_in(secure, database, tmp_path, listener, **changes)
    with opened_log(database) as log, way.running(log):
        append_lives(log, range(1, 8))
        way.caught_up(log)
        way.check(log)


def test_the_commands_work_with_tls_and_a_password(secure: SecureKafka, database: str, tmp_path: Path) -> None:
    environ = {**way_in(secure, database, tmp_path, "BOTH").environ, **secure.environ("BOTH")}
    made = run(environ, "kafka", "create-topic")
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.endswith("has 2 partitions.\n")
    told = run(environ, "kafka", "status", "--json")
    assert json.loads(told.stdout)["relayed"] == 0


REFUSALS: dict[str, tuple[str, dict[str, Any], str]] = {
    "wrong authority": (
        "TLS", {"ssl_cafile": "other_ca.pem"},
        (r"certificate is not accepted: self-signed certificate in certificate chain; expected one signed by .*other_ca\.pem"
        r" \(name the authority that signed it in TICKETCORE_KAFKA_SSL_CAFILE\)"),
    ),
    "wrong host name": (
        "TLS", {"bootstrap_servers": "TLS at localhost"},
        r"certificate is not valid for 'localhost'; expected the name in TICKETCORE_KAFKA_BOOTSTRAP_SERVERS \(use a name",
    ),
    "expired": ("EXPIRED", {}, r"certificate has expired; expected a valid one \(renew it at the broker"),
    "no certificate": (
        "MUTUAL", NO_CERTIFICATE, r"refused the client's certificate .*: got none, expected one that the broker trusts"
    ),
    "another's certificate": ("MUTUAL", STRANGER, r"refused the client's certificate .*: got .*stranger\.pem, expected"),
    "wrong password": (
        "PASSWORD", {"sasl_password": WRONG},
        r"refused user 'owner' by PLAIN: .*Invalid username or password \(correct TICKETCORE_KAFKA_SASL_USERNAME and",
    ),
    "wrong password by scram": (
        "BOTH", {"sasl_password": WRONG}, r"refused user 'owner' by SCRAM-SHA-512: .*invalid credentials"
    ),
    "unknown user": ("BOTH", {"sasl_username": "nobody"}, r"refused user 'nobody' by SCRAM-SHA-512"),
    "wrong mechanism": (
        "PASSWORD", {"sasl_mechanism": "SCRAM-SHA-256"},
        r"does not take SASL mechanism 'SCRAM-SHA-256', expected one that its listener enables \(correct TICKETCORE_KAFKA_SASL_M",
    ),
    "tls where none is spoken": (
        "TLS", {"bootstrap_servers": "PLAINTEXT"},
        r"TLS handshake failed .*: got TICKETCORE_KAFKA_SECURITY_PROTOCOL=SSL, expected a listener that speaks TLS",
    ),
    "no tls where it is spoken": (
        "PLAINTEXT", {"bootstrap_servers": "TLS"},
        r"the broker (answered in another protocol|closed the connection): got TICKETCORE_KAFKA_SECURITY_PROTOCOL=PLAINTEXT, exp",
    ),
    "no password where one is asked for": (
        "PLAINTEXT", {"bootstrap_servers": "PASSWORD"},
        r"the broker closed the connection: got TICKETCORE_KAFKA_SECURITY_PROTOCOL=PLAINTEXT, expected what its listener speaks",
    ),
    "a password where none is asked for": (
        "PASSWORD", {"bootstrap_servers": "PLAINTEXT"},
        r"the broker answered in another protocol: got TICKETCORE_KAFKA_SECURITY_PROTOCOL=SASL_PLAINTEXT, expected what its",
    ),
    "nobody there": ("TLS", {"bootstrap_servers": "nobody"}, r"ECONNREFUSED.* \(is the broker up"),
    "no right": (
        "PASSWORD", {"sasl_username": "guest"},
        r"the broker denies it to user 'guest': TopicAuthorizationFailedError, expected the rights that docs/kafka\.md lists",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_the_broker_refuses_is_told(secure: SecureKafka, name: str) -> None:
    listener, changes, said = REFUSALS[name]
    named = changes.get("bootstrap_servers")
    if named is not None:
        local = secure.addresses["TLS"].replace("127.0.0.1", "localhost")
        address = {**secure.addresses, "TLS at localhost": local, "nobody": "127.0.0.1:1"}[named]
        changes = {**changes, "bootstrap_servers": address}
    settings = secure.settings(listener, timeout=2, **at(secure, changes))

    with pytest.raises(KafkaUnavailable, match=said) as caught:
        ensure_topic(settings, "refused", 2)

    assert str(caught.value).startswith(f"cannot create topic 'refused' at {settings.bootstrap_servers}: ")
    assert caught.value.exit_code == 3
    assert PASSWORD not in str(caught.value)
    assert WRONG not in str(caught.value)


@pytest.mark.parametrize("arguments", [("worker", "relay"), ("worker", "project", "queues"), ("kafka", "create-topic")])
def test_a_wrong_password_ends_a_command_with_code_3_and_stays_unsaid(
    secure: SecureKafka, database: str, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    way = way_in(secure, database, tmp_path, "BOTH")
    environ = {**way.environ, **secure.environ("BOTH", sasl_password=WRONG, timeout=2)}

    done = run(environ, *arguments)

    assert done.returncode == 3
    assert f"topic '{way.topic}' at {secure.addresses['BOTH']}: the broker refused user 'owner'" in done.stderr
    assert WRONG not in done.stdout + done.stderr


def allow(secure: SecureKafka, kind: ResourceType, name: str, *operations: ACLOperation) -> None:
    grants = [
        ACL("User:guest", "*", operation, ACLPermissionType.ALLOW, ResourcePattern(kind, name))
        for operation in operations
    ]
    with KafkaAdminClient(bootstrap_servers=secure.addresses["PLAINTEXT"]) as admin:
        assert not admin.create_acls(grants)["failed"]


def forbid_writing(secure: SecureKafka, topic: str) -> Any:
    """Deny what was allowed, and return how to take the denial back."""
    no = ACL("User:guest", "*", ACLOperation.WRITE, ACLPermissionType.DENY, ResourcePattern(ResourceType.TOPIC, topic))
    with KafkaAdminClient(bootstrap_servers=secure.addresses["PLAINTEXT"]) as admin:
        assert not admin.create_acls([no])["failed"]

    def take_back() -> None:
        with KafkaAdminClient(bootstrap_servers=secure.addresses["PLAINTEXT"]) as admin:
            admin.delete_acls([no])

    return take_back


def test_the_rights_that_the_page_lists_are_needed_and_enough(
    secure: SecureKafka, database: str, tmp_path: Path
) -> None:
    way = way_in(secure, database, tmp_path, "BOTH", sasl_username="guest")
    topic, refusal = (
        ResourceType.TOPIC,
        rf"topic '{way.topic}' at .*: the broker denies it to user 'guest': \w+Authorization",
    )
    with opened_log(database) as log:
        append_lives(log, range(1, 8))
        relay = Relay(database, log, way.settings)
        allow(secure, topic, way.topic, ACLOperation.DESCRIBE, ACLOperation.CREATE)
        with pytest.raises(KafkaUnavailable, match=f"cannot write {refusal}"), in_thread(relay.run) as thread:
            eventually(lambda: not thread.is_alive())
        allow(secure, topic, way.topic, ACLOperation.WRITE, ACLOperation.READ)
        with in_thread(relay.run):
            eventually(lambda: (at := progress(database, way.topic)) is not None and at.position >= log.head())

        [worker, *_] = workers = way.projectors(log)
        said = rf"cannot read {way.topic} at .*: the broker denies it to user 'guest': GroupAuthorizationFailedError"
        with pytest.raises(KafkaUnavailable, match=said), in_thread(worker.run) as thread:
            eventually(lambda: not thread.is_alive())
        allow(secure, ResourceType.GROUP, group_of(way.settings, *MODELS), ACLOperation.READ)
        with way.running(log, workers):
            way.caught_up(log)
            way.check(log)


def test_a_right_that_is_lost_later_is_told_and_waited_for(secure: SecureKafka, database: str, tmp_path: Path) -> None:
    way = way_in(secure, database, tmp_path, "PASSWORD", sasl_username="guest")
    rights = (ACLOperation.DESCRIBE, ACLOperation.CREATE, ACLOperation.WRITE, ACLOperation.READ)
    allow(secure, ResourceType.TOPIC, way.topic, *rights)
    with (
        opened_log(database) as log,
        structlog.testing.capture_logs() as told,
        in_thread(Relay(database, log, way.settings).run),
    ):
        append_lives(log, range(1, 8))
        eventually(lambda: (at := progress(database, way.topic)) is not None and at.position >= log.head())
        take_back = forbid_writing(secure, way.topic)
        append_lives(log, range(8, 12), seed=2)
        eventually(lambda: any("AuthorizationFailed" in str(line) for line in told))
        take_back()
        eventually(lambda: (at := progress(database, way.topic)) is not None and at.position >= log.head(), 60)
    assert any(line["event"] == "relay.retry" and "AuthorizationFailed" in str(line) for line in told)
    assert PASSWORD not in json.dumps(told, default=str)

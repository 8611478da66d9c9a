"""One real broker that listens in every way that clients are asked to come by: TLS, client certificates, passwords."""

from typing import Any

from tests.support.certificates import make_certificates
from tests.support.kafka import Kafka
from workers.kafka.broker_java import JavaBroker
from workers.kafka.settings import KafkaSettings

__all__ = ["PASSWORD", "SecureKafka"]

PASSWORD = "correct-horse-battery"
_LISTENERS = {"TLS": "SSL", "MUTUAL": "SSL", "EXPIRED": "SSL", "PASSWORD": "SASL_PLAINTEXT", "BOTH": "SASL_SSL"}
_MODULES = "org.apache.kafka.common.security"


class SecureKafka(Kafka):
    """A context manager. Users ``owner``, who may do anything, and ``guest``, who may do nothing until told.

    ``files``: the certificates; ``addresses``: listener -> ``host:port``: ``PLAINTEXT``, ``TLS``, ``MUTUAL`` (asks for a
    client's certificate), ``EXPIRED``, ``PASSWORD`` (PLAIN), ``BOTH`` (SCRAM over TLS).
    """

    def _made(self) -> JavaBroker:
        self.files = self.folder / "certificates"
        make_certificates(self.files)
        broker = JavaBroker(
            self.folder,
            listeners=_LISTENERS,
            properties=self._properties(),
            scram=[
                f"{kind}=[name={user},password={PASSWORD}]"
                for kind in ("SCRAM-SHA-256", "SCRAM-SHA-512")
                for user in ("owner", "guest")
            ],
        )
        self.addresses = broker.addresses
        return broker

    def environ(self, listener: str, **more: object) -> dict[str, str]:
        """Return the variables with which a client comes in by a listener; *more*: ``sasl_password=...``, ``None`` unsets."""
        protocol = _LISTENERS.get(listener, "PLAINTEXT")
        known: dict[str, object] = {"bootstrap_servers": self.addresses[listener], "security_protocol": protocol}
        if "SSL" in protocol:
            known["ssl_cafile"] = self.files / "ca.pem"
        if listener == "MUTUAL":
            known |= {"ssl_certfile": self.files / "client.pem", "ssl_keyfile": self.files / "client.key"}
        if "SASL" in protocol:
            mechanism = "PLAIN" if listener == "PASSWORD" else "SCRAM-SHA-512"
            known |= {"sasl_mechanism": mechanism, "sasl_username": "owner", "sasl_password": PASSWORD}
        wanted = {name: value for name, value in {**known, **more}.items() if value is not None}
        return {f"TICKETCORE_KAFKA_{name.upper()}": str(value) for name, value in wanted.items()}

    def settings(self, listener: str, **more: object) -> KafkaSettings:
        """Return the settings that :meth:`environ` makes."""
        prefix = "TICKETCORE_KAFKA_"
        known: dict[str, Any] = {n.removeprefix(prefix).lower(): v for n, v in self.environ(listener, **more).items()}
        return KafkaSettings(**known)

    def _properties(self) -> dict[str, str]:
        store = {"ssl.keystore.type": "PEM", "ssl.truststore.type": "PEM"}
        store |= {"ssl.keystore.location": str(self.files / "broker.both.pem")}
        store |= {"ssl.truststore.location": str(self.files / "ca.pem")}
        users = f'user_owner="{PASSWORD}" user_guest="{PASSWORD}"'
        plain = f'{_MODULES}.plain.PlainLoginModule required username="owner" password="{PASSWORD}" {users};'
        scram = f"{_MODULES}.scram.ScramLoginModule required;"
        return {
            **store,
            "listener.name.mutual.ssl.client.auth": "required",
            "listener.name.expired.ssl.keystore.location": str(self.files / "expired.both.pem"),
            "listener.name.password.sasl.enabled.mechanisms": "PLAIN",
            "listener.name.password.plain.sasl.jaas.config": plain,
            "listener.name.both.sasl.enabled.mechanisms": "SCRAM-SHA-256,SCRAM-SHA-512",
            "listener.name.both.scram-sha-256.sasl.jaas.config": scram,
            "listener.name.both.scram-sha-512.sasl.jaas.config": scram,
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS;User:owner;User:CN=client;User:CN=locked",
        }

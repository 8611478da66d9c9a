"""Certificates for tests, made on the spot: an authority, a broker's, a client's, and ones that are wrong."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)

__all__ = ["KEY_PASSWORD", "make_certificates"]

KEY_PASSWORD = "opens-the-key"
_LOOPBACK = [x509.IPAddress(IPv4Address("127.0.0.1"))]  # and no localhost, so that this name is a wrong one


class _Authority:
    """Signs certificates and writes them as PEM files."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        certificate = self._build(self._name, self._key.public_key(), 30).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.pem = certificate.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM)
        (folder / f"{name}.pem").write_bytes(self.pem)

    def sign(
        self, name: str, names: Sequence[x509.GeneralName] = (), *, days: int = 30, password: str | None = None
    ) -> None:
        """Write ``NAME.pem`` (certificate and authority), ``NAME.key`` and ``NAME.both.pem``."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        builder = self._build(subject, key.public_key(), days)
        if names:
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        chain = builder.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM) + self.pem
        hidden: KeySerializationEncryption = NoEncryption()
        if password is not None:
            hidden = BestAvailableEncryption(password.encode())
        text = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden)
        (self._folder / f"{name}.pem").write_bytes(chain)
        (self._folder / f"{name}.key").write_bytes(text)
        (self._folder / f"{name}.both.pem").write_bytes(text + chain)

    def _build(self, subject: x509.Name, key: ec.EllipticCurvePublicKey, days: int) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject).issuer_name(self._name).public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60)).not_valid_after(now + timedelta(days=days))
        )  # fmt: skip


def make_certificates(folder: Path) -> None:
    """Write ``ca``, ``other_ca``; of ``ca``: ``broker``, ``expired``, ``client``, ``locked``; of the other: ``stranger``."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, other = _Authority(folder, "ca"), _Authority(folder, "other_ca")
    authority.sign("broker", _LOOPBACK)
    authority.sign("expired", _LOOPBACK, days=-1)
    authority.sign("client")
    authority.sign("locked", password=KEY_PASSWORD)
    other.sign("stranger")

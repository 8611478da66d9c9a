"""Settings that can't be right are told before anything is asked of a broker, and no secret is said."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.support.certificates import KEY_PASSWORD, make_certificates
from ticketcore.errors import ConfigurationError
from workers.kafka.settings import KafkaSettings

SECRET = "a-secret-nobody-may-read"
LOGIN = {"SASL_MECHANISM": "PLAIN", "SASL_USERNAME": "ana", "SASL_PASSWORD": SECRET}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch, files: Path) -> Any:
    """A function that sets variables and returns what making a client of them says."""

    def say(**variables: str) -> str:
        for name, value in {"BOOTSTRAP_SERVERS": "a:1", **variables}.items():
            path = files / value
            monkeypatch.setenv(f"TICKETCORE_KAFKA_{name}", str(path) if name.endswith("FILE") else value)
        with pytest.raises(ConfigurationError) as caught:
            KafkaSettings.load().client()
        assert caught.value.exit_code == 3
        assert SECRET not in str(caught.value)
        return str(caught.value)

    return say


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"SECURITY_PROTOCOL": "TLS"}, "TICKETCORE_KAFKA_SECURITY_PROTOCOL is 'TLS': Input should be 'PLAINTEXT', 'SSL', 'SASL_"),
        ({**LOGIN, "SASL_MECHANISM": "GSSAPI"}, "TICKETCORE_KAFKA_SASL_MECHANISM is 'GSSAPI': Input should be 'PLAIN', 'SCRAM-SHA-"),
        ({**LOGIN, "SASL_MECHANISM": "OAUTHBEARER"}, "TICKETCORE_KAFKA_SASL_MECHANISM is 'OAUTHBEARER': Input should be 'PLAIN'"),
        (LOGIN, "TICKETCORE_KAFKA_SASL_MECHANISM is set, but TICKETCORE_KAFKA_SECURITY_PROTOCOL is PLAINTEXT: expected one with SASL"),
        ({"SSL_CAFILE": "ca.pem"}, "TICKETCORE_KAFKA_SSL_CAFILE is set, but TICKETCORE_KAFKA_SECURITY_PROTOCOL is PLAINTEXT"),
        ({**LOGIN, "SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SASL_USERNAME": ""}, "TICKETCORE_KAFKA_SASL_USERNAME is not set: expected"),
        ({"SECURITY_PROTOCOL": "SASL_SSL", "SASL_PASSWORD": SECRET}, "TICKETCORE_KAFKA_SASL_MECHANISM is not set: expected with SASL_SSL"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CAFILE": "nowhere.pem"}, "nowhere.pem': expected a file that can be read (No such file"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CAFILE": "."}, "expected a file that can be read (Is a directory; correct it)"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CAFILE": "client.key"}, "client.key', which holds no certificate: expected PEM"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CERTFILE": "client.pem"}, "client.pem' can't be used"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_KEYFILE": "client.key"}, "SSL_KEYFILE is set without TICKETCORE_KAFKA_SSL_CERTFILE"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CERTFILE": "client.pem", "SSL_KEYFILE": "stranger.key"}, "(key values mismatch)"),
        ({"SECURITY_PROTOCOL": "SSL", "SSL_CERTFILE": "locked.pem", "SSL_KEYFILE": "locked.key"}, "its password in TICKETCORE_KAFKA_SSL_P"),
        (
            {"SECURITY_PROTOCOL": "SSL", "SSL_CERTFILE": "locked.pem", "SSL_KEYFILE": "locked.key", "SSL_PASSWORD": SECRET},
            "its password in TICKETCORE_KAFKA_SSL_PASSWORD",
        ),
        ({"LOGS": f"host=x password={SECRET}"}, 'TICKETCORE_KAFKA_LOGS is no JSON: expected {"NAME": "DSN"}'),
        ({"LOGS": f'{{"south": ["{SECRET}"]}}'}, "TICKETCORE_KAFKA_LOGS is wrong: Input should be a valid string"),
    ],
)  # fmt: skip
def test_what_cannot_be_right_is_told(told: Any, variables: dict[str, str], said: str) -> None:
    assert said in told(**variables)


@pytest.mark.parametrize(("compression", "package"), [("lz4", "lz4"), ("zstd", "zstandard")])
def test_a_compression_without_its_package_says_what_to_install(
    told: Any, monkeypatch: pytest.MonkeyPatch, compression: str, package: str
) -> None:
    monkeypatch.setattr("workers.kafka.settings.find_spec", lambda _: None)
    said = told(COMPRESSION=compression)
    assert f"TICKETCORE_KAFKA_COMPRESSION is '{compression}', but '{package}' is not installed" in said
    assert f"pip install {package}" in said


def test_no_secret_shows_in_what_settings_print(files: Path) -> None:
    settings = KafkaSettings(
        bootstrap_servers="a:1", security_protocol="SASL_SSL", sasl_mechanism="PLAIN", sasl_username="ana",
        sasl_password=SecretStr(SECRET), ssl_certfile=files / "locked.pem", ssl_keyfile=files / "locked.key", ssl_password=SecretStr(KEY_PASSWORD),
        logs={"south": SecretStr(f"host=x password={SECRET}")},
    )  # fmt: skip
    shown = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "ana" in shown
    assert SECRET not in shown
    assert KEY_PASSWORD not in shown
    assert settings.client()["sasl_plain_password"] == SECRET

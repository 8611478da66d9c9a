"""How the mail server is spoken to: TLS that is checked, logins, refusals that are no fault of a mail."""

import ssl
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.certificates import make_certificates
from tests.support.smtp import mailserver
from ticketcore.errors import ConfigurationError
from workers.outgoing.server import MailServer, Refused, Unreachable
from workers.outgoing.settings import SmtpSettings

MAIL = b"Subject: x\r\n\r\n.a dot\r\n"


def settings(port: int, **changes: Any) -> SmtpSettings:
    values: dict[str, Any] = {"host": "127.0.0.1", "port": port, "security": "none", "timeout": 5}
    return SmtpSettings(**{**values, **changes})


def served_by(folder: Path, name: str = "broker") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key")
    return context


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    make_certificates(folder)
    return folder


def test_a_mail_goes_over_starttls_with_a_login(certificates: Path) -> None:
    with mailserver(served_by(certificates)) as server:
        server.stop()
        server.start(tls_context=served_by(certificates), require_starttls=True, **server.password_is("kim", "sesame"))
        known = settings(
            server.port, security="starttls", cafile=certificates / "ca.pem", username="kim", password="sesame"
        )
        with closing(MailServer(known)) as mails:
            mails.ready()
            assert mails.send("a@example.org", ["b@example.net"], MAIL, partly=False) == ()
        assert server.logins == [(b"kim", b"sesame")]
        assert server.mails[0][:2] == ("a@example.org", ["b@example.net"])
        assert server.mails[0].content.endswith(b"\r\n\r\n.a dot\r\n")


def test_a_wrong_login_is_no_fault_of_a_mail(certificates: Path) -> None:
    with mailserver(served_by(certificates)) as server:
        server.stop()
        server.start(tls_context=served_by(certificates), **server.password_is("kim", "sesame"))
        known = settings(
            server.port, security="starttls", cafile=certificates / "ca.pem", username="kim", password="wrong"
        )
        with (
            closing(MailServer(known)) as mails,
            pytest.raises(Unreachable, match=r"refused the login: 535 .*SMTP_USERNAME"),
        ):
            mails.ready()


def test_a_server_that_nobody_vouches_for_gets_nothing(certificates: Path) -> None:
    with mailserver(served_by(certificates)) as server:
        known = settings(server.port, security="starttls")
        with closing(MailServer(known)) as mails, pytest.raises(Unreachable, match="certificate verify failed"):
            mails.ready()


def test_a_server_without_starttls_gets_nothing_in_the_clear() -> None:
    with mailserver() as server:
        known = settings(server.port, security="starttls")
        with closing(MailServer(known)) as mails, pytest.raises(Unreachable, match="STARTTLS extension not supported"):
            mails.ready()
        assert server.dialogues == 0


@pytest.mark.parametrize(("part", "answer", "permanent"), [
    ("on_mail", "550 5.7.1 not you", True), ("on_mail", "451 later", False), ("on_recipient", "550 5.1.1 unknown", True),
    ("on_recipient", "452 4.5.3 too many", False), ("on_data", "552 5.3.4 too big", True), ("on_data", "421 closing", False),
    ("on_mail", "530 5.7.0 log in", False),
])  # fmt: skip
def test_an_answer_says_whether_to_try_again(part: str, answer: str, permanent: bool) -> None:
    with mailserver() as server, closing(MailServer(settings(server.port))) as mails:
        setattr(server, part, lambda _: answer)
        mails.ready()
        with pytest.raises(Refused) as refusal:
            mails.send("a@example.org", ["b@example.net"], MAIL, partly=False)
        assert (refusal.value.permanent, refusal.value.reason) == (permanent, "refused")
        assert refusal.value.code == int(answer[:3])
        assert answer in str(refusal.value)
        setattr(server, part, lambda _: "250 OK")
        mails.ready()
        mails.send("a@example.org", ["b@example.net"], MAIL, partly=False)
        assert len(server.mails) == 1, "the connection is fit for the next mail"


def test_a_connection_is_kept_for_several_mails() -> None:
    with mailserver() as server, closing(MailServer(settings(server.port))) as mails:
        mails.ready()
        first = mails._smtp
        for _ in range(3):
            mails.ready()
            mails.send("", ["b@example.net"], MAIL, partly=False)
        assert mails._smtp is first
        assert [mail.sender for mail in server.mails] == ["", "", ""]


@pytest.mark.parametrize(("environment", "message"), [
    ({}, "TICKETCORE_SMTP_HOST is not set: expected the host of a mail server"),
    ({"HOST": "x", "PORT": "99999"}, "TICKETCORE_SMTP_PORT is '99999'"),
    ({"HOST": "x", "USERNAME": "kim"}, "TICKETCORE_SMTP_PASSWORD is not set: expected with the other"),
    ({"HOST": "x", "USERNAME": "kim", "PASSWORD": "p", "SECURITY": "none"}, "it would be sent in the clear"),
    ({"HOST": "x", "CAFILE": "/nowhere.pem"}, "TICKETCORE_SMTP_CAFILE is '/nowhere.pem'"),
])  # fmt: skip
def test_a_wrong_setting_is_named(environment: dict[str, str], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(f"TICKETCORE_SMTP_{name}", value)
    with pytest.raises(ConfigurationError) as refusal:
        SmtpSettings.load()
    assert message in str(refusal.value)
    assert "sesame" not in str(refusal.value)

"""The server of incoming mail in the eyes of its clients: replies, limits, and an orderly end."""

from __future__ import annotations

import contextlib
import gc
import smtplib
import socket
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ticketcore.errors import ConfigurationError, StoreUnavailable
from workers.incoming.reception import Reception
from workers.incoming.server import listening
from workers.incoming.settings import IncomingSettings

MAIL = b"From: zoe@example.org\r\nTo: support@example.com\r\nSubject: Parcel\r\n\r\nIt is late.\r\n"


class Taken(NamedTuple):
    number: str = "M-2026-000042-6"
    outcome: str = "new"
    repeated: bool = False


class Box:
    """Takes messages, after *error* where it is set and while *gate* is closed."""

    def __init__(self) -> None:
        self.got: list[tuple[bytes, list[str], str | None]] = []
        self.error: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def __call__(self, raw: bytes, /, *, recipients: Sequence[str], peer_ip: str | None) -> Taken:
        self.entered.set()
        self.gate.wait(30)
        if self.error is not None:
            raise self.error
        self.got.append((raw, list(recipients), peer_ip))
        return Taken()


@contextmanager
def served(box: Box, **given: Any) -> Iterator[str]:
    settings = IncomingSettings(**{"listen": "127.0.0.1:0", "protocol": "smtp", **given})
    with listening(settings, Reception(settings, box)) as address:
        yield address


def client(address: str, kind: type[smtplib.SMTP] = smtplib.SMTP) -> smtplib.SMTP:
    host, _, port = address.rpartition(":")
    return kind(host, int(port), timeout=20)


def test_a_message_that_was_recorded_is_answered_with_250_and_its_number() -> None:
    box = Box()
    with served(box) as address, client(address) as smtp:
        smtp.ehlo()
        smtp.mail("zoe@example.org")
        smtp.rcpt("support@example.com")
        code, text = smtp.data(MAIL)
    assert (code, text) == (250, b"2.0.0 recorded as M-2026-000042-6")
    assert box.got == [(b"Return-Path: <zoe@example.org>\r\n" + MAIL, ["support@example.com"], "127.0.0.1")]


def test_a_bounce_keeps_its_empty_return_path() -> None:
    box = Box()
    with served(box) as address, client(address) as smtp:
        smtp.sendmail("", ["support@example.com"], MAIL)
    assert box.got[0][0].startswith(b"Return-Path: <>\r\nFrom:")


@pytest.mark.parametrize("error", [StoreUnavailable("the log is away (start it)"), RuntimeError("a bug")])
def test_while_a_message_cant_be_recorded_the_client_is_told_to_come_again(error: Exception) -> None:
    box = Box()
    box.error = error
    with served(box) as address, client(address) as smtp:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            smtp.sendmail("zoe@example.org", ["support@example.com"], MAIL)
        assert refused.value.smtp_code == 451
        assert "come again" in str(refused.value.smtp_error)
        box.error = None
        smtp.sendmail("zoe@example.org", ["support@example.com"], MAIL)
    assert len(box.got) == 1


def test_lmtp_answers_once_for_each_recipient() -> None:
    box = Box()
    with served(box, protocol="lmtp") as address:
        host, _, port = address.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=20) as raw, raw.makefile("rb") as lines:

            def say(text: bytes) -> bytes:
                raw.sendall(text)
                return lines.readline()

            assert lines.readline().startswith(b"220 ")
            raw.sendall(b"LHLO mx.example.com\r\n")
            while lines.readline()[3:4] == b"-":
                pass
            assert say(b"MAIL FROM:<zoe@example.org>\r\n").startswith(b"250")
            assert say(b"RCPT TO:<a@example.com>\r\n").startswith(b"250")
            assert say(b"RCPT TO:<b@example.com>\r\n").startswith(b"250")
            assert say(b"DATA\r\n").startswith(b"354")
            raw.sendall(MAIL + b".\r\n")
            assert [lines.readline() for _ in range(2)] == [b"250 2.0.0 recorded as M-2026-000042-6\r\n"] * 2
            assert say(b"NOOP\r\n").startswith(b"250")
    assert box.got[0][1:] == (["a@example.com", "b@example.com"], None)  # the peer is our own mail server


def test_recipients_of_others_are_refused_and_plus_addresses_are_their_mailbox() -> None:
    box = Box()
    with served(box, recipients="support@example.com, example.net") as address, client(address) as smtp:
        refused = smtp.sendmail(
            "zoe@example.org",
            ["support+T-2026-000042-6.abc@example.com", "Info@Example.NET", "boss@example.com"],
            MAIL,
        )
    assert refused == {"boss@example.com": (550, b"5.1.1 no such mailbox here")}
    assert box.got[0][1] == ["support+T-2026-000042-6.abc@example.com", "Info@Example.NET"]


def test_lines_of_any_length_and_bytes_of_any_kind_arrive_as_they_were_sent() -> None:
    content = (
        b"Subject: "
        + b"x" * 300_000
        + b"\r\n\r\n..\r\n\xff\xfe caf\xe9 \r bare \n lines\0\r\n"
        + b"y" * 2_000_000
        + b"\r\n"
    )
    box = Box()
    with served(box) as address, client(address) as smtp:
        smtp.ehlo()
        smtp.mail("zoe@example.org")
        smtp.rcpt("support@example.com")
        smtp.docmd("DATA")
        smtp.send(content.replace(b"\r\n.", b"\r\n..") + b".\r\n")
        assert smtp.getreply()[0] == 250
    assert box.got[0][0] == b"Return-Path: <zoe@example.org>\r\n" + content


def test_a_message_over_the_limit_is_refused_for_good_and_the_next_one_is_taken() -> None:
    box = Box()
    with served(box, max_size=10_000) as address, client(address) as smtp:
        smtp.ehlo()
        assert smtp.esmtp_features["size"] == "10000"
        smtp.mail("zoe@example.org")
        smtp.rcpt("support@example.com")
        assert smtp.data(MAIL + b"x\r\n" * 5_000)[0] == 552
        smtp.sendmail("zoe@example.org", ["support@example.com"], MAIL)
    assert len(box.got) == 1


def test_fifty_megabytes_are_taken() -> None:
    content = MAIL + b"z" * 76 + b"\r\n"
    content += (b"z" * 76 + b"\r\n") * (50_000_000 // 78)
    box = Box()
    with served(box) as address, client(address) as smtp:
        smtp.sendmail("zoe@example.org", ["support@example.com"], content)
    assert len(box.got[0][0]) == len(content) + len(b"Return-Path: <zoe@example.org>\r\n")


def test_too_many_clients_are_told_to_come_again() -> None:
    box = Box()
    with served(box, max_connections=2) as address, client(address) as one, client(address) as two:
        one.ehlo()
        two.ehlo()
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            client(address)
        assert refused.value.smtp_code == 421
        one.quit()
        deadline = time.monotonic() + 10
        while True:
            try:
                with client(address) as again:
                    again.ehlo()
                break
            except smtplib.SMTPConnectError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def test_a_message_in_hand_is_finished_and_answered_before_the_server_ends() -> None:
    box = Box()
    box.gate.clear()
    codes: list[int] = []
    served_box = served(box)
    address = served_box.__enter__()
    smtp = client(address)

    def send() -> None:
        smtp.ehlo()
        smtp.mail("zoe@example.org")
        smtp.rcpt("support@example.com")
        codes.append(smtp.data(MAIL)[0])

    sender = threading.Thread(target=send)
    sender.start()
    assert box.entered.wait(20)
    threading.Timer(0.3, box.gate.set).start()
    served_box.__exit__(None, None, None)
    sender.join(20)
    smtp.close()
    assert codes == [250]
    with pytest.raises(OSError):
        client(address)


def test_clients_that_come_as_the_server_ends_are_sent_away_and_nothing_stays_open() -> None:
    with warnings.catch_warnings(record=True) as left:
        warnings.simplefilter("always", ResourceWarning)
        with served(Box()) as address:
            host, _, port = address.rpartition(":")
            coming = [socket.create_connection((host, int(port)), timeout=20) for _ in range(9)]
            for gone in coming[::3]:
                gone.close()
        for each in coming:
            with each:
                heard = b"" if each in coming[::3] else all_of(each)
            assert heard == b"" or heard.endswith(b"421 4.3.2 the service ends, come again\r\n")
        gc.collect()
    assert [str(warning.message) for warning in left] == []


def all_of(connection: socket.socket) -> bytes:
    """Return what a server says until it closes; nothing where it let nobody in."""
    with contextlib.suppress(ConnectionError), connection.makefile("rb") as lines:
        return lines.read()
    return b""


def test_a_unix_socket_serves_and_what_a_killed_server_left_of_it_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "lmtp"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    box = Box()
    with served(box, protocol="lmtp", listen=f"unix:{path}") as address:
        assert address == f"unix:{path}"
        with smtplib.LMTP(str(path)) as lmtp:
            lmtp.sendmail("zoe@example.org", ["support@example.com"], MAIL)
        with pytest.raises(ConfigurationError, match="listens there already"), served(box, listen=f"unix:{path}"):
            pass
    assert len(box.got) == 1


def test_an_address_in_use_is_told_with_its_remedy() -> None:
    with (
        served(Box()) as address,
        pytest.raises(ConfigurationError, match=r"cannot listen on .* \(set TICKETCORE_INTAKE_LISTEN"),
        served(Box(), listen=address),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "value"), [("LISTEN", "8024"), ("PROTOCOL", "imap"), ("MAX_SIZE", "1"), ("THREADS", "0")]
)
def test_a_wrong_setting_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"TICKETCORE_INTAKE_{name}", value)
    with pytest.raises(ConfigurationError, match=f"TICKETCORE_INTAKE_{name} is '{value}'"):
        IncomingSettings.load()


def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    settings = IncomingSettings(certificate=tmp_path / "none.pem")
    with pytest.raises(ConfigurationError, match="TICKETCORE_INTAKE_CERTIFICATE is"):
        settings.tls()

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketcore.errors import NotFound
from ticketcore.intake.mailbox import mails_in, size_of

FROM = b"From kim@example.org Mon Mar  2 10:00:00 2026\n"
bodies = st.lists(st.sampled_from([b"Hello", b"From here on", b">From there", b"", b"a\xff\x00"]), max_size=5).map(
    b"\n".join
)


def boxed(raw: bytes) -> bytes:
    quoted = b"\n".join(b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in raw.split(b"\n"))
    return FROM + quoted + b"\n\n"


@given(st.lists(bodies, max_size=5))
def test_what_is_put_into_a_mailbox_comes_out_of_it(
    tmp_path_factory: pytest.TempPathFactory, texts: list[bytes]
) -> None:
    mails = [b"Subject: x\n\n" + text for text in texts]
    path = tmp_path_factory.mktemp("box") / "mbox"
    path.write_bytes(b"".join(map(boxed, mails)))
    found = list(mails_in(path))
    assert [mail.raw.rstrip(b"\n") for mail in found] == [mail.rstrip(b"\n") for mail in mails]
    assert [mail.read for mail in found][-1:] == [size_of(path)][: len(found)]


def test_a_line_within_a_text_begins_no_mail_and_line_ends_may_be_of_either_kind(tmp_path: Path) -> None:
    path = tmp_path / "mbox"
    path.write_bytes(FROM + b"Subject: x\r\n\r\nHello\r\nFrom here\r\n\r\n" + FROM + b"Subject: y\r\n\r\nBye\r\n")
    assert [mail.raw for mail in mails_in(path)] == [
        b"Subject: x\r\n\r\nHello\r\nFrom here\r\n", b"Subject: y\r\n\r\nBye\r\n",
    ]  # fmt: skip


def test_a_file_without_a_from_line_is_one_mail_and_an_empty_one_none(tmp_path: Path) -> None:
    path = tmp_path / "mail.eml"
    path.write_bytes(b"Subject: x\n\nHello\n\n")
    assert [mail.raw for mail in mails_in(path)] == [b"Subject: x\n\nHello\n\n"]
    path.write_bytes(b"")
    assert list(mails_in(path)) == []


def test_a_maildir_is_read_from_both_of_its_folders_and_left_as_it_is(tmp_path: Path) -> None:
    for folder, name in (("new", "2.x"), ("cur", "1.x:2,S"), ("tmp", "0.x")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_bytes(name.encode())
    found = list(mails_in(tmp_path))
    assert [(mail.raw, mail.where, mail.read) for mail in found] == [(b"1.x:2,S", "1.x:2,S", 7), (b"2.x", "2.x", 10)]
    assert size_of(tmp_path) == 10
    assert len(list(tmp_path.rglob("*.x*"))) == 3


def test_what_is_no_mailbox_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        NotFound, match=r"no mailbox .*missing is recorded here \(name an mbox file or a Maildir folder\)"
    ):
        list(mails_in(tmp_path / "missing"))
    with pytest.raises(NotFound, match="a Maildir has the folders cur and new"):
        list(mails_in(tmp_path))

"""Every mail and every text of the shared folder, against what is written down of each."""

from __future__ import annotations

import email
from email.message import Message
from pathlib import Path

import pytest

from tests.intake.mail.build import sound
from tests.intake.mail.expected_mails import EXPECTED, Expected
from tests.intake.mail.expected_replies import REPLIES, Reply
from tests.support import unavailable
from tests.support.shared import shared_folder
from ticketcore.intake.mail import Mailbox, parse_mail
from ticketcore.intake.mail.reply import fragments, split_reply


def folder(name: str) -> Path:
    path = shared_folder() / "data" / "mail" / name
    if not path.is_dir():
        unavailable(f"the mails are not at {path}; name the folder that holds data/ by TICKETCORE_SHARED")
    return path


def test_every_file_has_its_expectation() -> None:
    mails = {str(path.relative_to(folder("ruby-mail")).with_suffix("")) for path in folder("ruby-mail").glob("*/*.eml")}
    texts = {path.stem for path in folder("reply-texts").glob("*.txt")}

    assert mails == {row.file for row in EXPECTED}
    assert texts == {row.file for row in REPLIES}


def _shown(boxes: tuple[Mailbox, ...]) -> str:
    return ", ".join(map(str, boxes))


@pytest.mark.parametrize("row", EXPECTED, ids=lambda row: row.file)
def test_a_mail_says_what_is_written_down(row: Expected) -> None:
    found = parse_mail((folder("ruby-mail") / f"{row.file}.eml").read_bytes())

    sound(found)
    text = found.text.strip()
    assert found.subject == row.subject
    assert _shown(found.from_) == row.from_
    assert _shown(found.to + found.cc) == row.to
    start, end, lines = row.text
    assert text.startswith(start)
    assert text.endswith(end)
    assert end or text == start
    assert len(text.splitlines()) == lines
    assert tuple(f"{one.name} {one.media_type} {len(one.content)}" for one in found.attachments) == row.attachments
    assert found.kind == row.kind


def test_what_the_standard_library_finds_sound_it_reads_alike() -> None:
    compared = 0
    for row in EXPECTED:
        raw = (folder("ruby-mail") / f"{row.file}.eml").read_bytes()
        theirs, ours = email.message_from_bytes(raw), parse_mail(raw)
        if any(part.defects for part in theirs.walk()):
            continue
        compared += 1
        for name in ("Message-ID", "X-Mailer", "Return-Path", "MIME-Version"):
            assert [_one_line(value) for value in theirs.get_all(name, [])] == list(ours.values(name))
        assert _files(theirs) <= {one.content for one in ours.attachments}
    assert compared > 90


def _one_line(value: str) -> str:
    return " ".join(line.strip() for line in value.splitlines())


def _files(theirs: Message) -> set[bytes]:
    """The content of each part with a file name, outside of mails that are attached themselves."""
    found: set[bytes] = set()
    todo = [theirs]
    while todo:
        part = todo.pop()
        if part.get_content_type() == "message/rfc822":
            continue
        if part.is_multipart():
            todo += [child for child in part.get_payload() if isinstance(child, Message)]
        elif part.get_content_disposition() == "attachment":
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            if content.strip():
                found.add(content)
    return found


@pytest.mark.parametrize("row", REPLIES, ids=lambda row: row.file)
def test_a_text_is_cut_as_is_written_down(row: Reply) -> None:
    text = (folder("reply-texts") / f"{row.file}.txt").read_text(encoding="utf-8")
    cut = fragments(text)
    reply, quoted, signature = split_reply(cut)

    assert "".join(one.text for one in cut) == text
    assert (reply.startswith(row.starts), reply.endswith(row.ends)) == (True, True), reply
    assert quoted.startswith(row.quoted)
    assert bool(quoted) == bool(row.quoted)
    assert signature.startswith(row.signature)
    assert bool(signature) == bool(row.signature)

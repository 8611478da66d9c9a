"""Attachments: stored once for a person, gone with their key, streamed, limited."""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ticketcore import Actor, AttachmentContent, Channel, Direction, FileSource, Message, Role, Settings, TicketCore
from ticketcore.attachments import Limits, judged
from ticketcore.domain import ticket_events as ev
from ticketcore.domain.base import Event
from ticketcore.errors import CommandReused, InvalidCommand, NotFound, SealBroken
from ticketcore.sealing import Sealer
from ticketcore.store.codec import Codec
from ticketcore.store.port import PART_BYTES, Append, Appended

ANA, SHOP = Actor.agent("ana"), Actor.system("shop")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")
SCAN = AttachmentContent(name="scan.pdf", media_type="application/pdf", content=os.urandom(2_500_000))
NOTE = AttachmentContent(name="note.txt", media_type="text/plain", content=b"short")


def opened_with(core: TicketCore, person: str | None, *files: AttachmentContent, **options: Any) -> str:
    return core.open_ticket(channel="mail", requester=person, attachments=files, by=SHOP, **options).number


def message(core: TicketCore, ticket: str, at: int = 0) -> Message:
    return core.show_ticket(ticket, by=ANA).messages[at]


def digests(core: TicketCore, ticket: str) -> list[object]:
    return [file["digest"] for file in message(core, ticket).attachments]


def test_the_same_file_of_a_person_is_stored_once_and_of_another_apart(core: TicketCore) -> None:
    zoe, bob = (core.register_customer(name=name, by=SHOP).number for name in ("Zoë", "Bob"))
    first, again = opened_with(core, zoe, SCAN, NOTE), opened_with(core, zoe, NOTE, SCAN)
    other, nobody = opened_with(core, bob, SCAN, NOTE), opened_with(core, None, SCAN, NOTE)
    assert digests(core, first) == digests(core, again)[::-1]
    assert len({*digests(core, first), *digests(core, other), *digests(core, nobody)}) == 6
    for ticket in (first, other, nobody):
        assert core.attachment(ticket, message=1, index=0, by=ANA) == SCAN.content
        assert core.attachment(ticket, message=1, index=1, by=ANA) == b"short"


def test_redacting_one_message_leaves_the_same_file_of_another_and_forgetting_leaves_none(core: TicketCore) -> None:
    zoe = core.register_customer(name="Zoë", by=SHOP).number
    ticket = opened_with(core, zoe, SCAN)
    core.comment(ticket, direction="inbound", author=zoe, attachments=[SCAN, NOTE], by=SHOP)
    core.redact(ticket, comment=1, reason="not for us", by=PRIVACY)
    with pytest.raises(NotFound, match="no attachment 0 of message 1"):
        core.attachment(ticket, message=1, index=0, by=ANA)
    assert core.attachment(ticket, message=2, index=0, by=ANA) == SCAN.content
    digest = message(core, ticket, 1).attachments[0]["digest"]
    assert core.log.has_blob(str(digest))
    core.forget(zoe, reason="asked to", by=PRIVACY)
    for index in (0, 1):
        with pytest.raises(NotFound, match=f"no attachment {index} of message 2"):
            core.attachment(ticket, message=2, index=index, by=ANA)


def test_a_file_for_a_requester_whom_another_process_forgot_is_sealed_for_the_ticket(
    core: TicketCore, twin: TicketCore
) -> None:
    zoe = core.register_customer(name="Zoë", by=SHOP).number
    ticket = opened_with(twin, zoe, NOTE)  # the twin knows the person's key by now
    core.forget(zoe, reason="asked to", by=PRIVACY)
    twin.comment(ticket, direction="outbound", body="See the scan.", attachments=[SCAN, NOTE], by=ANA)
    assert core.attachment(ticket, message=2, index=0, by=ANA) == SCAN.content
    assert core.attachment(ticket, message=2, index=1, by=ANA) == b"short"
    with pytest.raises(NotFound):
        core.attachment(ticket, message=1, index=0, by=ANA)


def test_a_file_is_read_in_parts_of_which_each_was_checked(core: TicketCore) -> None:
    ticket = opened_with(core, None, SCAN)
    parts = list(core.attachment_stream(ticket, message=1, index=0, by=ANA))
    assert [len(part) for part in parts] == [PART_BYTES - 16, PART_BYTES - 16, 2_500_000 - 2 * (PART_BYTES - 16)]
    assert b"".join(parts) == SCAN.content
    with pytest.raises(NotFound, match="no attachment 7"):
        core.attachment_stream(ticket, message=1, index=7, by=ANA)


def test_a_source_is_stored_as_its_bytes_would_be_and_a_repeat_is_known(core: TicketCore, tmp_path: Path) -> None:
    path = tmp_path / "scan.pdf"
    path.write_bytes(bytes(SCAN.content))  # type: ignore[arg-type]
    zoe = core.register_customer(name="Zoë", by=SHOP).number
    ticket = opened_with(core, zoe, SCAN)
    streamed = AttachmentContent(name="scan.pdf", content=FileSource.of_path(path))
    first = core.comment(ticket, direction="inbound", author=zoe, attachments=[streamed], by=SHOP)
    assert digests(core, ticket) == [message(core, ticket, 1).attachments[0]["digest"]]
    id_ = first.events[0].meta.command_id
    again = AttachmentContent(name="scan.pdf", content=FileSource.of_chunks([bytes(SCAN.content)]))  # type: ignore[arg-type]
    repeated = core.comment(ticket, direction="inbound", author=zoe, attachments=[again], by=SHOP, command_id=id_)
    assert (repeated.repeated, repeated.version) == (True, first.version)
    other = AttachmentContent(name="scan.pdf", content=FileSource.of_chunks([b"other"]))
    with pytest.raises(CommandReused):
        core.comment(ticket, direction="inbound", author=zoe, attachments=[other], by=SHOP, command_id=id_)


def test_a_file_that_changes_while_it_is_stored_is_refused(core: TicketCore, tmp_path: Path) -> None:
    path = tmp_path / "growing.log"
    for size in (10, 3_000_000):
        path.write_bytes(bytes(size))
        file = AttachmentContent(name="growing.log", content=FileSource.of_path(path))
        path.write_bytes(b"\1" * size)
        head = core.log.head()
        with pytest.raises(InvalidCommand, match="other bytes than before"):
            opened_with(core, None, file)
        assert core.log.head() == head


@pytest.mark.servers
def test_sixty_megabytes_pass_both_ways_in_a_few(database: str, tmp_path: Path) -> None:
    path, size = tmp_path / "video.bin", 62_914_560
    with path.open("wb") as file:
        for _ in range(60):
            file.write(os.urandom(1_048_576))
    settings = Settings(dsn=database, key_file=tmp_path / "keys.json", inline=True, max_file_bytes=size)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        opened_with(core, None, NOTE)
        tracemalloc.start()
        try:
            source = FileSource.of_path(path)
            ticket = opened_with(core, None, AttachmentContent(name="video.bin", content=source))
            read = FileSource(lambda: core.attachment_stream(ticket, message=1, index=0, by=ANA))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (read.size, read.sha256) == (size, source.sha256)
    assert peak < 16_000_000


def test_a_changed_blob_is_noticed() -> None:
    with TicketCore.in_memory() as core:
        ticket = opened_with(core, None, SCAN)
        digest = str(digests(core, ticket)[0])
        blobs: dict[str, bytes] = core.log._blobs  # type: ignore[attr-defined]
        blobs[digest] = blobs[digest][:-1] + bytes((blobs[digest][-1] ^ 1,))
        stream = core.attachment_stream(ticket, message=1, index=0, by=ANA)
        with pytest.raises(SealBroken, match=r"a file of event 'ticket\.opened'"):
            list(stream)


class _First(Codec):
    """Writes personal content as the first version did."""

    def personal(self, event: Event) -> bytes | None:
        plain = super().personal(event)
        return plain and plain.replace(b',"per_person":false', b"").replace(b',"class_version":2', b"")


def test_a_file_of_a_first_version_event_is_still_read(core: TicketCore, monkeypatch: pytest.MonkeyPatch) -> None:
    done = core.open_ticket(channel="mail", body="Hello", by=SHOP)
    sealer = Sealer(core.sealer._keyring, core._keys, _First())
    pending = sealer.new_event_key(done.id)
    content = os.urandom(2_000_000)
    blob = ev.BlobRef(digest=core.log.put_blob(pending.seal_blob(0, content)), size=len(content))
    file = ev.Attachment(name="old.pdf", media_type="application/pdf", sha256="ab" * 32, blob=0)
    event = ev.Commented(
        originator_id=done.id, originator_version=2, meta=done.events[0].meta, direction=Direction.INBOUND, channel=Channel.MAIL,
        attachments=(file,), blobs=(blob,),
    )  # fmt: skip
    with monkeypatch.context() as before:
        before.setattr(ev.Commented, "class_version", 1)
        sealed, key = sealer.seal(event, pending)
        stored = Codec().to_stored_event(sealed)
    assert key is not None
    assert b"class_version" not in stored.state
    core._keys.put_event_keys([key])
    command = done.events[0].meta.command_id
    append = Append(type(command)(int=command.int + 1), b"d", ((done.id, 1),), (stored,))
    assert isinstance(core.log.append([append])[0], Appended)

    [shown] = message(core, done.number, 1).attachments
    assert (shown["name"], shown["digest"], shown["size"]) == ("old.pdf", blob.digest, len(content))
    assert core.attachment(done.number, message=2, index=0, by=ANA) == content


@pytest.fixture
def strict() -> Iterator[TicketCore]:
    with TicketCore.in_memory() as core:
        core._settings = core.settings.model_copy(
            update={"max_file_bytes": 100, "max_message_bytes": 150, "dangerous_files": "refuse"}
        )
        yield core


def test_who_gives_a_file_by_hand_is_told_that_it_would_not_be_kept(strict: TicketCore) -> None:
    for file, problem in (
        (AttachmentContent(name="a", content=bytes(101)), r"attachments.0 is 101 bytes, expected .*at most 100 "),
        (AttachmentContent(name="a.exe", content=b"MZ"), r"attachments.0 is 2 bytes \(executable\), expected"),
    ):
        with pytest.raises(InvalidCommand, match=problem):
            opened_with(strict, None, file)
    half = AttachmentContent(name="half", content=bytes(80))
    with pytest.raises(InvalidCommand, match=r"attachments.1 is 80 bytes, expected .*at most 150 bytes"):
        opened_with(strict, None, half, half)
    assert strict.log.head() == 0


def test_what_an_intake_withholds_is_listed_with_its_reason_and_told_from_what_is_there(strict: TicketCore) -> None:
    files = [AttachmentContent(name="big", content=bytes(101)), AttachmentContent(name="small", content=b"x" * 9)]
    ticket = opened_with(strict, None, *judged(files, Limits.of(strict.settings)))
    big, small = message(strict, ticket).attachments
    assert (big["name"], big["size"], big["digest"]) == ("big", 101, None)
    assert big["withheld"] == "too large: 101 bytes, at most 100 are kept of a file"
    assert (small["withheld"], small["size"]) == (None, 9)
    assert strict.attachment(ticket, message=1, index=1, by=ANA) == b"x" * 9
    with pytest.raises(NotFound, match=r"no attachment 0 of message 1 .*it was withheld: too large"):
        strict.attachment(ticket, message=1, index=0, by=ANA)


def test_a_dangerous_file_is_marked(core: TicketCore) -> None:
    ticket = opened_with(core, None, AttachmentContent(name="invoice.pdf", content=b"MZ\x90"), NOTE)
    assert [file["danger"] for file in message(core, ticket).attachments] == ["executable", None]
    assert core.attachment(ticket, message=1, index=0, by=ANA) == b"MZ\x90"

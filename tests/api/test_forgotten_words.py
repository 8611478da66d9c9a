"""Personal words of whole conversations: in no file of the server at any time, and unreadable once forgotten."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sealing.test_on_disk import checkpoint, forms, found_in, unheard_of_words
from tests.support.postgres import Postgres
from ticketcore import Actor, AttachmentContent, Recorded, Role, Settings, TicketCore
from ticketcore.domain.context import EXCERPT_BYTES
from ticketcore.errors import ClaimTaken, CommandReused, NotFound, TicketCoreError
from workers.cli.common import plain

pytestmark = [pytest.mark.servers, pytest.mark.slow]

ANA = Actor.agent("ana")
SHOP = Actor.system("shop")
AUDIT = Actor(role=Role.AUDITOR, id="audit")
PRIVACY = Actor(role=Role.PRIVACY_OFFICER, id="dpo")
TALKATIVE = {"log_statement": "all", "log_parameter_max_length": "-1", "log_error_verbosity": "default"}
"""A server that writes every statement with all its values into its own log."""


class Person(NamedTuple):
    """A customer, their words by what they were given as, and where these are."""

    number: str
    mail: str
    words: dict[str, str]
    tickets: list[str]
    command_ids: list[UUID]


@pytest.fixture
def server() -> Iterator[Postgres]:
    with Postgres(TALKATIVE) as server:
        yield server


@pytest.fixture
def settings(server: Postgres, tmp_path: Path) -> Settings:
    return Settings(dsn=server.create_database(), key_file=tmp_path / "keys.json", inline=True, pool_size=4)


def long_text(word: str) -> str:
    """A text past the limit of events that holds *word* at its beginning, middle and end."""
    filler = "Seite um Seite. " * (EXCERPT_BYTES // 16)
    return f"{word} {filler} {word} {filler} {word}"


def life_of(core: TicketCore, language: str) -> Person:
    """Everything that a customer can leave behind, each with a word of its own."""
    names = (
        "name", "mail", "subject", "body", "long body", "attachment name", "attachment", "author", "message id",
        "corrected", "correction", "reason", "remark", "note", "unknown",
    )  # fmt: skip
    words = dict(zip(names, unheard_of_words(len(names)), strict=True))
    ids = [uuid4() for _ in range(3)]
    mail = f"{words['mail']}@example.org"
    number = core.register_customer(name=f"Frau {words['name']}", language=language, by=SHOP, command_id=ids[0]).number
    core.identify(number, kind="mail", value=mail, assurance="verified", by=SHOP)
    opened = core.open_ticket(
        channel="mail", requester=number, subject=f"Betreff {words['subject']}", body=f"Guten Tag, {words['body']}",
        by=SHOP, command_id=ids[1],
    )  # fmt: skip
    ticket = opened.number
    core.comment(
        ticket, direction="inbound", author=number, author_name=words["author"], body=long_text(words["long body"]),
        attachments=[AttachmentContent(name=f"{words['attachment name']}.txt", content=words["attachment"].encode() * 9)],
        message_id=f"<{words['message id']}@example.org>", by=SHOP, command_id=ids[2],
    )  # fmt: skip
    core.comment(ticket, direction="outbound", body=f"Sie schrieben: {words['corrected']}", by=ANA)
    core.correct_comment(ticket, comment=3, body=words["correction"], reason=words["reason"], by=ANA)
    core.log_time(ticket, seconds=60, agent_id="ana", note=f"Mit {words['note']} telefoniert", by=ANA)
    core.solve(ticket, by=ANA)
    core.rate(ticket, score=4, remark=words["remark"], by=SHOP)
    unknown = core.open_ticket(channel="chat", body=f"Ich bin {words['unknown']}", by=SHOP).number
    core.change_requester(unknown, requester=number, by=ANA)
    return Person(number, mail, words, [ticket, unknown], ids)


def all_that_can_be_read(core: TicketCore, people: list[Person]) -> str:
    """Everything that the interface tells a user who may read all, as one text."""
    found: list[Any] = [list(core.read_events(by=AUDIT)), core.queue(by=ANA), core.read_position()]
    for person in people:
        found.append(core.customer_history(person.number, by=AUDIT))
        for ticket in person.tickets:
            found += [core.show_ticket(ticket, by=AUDIT), core.ticket_history(ticket, by=AUDIT)]
            history = core.ticket_history(ticket, by=AUDIT)
            found += [core.show_ticket(ticket, at=entry.recorded_at, by=AUDIT) for entry in history]
        with suppress(NotFound):
            found.append(core.attachment(person.tickets[0], message=2, index=0, by=AUDIT).decode())
    return json.dumps(plain(found), ensure_ascii=False)


def all_that_commands_print(settings: Settings, people: list[Person]) -> str:
    """Everything that the command line prints, messages too, as one text."""
    assert settings.dsn is not None
    environment = {**os.environ, "TICKETCORE_DSN": settings.dsn, "TICKETCORE_KEY_FILE": str(settings.key_file)}
    asked = [["events", "--json"], ["queue", "--json"], ["report", "--json"], ["verify", "--json"], ["status"]]
    for person in people:
        asked.append(["customer", "history", person.number, "--text"])
        asked += [["ticket", "show", ticket, "--json"] for ticket in person.tickets]
    found = ""
    for arguments in asked:
        command = [sys.executable, "-c", "from workers.cli import main; main()", *arguments]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, (arguments, done.stderr)
        found += done.stdout + done.stderr
    return found


def in_text(text: str, *people: Person) -> set[str]:
    return {name for person in people for name, word in person.words.items() if word in text}


def on_disk(server: Postgres, people: list[Person]) -> list[str]:
    checkpoint(server)
    needles = {form: name for person in people for name, word in person.words.items() for form in forms(word)}
    return found_in(server.folder, needles)


def repeated(core: TicketCore, person: Person) -> list[Recorded]:
    """The results of the person's commands, asked for again by their ids."""
    words, (registered, opened, _) = person.words, person.command_ids
    return [
        core.register_customer(name=f"Frau {words['name']}", language="de", by=SHOP, command_id=registered),
        core.open_ticket(
            channel="mail", requester=person.number, subject=f"Betreff {words['subject']}",
            body=f"Guten Tag, {words['body']}", by=SHOP, command_id=opened,
        ),
    ]  # fmt: skip


def errors_about(core: TicketCore, person: Person, other: Person) -> list[TicketCoreError]:
    """What is refused about a person, with their words among what was given."""
    with pytest.raises(CommandReused) as reused:
        core.register_customer(name=person.words["author"], by=SHOP, command_id=person.command_ids[0])
    with pytest.raises(ClaimTaken) as taken:
        core.identify(other.number, kind="mail", value=person.mail, by=SHOP)
    with pytest.raises(TicketCoreError) as bad_text:
        core.comment(person.tickets[0], direction="inbound", body=f"{person.words['body']}\0", by=SHOP)
    return [reused.value, taken.value, bad_text.value]


def test_no_word_is_ever_on_the_disk_and_a_forgotten_persons_can_be_read_nowhere(
    server: Postgres, settings: Settings, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    core = TicketCore.open(settings, migrate=True, make_keys=True)
    warm = TicketCore.open(settings)  # a service that has opened everything before
    zoe, max_ = life_of(core, "de"), life_of(core, "de")
    people = [zoe, max_]
    beacon = unheard_of_words(1)[0]
    with psycopg.connect(str(settings.dsn)) as connection:
        connection.execute("CREATE TABLE beacon (word text)")
        connection.execute("INSERT INTO beacon VALUES (%s)", [beacon])
    everything, redacted = set(zoe.words), {"corrected", "correction", "reason"}
    assert in_text(all_that_can_be_read(core, people), zoe) == everything
    assert in_text(all_that_can_be_read(warm, people), zoe) == everything
    assert core.find_customer("mail", zoe.mail, by=ANA) == zoe.number
    told = "\n".join(map(str, errors_about(core, zoe, max_)))
    assert told.count("\n") >= 2
    assert in_text(told, *people) == set()

    checkpoint(server)
    where = found_in(server.folder, {beacon.encode(): "beacon"})
    for part in ("server.log", "pg_wal", "base"):
        assert any(part in path for path in where), f"the search must be able to find in {part}: {where}"
    assert on_disk(server, people) == []

    core.redact(max_.tickets[0], comment=3, reason="a card's number", by=PRIVACY)
    core.forget(zoe.number, reason="asked to", by=PRIVACY)
    core.close()
    core = TicketCore.open(settings)

    for reader in (core, warm):
        text = all_that_can_be_read(reader, people)
        assert in_text(text, zoe) == set()
        assert in_text(text, max_) == everything - redacted
        with pytest.raises(NotFound, match="no attachment 0 of message 2"):
            reader.attachment(zoe.tickets[0], message=2, index=0, by=AUDIT)
        assert reader.find_customer("mail", zoe.mail, by=ANA) is None
        assert reader.find_customer("mail", max_.mail, by=ANA) == max_.number
        assert in_text(json.dumps(plain(repeated(reader, zoe)), ensure_ascii=False), zoe) == set()
    assert all(result.repeated for result in repeated(core, zoe))
    printed = all_that_commands_print(settings, people)
    assert in_text(printed, zoe) == set()
    assert in_text(printed, max_) >= {"subject", "body", "long body", "note", "remark"}
    assert on_disk(server, people) == []

    core.close()
    warm.close()
    logged = capfd.readouterr()
    assert in_text(caplog.text + logged.out + logged.err, *people) == set()

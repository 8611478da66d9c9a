"""What a real server's files hold of personal words, and of destroyed keys."""

import base64
import json
import random
from pathlib import Path

import psycopg
import pytest

from tests.sealing.builders import OTHER, PERSON, TICKET, commented, ring_of
from tests.support.postgres import Postgres
from ticketcore import Actor, AttachmentContent, FileSource, Role, Settings, TicketCore
from ticketcore.domain.base import Event
from ticketcore.errors import NotFound
from ticketcore.sealing import Sealer
from ticketcore.store.codec import Codec
from ticketcore.store.keys_postgres import PostgresKeyStore

LETTERS = "abcdefghijklmnopqrstuvwxyzäöüßéñ"


def unheard_of_words(count: int) -> list[str]:
    return ["".join(random.choices(LETTERS, k=24)) for _ in range(count)]


def forms(word: str) -> list[bytes]:
    """How a word may lie on a disk: UTF-8, JSON's escapes, UTF-16, hex, base64 at each of the three offsets."""
    plain = word.encode()
    # The outer characters of base64 hold bits of the neighbours, and the first letters' form depends on the offset.
    shifted = [base64.b64encode(b"\0" * offset + plain)[offset + 1 : -4] for offset in range(3)]
    return [plain, json.dumps(word)[1:-1].encode(), word.encode("utf-16-le"), plain.hex().encode(), *shifted]


def found_in(folder: Path, needles: dict[bytes, str]) -> list[str]:
    """Which of *needles* (bytes -> what to call them) lie in which file."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            content = path.read_bytes() if path.is_file() else b""
        except FileNotFoundError:  # the server removed it meanwhile
            continue
        found += [f"{name} in {path.relative_to(folder)}" for needle, name in needles.items() if needle in content]
    return found


def checkpoint(postgres: Postgres) -> None:
    with psycopg.connect(postgres.dsn("postgres", superuser=True), autocommit=True) as connection:
        connection.execute("CHECKPOINT")


@pytest.mark.servers
@pytest.mark.slow
def test_no_file_of_the_server_holds_a_personal_word_and_a_forgotten_persons_are_unreadable(
    postgres: Postgres, keys_dsn: str
) -> None:
    words = {PERSON: unheard_of_words(20), OTHER: unheard_of_words(20)}
    beacon = unheard_of_words(1)[0]
    store = PostgresKeyStore(keys_dsn)
    sealer, codec = Sealer(ring_of("k"), store, Codec()), Codec()
    events: list[Event] = []
    with psycopg.connect(keys_dsn) as connection:
        connection.execute("CREATE TABLE events (topic text, state bytea)")
        for version, (person, word) in enumerate(((p, w) for p in words for w in words[p]), 1):
            event, key = sealer.seal(commented(f"Von {word}", version, author_name=word, message_id=word), person)
            assert key is not None
            store.put_event_keys([key])
            stored = codec.to_stored_event(event)
            connection.execute("INSERT INTO events VALUES (%s, %s)", (stored.topic, stored.state))
            events.append(codec.to_domain_event(stored))
        connection.execute("INSERT INTO events VALUES ('plain', %s)", (beacon.encode(),))
    assert all(getattr(event, "body", None) for event in sealer.open_many(events))

    store.destroy([], [PERSON])
    store.scrub()
    checkpoint(postgres)

    opened = sealer.open_many(events)
    assert [getattr(event, "body", None) for event in opened] == [None] * 20 + [f"Von {word}" for word in words[OTHER]]
    needles = {form: word for person in words for word in words[person] for form in forms(word)}
    data = postgres.folder / "pgdata"
    assert found_in(data, {beacon.encode(): "beacon"}), "the search itself must be able to find"
    assert found_in(data, needles) == []
    store.close()


@pytest.mark.servers
@pytest.mark.slow
def test_no_file_of_the_server_holds_a_word_of_an_attached_file_and_a_forgotten_persons_do_not_open(
    postgres: Postgres, database: str, tmp_path: Path
) -> None:
    words, beacon = unheard_of_words(4), unheard_of_words(1)[0]
    shop, officer = Actor.system("shop"), Actor(role=Role.PRIVACY_OFFICER, id="dpo")
    settings = Settings(dsn=database, key_file=tmp_path / "keys.json", inline=True)
    with TicketCore.open(settings, migrate=True, make_keys=True) as core:
        person, other = (core.register_customer(by=shop).number for _ in range(2))
        contents = [word.encode() * 60_000 for word in words[:2]]  # parts of a mebibyte, and more than one
        files = [
            AttachmentContent(name=f"{words[2]}.txt", content=contents[0]),
            AttachmentContent(name=f"{words[3]}.txt", content=FileSource.of_chunks([contents[1]])),
        ]
        tickets = [
            core.open_ticket(channel="mail", requester=owner, attachments=files, category=beacon, by=shop).number
            for owner in (person, other)
        ]
        core.forget(person, reason="asked to", by=officer)
        with pytest.raises(NotFound):
            core.attachment(tickets[0], message=1, index=0, by=shop)
        assert core.attachment(tickets[1], message=1, index=1, by=shop) == contents[1]
        core.catch_up()
    checkpoint(postgres)
    data = postgres.folder / "pgdata"
    assert found_in(data, {beacon.encode(): "beacon"}), "the search itself must be able to find"
    assert found_in(data, {form: word for word in words for form in forms(word)}) == []


@pytest.mark.parametrize("offset", range(6))
def test_the_search_knows_base64_at_any_offset(offset: int) -> None:
    word = unheard_of_words(1)[0]
    hidden = base64.b64encode(b"x" * offset + word.encode() + b"more")
    assert any(form in hidden for form in forms(word))


@pytest.mark.servers
def test_after_a_scrub_the_tables_files_hold_no_destroyed_key(postgres: Postgres, keys_dsn: str) -> None:
    store = PostgresKeyStore(keys_dsn)
    sealer = Sealer(ring_of("k"), store, Codec())
    keys = [sealer.seal(commented("text", version), PERSON if version < 3 else OTHER)[1] for version in (1, 2, 3, 4)]
    store.put_event_keys([key for key in keys if key])
    wrapped = store.persons([PERSON, OTHER])
    persons = {person: key for person, key in wrapped.items() if key is not None}
    checkpoint(postgres)
    tables = postgres.folder / "pgdata" / "base"
    needles = {key.wrapped: f"key of event {key.originator_version}" for key in keys if key}
    needles |= {persons[PERSON]: "the person's key", persons[OTHER]: "the other's key"}
    everything = {name.split(" in ")[0] for name in found_in(tables, needles)}
    assert everything == set(needles.values())

    store.destroy([(TICKET, 1), (TICKET, 3)], [PERSON])
    assert not store.scrub()  # this role may not ask for a checkpoint
    checkpoint(postgres)

    left = {name.split(" in ")[0] for name in found_in(tables, needles)}
    assert left == {"the other's key", "key of event 2", "key of event 4"}
    store.close()

import json
from base64 import b64decode, b64encode
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.sealing.builders import OTHER, PERSON, TICKET, commented, personal_words, ring_of
from tests.support.strategies import any_event
from ticketcore.domain.base import Event
from ticketcore.domain.ticket_events import Solved
from ticketcore.errors import Forgotten, KeyMissing, SealBroken
from ticketcore.ids import Kind, Number, aggregate_id, number_of
from ticketcore.sealing import Keyring, Sealer
from ticketcore.store.codec import Codec
from ticketcore.store.keys_memory import MemoryKeyStore
from ticketcore.store.port import EventKey, KeyStore

CODEC = Codec()
BOTH_STORES = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(scope="module")
def ring() -> Keyring:
    return ring_of("2026-11")


@pytest.fixture
def sealer(ring: Keyring, store: KeyStore) -> Sealer:
    return Sealer(ring, store, CODEC)


def sealed_and_kept(sealer: Sealer, event: Event, person: UUID = PERSON) -> Event:
    """The event as it comes back from the log, its key stored."""
    closed, key = sealer.seal(event, person)
    if key is not None:
        sealer._store.put_event_keys([key])
    return CODEC.to_domain_event(CODEC.to_stored_event(closed))


@given(any_event())
@BOTH_STORES
def test_what_is_sealed_can_be_opened_and_is_not_readable_in_between(sealer: Sealer, event: Event) -> None:
    stored = sealed_and_kept(sealer, event)
    assert (stored.sealed is None) == (CODEC.personal(event) is None)
    assert sealer.open(stored) == event.model_copy(update={"sealed": stored.sealed})
    state = CODEC.to_stored_event(stored).state
    public = CODEC.to_stored_event(CODEC.with_personal(event, None)).state
    for word in personal_words(event):
        for form in (word.encode(), json.dumps(word)[1:-1].encode(), b64encode(word.encode()).rstrip(b"=")):
            assert len(form) < 5 or form not in state or form in public


@given(st.lists(st.tuples(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")), st.booleans())))
@BOTH_STORES
def test_many_are_sealed_and_opened_at_once(sealer: Sealer, bodies: list[tuple[str, bool]]) -> None:
    events = [commented(body, version) for version, (body, _) in enumerate(bodies, 1)]
    people = [PERSON if first else OTHER for _, first in bodies]
    done = sealer.seal_many(list(zip(events, people, strict=True)))
    sealer._store.put_event_keys([key for _, key in done if key])
    opened = sealer.open_many(event for event, _ in done)
    assert [event.model_copy(update={"sealed": None}) for event in opened] == events


def test_an_event_without_personal_content_needs_no_key(sealer: Sealer) -> None:
    event = commented(None)
    assert sealer.seal(event, PERSON) == (event, None)
    assert sealer._store.persons([PERSON]) == {}
    assert sealer.open(event) == event


def test_equal_texts_have_unequal_ciphertexts_and_long_ones_are_deflated(sealer: Sealer) -> None:
    long = "Mit freundlichen Grüßen\n" * 500
    first, second = (sealed_and_kept(sealer, commented(long, version)) for version in (1, 2))
    assert first.sealed != second.sealed
    assert len(first.sealed or "") < 500
    assert [getattr(event, "body", None) for event in sealer.open_many([first, second])] == [long, long]


def test_a_redacted_event_is_unreadable_and_the_others_are_not(sealer: Sealer) -> None:
    events = [sealed_and_kept(sealer, commented(f"text {version}", version)) for version in (1, 2, 3)]
    sealer.open_many(events)
    sealer._store.destroy([(TICKET, 2)], [])
    assert [getattr(event, "body", None) for event in sealer.open_many(events)] == ["text 1", None, "text 3"]


def test_a_forgotten_person_is_unreadable_at_once_also_where_the_key_was_cached(sealer: Sealer) -> None:
    mine = sealed_and_kept(sealer, commented("mine", 1), PERSON)
    other = sealed_and_kept(sealer, commented("other", 2), OTHER)
    assert [getattr(event, "body", None) for event in sealer.open_many([mine, other])] == ["mine", "other"]
    sealer._store.destroy([], [PERSON])
    assert [getattr(event, "body", None) for event in sealer.open_many([mine, other])] == [None, "other"]
    closed, key = sealer.seal(commented("too late", 3), PERSON)  # the cache for writing does not know yet
    assert key is not None
    with pytest.raises(Forgotten):
        sealer._store.put_event_keys([key])
    assert getattr(sealer.open(closed), "body", None) is None
    sealer.evict(PERSON)
    with pytest.raises(Forgotten, match=f"customer {number_of(PERSON)} was forgotten") as caught:
        sealer.seal(commented("still too late", 3), PERSON)
    assert caught.value.person_id == PERSON


def test_many_writers_of_a_new_person_use_one_key(ring: Keyring, store: KeyStore) -> None:
    def write(version: int) -> Event:
        return sealed_and_kept(Sealer(ring, store, CODEC), commented(f"text {version}", version))

    with ThreadPoolExecutor(8) as pool:
        events = list(pool.map(write, range(1, 33)))
    opened = Sealer(ring, store, CODEC).open_many(events)
    assert [getattr(event, "body", None) for event in opened] == [f"text {version}" for version in range(1, 33)]


@given(st.data())
@BOTH_STORES
def test_no_changed_bit_of_a_sealed_event_goes_unnoticed(sealer: Sealer, data: st.DataObject) -> None:
    event = sealed_and_kept(sealer, commented("x" * data.draw(st.integers(0, 300)), data.draw(st.integers(1, 10**6))))
    content = bytearray(b64decode(event.sealed or ""))
    place = data.draw(st.integers(12, len(content) - 1))  # another nonce is another event's: it has no key
    content[place] ^= 1 << data.draw(st.integers(0, 7))
    changed = event.model_copy(update={"sealed": b64encode(content).decode()})
    with pytest.raises(
        SealBroken, match=f"'ticket.commented' version {event.originator_version} of ticket T-2026-000001"
    ):
        sealer.open(changed)


def moved(key: EventKey, event: Event) -> EventKey:
    return key._replace(originator_id=event.originator_id, originator_version=event.originator_version)


def test_a_ciphertext_moved_to_another_event_is_refused_even_with_its_key(sealer: Sealer) -> None:
    first, key = sealer.seal(commented("mine"), PERSON)
    assert key is not None
    elsewhere = aggregate_id(Number(Kind.TICKET, 2026, 99), "main")
    for target in (commented(None, 5), commented(None, id_=elsewhere)):
        fake = target.model_copy(update={"sealed": first.sealed})
        sealer._store.put_event_keys([moved(key, fake)])
        with pytest.raises(SealBroken, match=r"the key of event .* belongs elsewhere"):
            sealer.open(fake)


def test_a_ciphertext_under_another_type_is_refused(sealer: Sealer) -> None:
    event = sealed_and_kept(sealer, commented("mine"))
    fake = Solved(originator_id=TICKET, originator_version=2, meta=event.meta, sealed=event.sealed)
    with pytest.raises(SealBroken, match=r"cannot open event 'ticket\.solved'"):
        sealer.open(fake)


def test_a_key_given_to_another_person_is_refused(sealer: Sealer) -> None:
    sealer.seal(commented("other"), OTHER)
    event, key = sealer.seal(commented("mine"), PERSON)
    assert key is not None
    sealer._store.put_event_keys([key._replace(person_id=OTHER)])
    with pytest.raises(SealBroken, match="the key of event"):
        sealer.open(event)


@pytest.mark.parametrize("junk", ["", "AAAA", "?", "Ä", "A" * 15])
def test_malformed_sealed_content_is_refused(sealer: Sealer, junk: str) -> None:
    with pytest.raises(SealBroken, match="expected base64 of nonce and ciphertext"):
        sealer.open(commented(None, sealed=junk))


def test_another_ring_opens_nothing_and_says_which_key_is_missing(sealer: Sealer, store: KeyStore) -> None:
    event = sealed_and_kept(sealer, commented("mine"))
    with pytest.raises(KeyMissing, match="'2026-11' is missing"):
        Sealer(ring_of("2027-01"), store, CODEC).open(event)
    with pytest.raises(SealBroken, match="holds another key of that id"):
        Sealer(ring_of("2026-11"), store, CODEC).open(event)


def test_blobs_are_sealed_with_their_events_key_before_the_event_is(sealer: Sealer) -> None:
    contents = [b"", b"short", bytes(range(256)) * 50, "Grüße\n".encode() * 9_000]
    pending = sealer.new_event_key(PERSON)
    blobs = {index: pending.seal_blob(index, content) for index, content in enumerate(contents)}
    assert len(blobs[3]) < 2_000
    first, _ = sealer.seal(commented("beginning", 2), pending)
    event, key = sealer.seal(commented("beginning", 3), pending)  # the command was decided again
    assert key is not None
    assert first.sealed != event.sealed
    sealer._store.put_event_keys([key])
    assert sealer.open_blobs(event, blobs) == dict(enumerate(contents))
    assert getattr(sealer.open(event), "body", None) == "beginning"
    with pytest.raises(SealBroken, match="blob 1 of event"):
        sealer.open_blobs(event, {1: blobs[2]})
    with pytest.raises(SealBroken, match="blob 0 of event"):
        sealer.open_blobs(event, {0: b""})
    another = sealed_and_kept(sealer, commented("another", 4))
    with pytest.raises(SealBroken, match="blob 1 of event"):
        sealer.open_blobs(another, {1: blobs[1]})
    sealer._store.destroy([(TICKET, 3)], [])
    assert sealer.open_blobs(event, {1: blobs[1]}) == {1: None}


def test_an_event_with_nothing_personal_but_a_blob_still_keeps_its_key(sealer: Sealer) -> None:
    pending = sealer.new_event_key(PERSON)
    blob = pending.seal_blob(0, b"scan")
    event, key = sealer.seal(commented(None), pending)
    assert key is not None
    sealer._store.put_event_keys([key])
    assert sealer.open_blobs(event, {0: blob}) == {0: b"scan"}
    assert getattr(sealer.open(event), "body", "?") is None
    assert sealer.open_blobs(commented(None), {0: blob}) == {0: None}


def test_digests_are_keyed_equal_everywhere_and_tell_kinds_apart(ring: Keyring, store: KeyStore) -> None:
    here, there = Sealer(ring, store, CODEC), Sealer(ring, store, CODEC)
    digest = here.identity_digest("mail", "eva@example.org")
    assert digest == there.identity_digest("mail", "eva@example.org")
    assert len(digest) == 32
    assert digest not in (here.identity_digest("login", "eva@example.org"), sha256(b"mail\0eva@example.org").digest())
    assert digest != Sealer(ring, MemoryKeyStore(), CODEC).identity_digest("mail", "eva@example.org")
    assert here.command_digest(b"close") == there.command_digest(b"close")
    assert len(here.command_digest(b"close")) == 16
    assert here.command_digest(b"close") != here.command_digest(b"open")


def test_the_cache_for_writing_stays_within_its_size(ring: Keyring, store: KeyStore) -> None:
    sealer = Sealer(ring, store, CODEC, cache_size=2)
    for counter in range(1, 6):
        person = aggregate_id(Number(Kind.CUSTOMER, 2026, counter), "main")
        sealed_and_kept(sealer, commented("text", counter), person)
    assert len(sealer._persons) == 2

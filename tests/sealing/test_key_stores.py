"""What every key store does; asked of PostgreSQL and of memory."""

import os
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID, uuid4

import pytest

from tests.sealing.builders import OTHER, PERSON, TICKET
from ticketcore.errors import Forgotten, StoreUnavailable
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.port import EventKey, KeyStore, WrappedKey

NONCE = b"n" * 12


def key(version: int = 1, person: UUID = PERSON, nonce: bytes = NONCE, id_: UUID = TICKET) -> EventKey:
    return EventKey(id_, version, nonce, person, b"event-key-%d" % version)


def test_a_person_keeps_the_first_key(store: KeyStore) -> None:
    store.put_persons({PERSON: b"first"}, "k1")
    store.put_persons({PERSON: b"second", OTHER: b"\0\xff"}, "k2")
    assert store.persons([PERSON, OTHER, uuid4()]) == {PERSON: b"first", OTHER: b"\0\xff"}
    assert store.key_ids() == {"k1": 1, "k2": 1}


def test_many_writers_of_one_person_agree_on_its_key(store: KeyStore) -> None:
    people = [uuid4() for _ in range(20)]

    def put(writer: int) -> dict[UUID, bytes | None]:
        order = people if writer % 2 else people[::-1]
        store.put_persons(dict.fromkeys(order, b"%d" % writer), "k")
        return store.persons(people)

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(put, range(16)))
    assert all(one == seen[0] for one in seen)
    assert store.key_ids() == {"k": 20}


def test_event_keys_are_found_with_their_persons(store: KeyStore) -> None:
    store.put_persons({PERSON: b"person"}, "k")
    store.put_event_keys([key(1), key(2), key(2, nonce=b"m" * 12)])
    store.put_event_keys([key(1)])
    asked = [(TICKET, 1, NONCE), (TICKET, 2, b"m" * 12), (TICKET, 3, NONCE), (OTHER, 1, NONCE)]
    assert store.event_keys(asked) == {
        (TICKET, 1, NONCE): WrappedKey(PERSON, b"event-key-1", b"person"),
        (TICKET, 2, b"m" * 12): WrappedKey(PERSON, b"event-key-2", b"person"),
    }
    assert store.event_keys([]) == {}
    store.put_event_keys([])


def test_more_keys_than_one_statement_asks_for_are_found(store: KeyStore) -> None:
    store.put_persons({PERSON: b"person"}, "k")
    store.put_event_keys([key(version) for version in range(1, 12_001)])
    found = store.event_keys([(TICKET, version, NONCE) for version in range(1, 12_002)])
    assert {ref[1] for ref in found} == set(range(1, 12_001))


def test_a_destroyed_event_is_gone_with_all_its_nonces_and_nothing_else_is(store: KeyStore) -> None:
    store.put_persons({PERSON: b"person"}, "k")
    store.put_event_keys([key(1), key(1, nonce=b"m" * 12), key(2)])
    store.destroy([(TICKET, 1)], [])
    store.destroy([(TICKET, 1)], [])
    assert set(store.event_keys([(TICKET, v, n) for v in (1, 2) for n in (NONCE, b"m" * 12)])) == {(TICKET, 2, NONCE)}


def test_a_destroyed_person_leaves_a_tombstone_that_no_key_replaces(store: KeyStore) -> None:
    store.put_persons({PERSON: b"person", OTHER: b"other"}, "k")
    store.put_event_keys([key(1), key(2, OTHER)])
    store.destroy([], [PERSON])
    store.destroy([], [PERSON, PERSON])
    store.put_persons({PERSON: b"again"}, "k")
    assert store.persons([PERSON, OTHER]) == {PERSON: None, OTHER: b"other"}
    assert set(store.event_keys([(TICKET, 1, NONCE), (TICKET, 2, NONCE)])) == {(TICKET, 2, NONCE)}
    assert store.key_ids() == {"k": 1}


def test_a_person_who_is_forgotten_before_the_first_key_gets_none(store: KeyStore) -> None:
    store.destroy([], [PERSON])
    store.put_persons({PERSON: b"late"}, "k")
    assert store.persons([PERSON]) == {PERSON: None}


def test_no_event_key_is_stored_for_a_forgotten_or_unknown_person(store: KeyStore) -> None:
    store.put_persons({PERSON: b"person"}, "k")
    store.destroy([], [PERSON])
    for person in (PERSON, OTHER):
        with pytest.raises(Forgotten, match="register the person anew") as caught:
            store.put_event_keys([key(person=person)])
        assert caught.value.person_id == person
    assert store.event_keys([(TICKET, 1, NONCE)]) == {}


def test_a_secret_is_made_once(store: KeyStore) -> None:
    assert store.secret("identity") is None
    assert store.secret("identity", b"first", "k1") == b"first"
    assert store.secret("identity", b"second", "k2") == b"first"
    assert store.secret("identity") == b"first"
    assert store.key_ids() == {"k1": 1}


def test_rewrapping_goes_in_batches_until_none_is_left(store: KeyStore) -> None:
    people = [uuid4() for _ in range(5)]
    store.put_persons({id_: id_.bytes for id_ in people}, "old")
    store.put_persons({PERSON: b"kept"}, "else")
    store.secret("name", b"secret", "old")
    store.destroy([], people[:1])

    def again(owner: UUID | str, wrapped: bytes) -> tuple[str, bytes]:
        assert wrapped == (owner.bytes if isinstance(owner, UUID) else b"secret")
        return "new", b"new " + wrapped

    assert [store.rewrap("old", again, limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert store.key_ids() == {"new": 5, "else": 1}
    assert store.persons(people) == {people[0]: None} | {id_: b"new " + id_.bytes for id_ in people[1:]}
    assert store.secret("name") == b"new secret"


@pytest.mark.servers
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # that is what is tested
def test_a_forked_child_has_connections_of_its_own(keys_dsn: str) -> None:
    store = PostgresKeyStore(keys_dsn)
    store.put_persons({PERSON: b"person"}, "k")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if store.persons([PERSON]) == {PERSON: b"person"} else 2
            store.close()
        finally:
            os._exit(status)
    _, ended = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(ended) == 0
    assert store.persons([PERSON]) == {PERSON: b"person"}
    store.close()


@pytest.mark.servers
def test_without_migration_the_remedy_is_named(database: str) -> None:
    store = PostgresKeyStore(database)
    with pytest.raises(StoreUnavailable, match="ticketcore db migrate"):
        store.persons([PERSON])
    store.close()


def test_without_a_server_the_store_says_so() -> None:
    store = PostgresKeyStore("host=/nowhere dbname=none", timeout=0.5)
    with pytest.raises(StoreUnavailable, match="cannot reach the data base of the keys"):
        store.persons([PERSON])
    store.close()

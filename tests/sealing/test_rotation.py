import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.sealing.builders import PERSON, commented, ring_of
from ticketcore.domain.base import Event
from ticketcore.errors import KeyMissing
from ticketcore.ids import Kind, Number, aggregate_id
from ticketcore.sealing import Keyring, Sealer, retire, rotate
from ticketcore.store.codec import Codec
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.port import KeyStore

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    return Keyring.create(tmp_path / "keys.json")


def some_people(sealer: Sealer, count: int) -> list[Event]:
    people = [aggregate_id(Number(Kind.CUSTOMER, 2026, counter), "main") for counter in range(1, count + 1)]
    done = sealer.seal_many([(commented(f"text {n}", n), person) for n, person in enumerate(people, 1)])
    sealer._store.put_event_keys([key for _, key in done if key])
    return [event for event, _ in done]


def bodies(sealer: Sealer, events: list[Event]) -> list[str | None]:
    return [getattr(event, "body", None) for event in sealer.open_many(events)]


def test_after_a_rotation_everything_is_readable_and_the_old_key_can_go(ring: Keyring, store: KeyStore) -> None:
    old = ring.active
    sealer = Sealer(ring, store, Codec())
    digest = sealer.identity_digest("mail", "eva@example.org")
    events = some_people(sealer, 25)
    with pytest.raises(KeyMissing, match=r"26 keys are wrapped by it, expected 0 \(run: ticketcore keys rotate\)"):
        retire(ring, store, old)
    told: list[int] = []
    new, count = rotate(ring, store, batch=10, progress=told.append)
    assert (count, told, store.key_ids()) == (26, [10, 20, 26], {new: 26})
    assert ring.ids == tuple(sorted((old, new)))
    retire(ring, store, old)
    assert ring.ids == (new,)
    fresh = Sealer(Keyring.open(ring.path or Path()), store, Codec())
    assert bodies(fresh, events) == [f"text {n}" for n in range(1, 26)]
    assert fresh.identity_digest("mail", "eva@example.org") == digest
    with pytest.raises(KeyMissing, match="26 keys are wrapped by it"):
        retire(ring, store, new)


def test_an_unfinished_rotation_is_finished_and_no_further_key_is_added(ring: Keyring, store: KeyStore) -> None:
    events = some_people(Sealer(ring, store, Codec()), 3)
    new = ring.add()  # as after a kill between the two steps
    assert rotate(ring, store) == (new, 3)
    assert len(ring.ids) == 2
    assert bodies(Sealer(ring, store, Codec()), events) == ["text 1", "text 2", "text 3"]
    newest, _ = rotate(ring, store)
    assert newest != new
    assert len(ring.ids) == 3


def test_a_service_that_runs_meanwhile_reads_and_writes_on(ring: Keyring, store: KeyStore) -> None:
    service = Sealer(ring, store, Codec(), cache_size=0)
    events = some_people(service, 3)
    operator = Keyring.open(ring.path or Path())
    new, _ = rotate(operator, store)
    assert bodies(service, events) == ["text 1", "text 2", "text 3"]
    some_people(service, 5)
    assert store.key_ids() == {new: 5}


def test_a_rotation_needs_all_keys_that_are_in_use(ring: Keyring, store: KeyStore) -> None:
    store.put_persons({PERSON: b"by a lost key"}, "2019")
    with pytest.raises(KeyMissing, match="keys are wrapped by 2019, which the ring lacks"):
        rotate(ring, store)
    assert len(ring.ids) == 1


def test_a_ring_in_a_variable_is_not_rotated(store: KeyStore) -> None:
    with pytest.raises(KeyMissing, match="edit the variable, or use TICKETCORE_KEY_FILE"):
        rotate(ring_of("k"), store)


@pytest.mark.servers
@pytest.mark.parametrize("batch_of_death", [1, 3])
def test_a_rotation_that_was_killed_is_finished_by_the_next(keys_dsn: str, ring: Keyring, batch_of_death: int) -> None:
    store = PostgresKeyStore(keys_dsn)
    old = ring.active
    events = some_people(Sealer(ring, store, Codec()), 100)
    command = [sys.executable, "-m", "tests.sealing.rotate_until_killed", keys_dsn, str(ring.path), "20"]
    killed = subprocess.run([*command, str(batch_of_death)], cwd=REPOSITORY, check=False, timeout=60)
    assert killed.returncode == -signal.SIGKILL
    done = 20 * (batch_of_death - 1)
    new = ring.active
    assert new != old
    assert store.key_ids() == {old: 100 - done} | ({new: done} if done else {})
    expected: list[str | None] = [f"text {n}" for n in range(1, 101)]
    assert bodies(Sealer(ring, store, Codec()), events) == expected
    assert rotate(ring, store, batch=20) == (new, 100 - done)
    retire(ring, store, old)
    assert bodies(Sealer(Keyring.open(ring.path or Path()), store, Codec()), events) == expected
    store.close()

"""What the cache of states forgets by itself."""

from datetime import UTC, datetime
from uuid import UUID

from ticketcore.cache import StateCache
from ticketcore.domain.customer import Customer

ID = UUID(int=1)


def customer(version: int) -> Customer:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Customer(ID, version, now, now)


def test_a_later_incarnation_of_the_log_empties_the_cache() -> None:
    cache = StateCache(10)
    cache.put(customer(3))
    assert cache.get([ID]) == {ID: customer(3)}
    assert cache.get([ID], 1) == {}
    cache.put(customer(2), 1)
    assert cache.get([ID], 1) == {ID: customer(2)}


def test_a_slow_thread_brings_nothing_of_an_earlier_incarnation_back() -> None:
    cache = StateCache(10)
    cache.get([ID], 1)
    cache.put(customer(3), 0)
    assert cache.get([ID], 1) == {}
    cache.put(customer(2), 1)
    assert cache.get([ID], 0) == {}
    assert cache.get([ID], 1) == {ID: customer(2)}

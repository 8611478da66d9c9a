"""What a store of blobs keeps, for every backend."""

from __future__ import annotations

import hashlib
import os
import tracemalloc
from collections.abc import Iterator
from threading import Barrier, Thread

import pytest

from ticketcore.store.blobs import parts_of
from ticketcore.store.port import PART_BYTES, EventLog

SIZES = [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 3_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_a_blob_comes_back_as_it_was(log: EventLog, size: int) -> None:
    content = os.urandom(size)
    digest = log.put_blob(content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert log.put_blob(content) == digest
    assert log.get_blob(digest) == content
    assert b"".join(log.blob_parts(digest)) == content
    assert log.has_blob(digest)


@pytest.mark.parametrize("size", SIZES)
def test_a_blob_stored_in_parts_is_the_same_as_one_stored_whole(log: EventLog, size: int) -> None:
    content = os.urandom(size)
    digest = hashlib.sha256(content).hexdigest()
    log.put_blob_parts(digest, lambda: parts_of(content))
    assert log.get_blob(digest) == content
    assert log.put_blob(content) == digest
    assert [len(part) for part in log.blob_parts(digest)] == [len(part) for part in parts_of(content)]


def test_an_unknown_blob_is_none(log: EventLog) -> None:
    assert log.get_blob("00" * 32) is None
    assert list(log.blob_parts("00" * 32)) == []
    assert not log.has_blob("00" * 32)


def test_parts_that_are_not_what_was_announced_are_refused_and_none_is_kept(log: EventLog) -> None:
    content = os.urandom(2_500_000)
    digest = hashlib.sha256(content).hexdigest()
    with pytest.raises(ValueError, match=f"expected {digest} .its source changed while it was read"):
        log.put_blob_parts(digest, lambda: parts_of(content[:-1] + b"x" if content[-1:] != b"x" else content[:-1]))
    assert not log.has_blob(digest)
    assert log.get_blob(digest) is None


def test_a_source_that_breaks_off_leaves_nothing(log: EventLog) -> None:
    def broken() -> Iterator[bytes]:
        yield bytes(PART_BYTES)
        raise OSError(5, "Input/output error")

    with pytest.raises(OSError, match="Input/output"):
        log.put_blob_parts("11" * 32, broken)
    assert not log.has_blob("11" * 32)
    assert list(log.blob_parts("11" * 32)) == []


def test_what_is_stored_already_is_not_sent_again(log: EventLog) -> None:
    content = os.urandom(2_000_000)
    digest = log.put_blob(content)
    taken = []

    def counted() -> Iterator[bytes]:
        for part in parts_of(content):
            taken.append(len(part))
            yield part

    log.put_blob_parts(digest, counted)
    assert log.get_blob(digest) == content
    assert len(taken) <= 2


def test_many_writers_of_the_same_bytes_store_them_once_and_whole(log: EventLog) -> None:
    content = os.urandom(3_000_000)
    digest = hashlib.sha256(content).hexdigest()
    barrier, errors = Barrier(4), list[Exception]()

    def write() -> None:
        barrier.wait()
        try:
            log.put_blob_parts(digest, lambda: parts_of(content))
        except Exception as error:  # noqa: BLE001 -- shown by the assertion
            errors.append(error)

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert log.get_blob(digest) == content


@pytest.mark.servers
def test_a_large_blob_passes_in_a_few_mebibytes_of_memory(postgres_log: EventLog) -> None:
    part, count = os.urandom(PART_BYTES), 60
    hashed = hashlib.sha256()
    for _ in range(count):
        hashed.update(part)
    digest = hashed.hexdigest()
    tracemalloc.start()
    try:
        postgres_log.put_blob_parts(digest, lambda: (part for _ in range(count)))
        size = sum(len(one) for one in postgres_log.blob_parts(digest))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert size == count * PART_BYTES
    assert peak < 12_000_000

"""A person's same file is the same ciphertext; nobody else's is; nothing can be cut off, moved or changed."""

from __future__ import annotations

import os
from itertools import pairwise

import pytest
from cryptography.exceptions import InvalidTag
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ticketcore.sealing.files import PART, FileCipher

KEY, OTHER = os.urandom(32), os.urandom(32)
DIGEST = os.urandom(32)
CONTENT = os.urandom(3 * PART)
EDGE = PART - 16


def sealed(content: bytes, key: bytes = KEY, digest: bytes = DIGEST) -> list[bytes]:
    return list(FileCipher(key, digest).seal([content]))


@given(st.integers(0, 3 * PART), st.lists(st.integers(0, 3 * PART), max_size=5))
@example(0, [])
@example(EDGE, [])
@example(EDGE - 1, [1])
@example(EDGE + 1, [EDGE])
@example(2 * EDGE, [0, EDGE])
@settings(max_examples=30, deadline=None)
def test_any_content_comes_back_however_it_was_cut_and_its_parts_have_the_stores_size(
    size: int, cuts: list[int]
) -> None:
    content = CONTENT[:size]
    edges = sorted({0, size, *(min(cut, size) for cut in cuts)})
    cipher = FileCipher(KEY, DIGEST)
    parts = list(cipher.seal(content[a:b] for a, b in pairwise(edges)))
    assert parts == sealed(content)
    assert all(len(part) == PART for part in parts[:-1])
    assert 16 <= len(parts[-1]) <= PART
    assert b"".join(cipher.open(parts)) == content


def test_the_same_file_of_a_person_is_the_same_and_of_anybody_else_another() -> None:
    assert sealed(b"scan") == sealed(b"scan")
    assert sealed(b"scan", OTHER) != sealed(b"scan")
    assert sealed(b"scan", digest=os.urandom(32)) != sealed(b"scan")


@pytest.mark.parametrize("change", ["cut", "cut to nothing", "swapped", "changed", "another's", "longer"])
def test_parts_that_are_not_what_was_sealed_do_not_open(change: str) -> None:
    parts = sealed(CONTENT[: 2 * PART + 10])
    changed = {
        "cut": parts[:-1],
        "cut to nothing": [],
        "swapped": [parts[1], parts[0], parts[2]],
        "changed": [parts[0], parts[1][:-1] + bytes((parts[1][-1] ^ 1,)), parts[2]],
        "another's": sealed(CONTENT[: 2 * PART + 10], OTHER),
        "longer": [*parts, parts[-1]],
    }[change]
    with pytest.raises(InvalidTag):
        b"".join(FileCipher(KEY, DIGEST).open(changed))

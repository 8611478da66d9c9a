"""Policies' YAML: nothing is guessed, nothing is run, everything has its place."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ticketcore.policy.errors import BadPolicy
from ticketcore.policy.source import load_policy
from ticketcore.policy.yaml_tree import MAX_BYTES, read_tree


def mistakes(text: str) -> list[str]:
    return [str(mistake) for mistake in read_tree(text).mistakes]


def test_every_scalar_is_text_so_that_yaml_guesses_nothing() -> None:
    text = "a: no\nb: on\nc: 09:00\nd: 1.10\ne: 2026-12-24\nf: 0o17\ng: 1_000\nh: '~'\ni:\nj: null\nk: ~\n"
    assert read_tree(text).data == {
        "a": "no", "b": "on", "c": "09:00", "d": "1.10", "e": "2026-12-24", "f": "0o17", "g": "1_000", "h": "~", "i": None, "j": None,
        "k": None,
    }  # fmt: skip


def test_every_value_and_key_has_its_place() -> None:
    tree = read_tree("a:\n  - b: c\n  - {d: [e,\n    f]}\n")
    assert tree.place(("a", 0, "b")) == (2, 8)
    assert tree.place(("a", 0, "b"), key=True) == (2, 5)
    assert tree.place(("a", 1, "d", 1)) == (4, 5)
    assert tree.place(("a", 1, "nothing", "there")) == (3, 5)


def test_aliases_repeat_what_they_name_and_keep_its_places() -> None:
    tree = read_tree("a: &x {k: v}\nb: *x\n")
    assert tree.data == {"a": {"k": "v"}, "b": {"k": "v"}}
    assert tree.place(("b",)) == (2, 4)
    assert tree.place(("b", "k")) == (1, 11)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1, column 1: the document is empty, expected keys like `name: default` (see docs/policies.md)"),
        ("a: 1\na: 2\n", "line 2, column 1 (a): 'a' stands twice, first in line 1, expected it once (remove one)"),
        ("a:\n\tb: c\n", "line 2, column 1: no YAML: found character '\\t' that cannot start any token, expected valid YAML (indent with spaces)"),
        ("a: !!python/object/apply:os.system [ls]\n", "line 1, column 4 (a): it has the tag '!!python/object/apply:os.system', expected plain values (remove the tag)"),
        ("a: !mine b\n", "line 1, column 4 (a): it has the tag '!mine', expected plain values (remove the tag)"),
        ("? [a, b]\n: c\n", "line 1, column 3: a key is no text, expected `key: value` (quote it, or remove the brackets)"),
        ("a: *x\n", "line 1, column 4 (a): the alias *x is not defined before it, expected an anchor above it (define &x first)"),
        ("a: &x [*x]\n", "line 1, column 8 (a.0): the alias *x stands inside of itself, expected an anchor above it (define &x first)"),
        ("a: b\n---\nc: d\n", "line 2, column 1: a second document begins, expected one document (remove the line ---)"),
        ('a: "b\n', "line 2, column 1: no YAML: found unexpected end of stream, expected valid YAML (quote the text, or correct the indentation)"),
        ("a: b\nc: \x07\n", "line 2, column 4: the character U+0007 is not allowed in YAML, expected printable text (remove it)"),
        ("[" * 60, "line 1, column 42 (0.0.0): it is nested deeper than 40 levels, expected less (flatten it)"),
    ],
)  # fmt: skip
def test_what_is_no_yaml_is_told_with_its_place(text: str, message: str) -> None:
    assert mistakes(text) == [message]


def test_several_mistakes_are_told_at_once() -> None:
    assert len(mistakes("a: !x 1\na: 2\nb: *c\n")) == 3


def test_a_document_that_is_too_long_is_not_read() -> None:
    [message] = mistakes("#" * (MAX_BYTES + 1))
    assert message == "line 1, column 1: the document has 100,001 bytes, expected at most 100,000 (shorten it)"


def test_a_bomb_of_aliases_is_defused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    began = time.process_time()
    assert "more than 20,000 values" in mistakes("\n".join(lines))[0]
    assert time.process_time() - began < 10


@pytest.mark.parametrize("piece", ["[", "{", "- ", "a: &b\n", "a: {", "? ", "!a ", "&a ", "'", '"', "|\n", "%", "*a ", "<<: ", "- - - "])  # fmt: skip
def test_a_repeated_piece_is_read_in_bounded_time(piece: str) -> None:
    began = time.process_time()
    with pytest.raises(BadPolicy):
        load_policy(piece * (MAX_BYTES // len(piece)))
    assert time.process_time() - began < 10


_PIECES = st.sampled_from([
    "name: a\n", "sla:\n", "- rule: x\n", "  ", "when: {}\n", "{", "}", "[", "]", ", ", ": ", "\n", "- ", "&a ", "*a ", "!t ", "'", '"', "|\n",
    "#", "\t", "teams: {a: {}}\n", "default_team: a\n", "classification:\n", "field: subject\n", "matches: (\n", "x", "é", "\u2028", "0s",
    "routing: [{rule: r, when: {field: text, contains: a}, team: a}]\n", "~", "---\n", "...\n", "<<", "%YAML 1.1\n", "\ud800", "\0",
])  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(), st.lists(_PIECES).map("".join)))
@example("\ufeffname: a")
@example("name: a\n? b")
def test_any_text_is_a_policy_or_a_bad_one(text: str) -> None:
    found: BadPolicy | None = None
    try:
        load_policy(text)
    except BadPolicy as error:
        found = error
    if found is not None:
        assert found.mistakes
        assert all(mistake.line >= 1 and mistake.column >= 1 for mistake in found.mistakes)

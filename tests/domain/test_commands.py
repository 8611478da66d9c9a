"""What makes a command, and what is told to who gives a wrong value."""

from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.given import C1, T1, T2
from ticketcore.domain import customer_commands as ccmd
from ticketcore.domain import ticket_commands as cmd
from ticketcore.domain.base import EVENT_CLASSES
from ticketcore.domain.commands import AttachmentContent, Command, build, normalise
from ticketcore.domain.context import EXCERPT_BYTES, excerpt
from ticketcore.domain.decide import DECIDERS
from ticketcore.domain.priority import ITIL, priority_of
from ticketcore.domain.types import IdentityKind, Level, Priority
from ticketcore.errors import InvalidCommand

NAIVE = datetime(2026, 3, 2, 9, 0)  # noqa: DTZ001 -- on purpose


@pytest.mark.parametrize(
    ("cls", "values", "message"),
    [
        (
            cmd.ApplySla,
            {"ticket_id": T1, "target": "resolution", "policy": "p", "due_at": NAIVE},
            (
                "cannot apply a service level to a ticket: due_at is datetime.datetime(2026, 3, 2, 9, 0), expected a time"
                " with its zone (say the zone, for example 2026-11-22T09:00:00+01:00)"
            ),
        ),
        (
            cmd.Comment,
            {"ticket_id": T1, "direction": "inbound", "body": "My card is\x001234"},
            (
                "cannot comment on a ticket: body is text of 15 characters with a NUL at index 10, expected text without"
                " NUL (remove it)"
            ),
        ),
        (
            cmd.OpenTicket,
            {"channel": "mail", "subject": "a\ud800b"},
            (
                "cannot open a ticket: subject is text of 3 characters with a lone surrogate at index 1, expected Unicode"
                " text (decode it with errors='replace')"
            ),
        ),
        (
            cmd.OpenTicket,
            {"channel": "fax"},
            (
                "cannot open a ticket: channel is 'fax', expected one of 'mail', 'form', 'chat', 'phone', 'letter',"
                " 'social', 'api' or 'internal' (choose one of these)"
            ),
        ),
        (
            cmd.Rate,
            {"ticket_id": T1, "score": 0},
            "cannot rate a ticket: score is 0, expected at least 1 (choose a number in the range)",
        ),
        (
            cmd.Rate,
            {"ticket_id": T1, "score": "5"},
            "cannot rate a ticket: score is '5', expected a whole number (give an int)",
        ),
        (
            cmd.LogTime,
            {"ticket_id": T1, "seconds": 31_536_001, "agent_id": "ana"},
            "cannot log time on a ticket: seconds is 31536001, expected at most 31536000 (choose a number in the range)",
        ),
        (
            cmd.Assign,
            {"ticket_id": T1, "agent_id": ""},
            "cannot assign a ticket: agent_id is '', expected at least 1 character(s) (give a name, or None for none)",
        ),
        (
            cmd.Assign,
            {"ticket_id": T1},
            (
                "cannot assign a ticket: agent_id is None, expected a team, an agent or both (name one, or unassign the"
                " ticket)"
            ),
        ),
        (
            cmd.Prioritise,
            {"ticket_id": T1, "impact": "high"},
            (
                "cannot prioritise a ticket: priority is None, expected a priority, or both impact and urgency (give one or"
                " the other)"
            ),
        ),
        (
            cmd.Solve,
            {"ticket_id": C1},
            (
                f"cannot solve a ticket: ticket_id is {C1!r}, expected a ticket's id (make it from the ticket's number by"
                " aggregate_id)"
            ),
        ),
        (cmd.Solve, {}, "cannot solve a ticket: ticket_id is missing, expected a value (give it)"),
        (
            cmd.Solve,
            {"ticket_id": T1, "reason": "done"},
            "cannot solve a ticket: reason is 'done', expected no such field (the fields are ticket_id, resolution)",
        ),
        (
            cmd.CorrectComment,
            {"ticket_id": T1, "comment": 1, "body": " "},
            (
                "cannot correct a comment of a ticket: body is a value of 1 characters, expected a text (write the corrected"
                " text, or redact the comment)"
            ),
        ),
        (
            cmd.Comment,
            {"ticket_id": T1, "direction": "inbound", "attachments": ({"name": "a", "content": "text"},)},
            (
                "cannot comment on a ticket: attachments.0.content is a value of 4 characters, expected bytes (read the file"
                " in binary mode)"
            ),
        ),
        (
            ccmd.Identify,
            {"customer_id": C1, "kind": "mail", "value": "kim at home"},
            (
                "cannot identify a customer: value is a value of 11 characters, expected a mail address such as"
                " name@example.org (correct it)"
            ),
        ),
    ],
)
def test_a_wrong_value_is_told_with_what_was_expected(cls: type[Command], values: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidCommand) as refusal:
        build(cls, **values)
    assert str(refusal.value) == message
    assert refusal.value.exit_code == 2


@given(st.text(min_size=6).map(lambda text: f"{text}\0"))
def test_an_error_never_repeats_personal_text(text: str) -> None:
    with pytest.raises(InvalidCommand) as refusal:
        build(cmd.Comment, ticket_id=T1, direction="inbound", body=text)
    assert repr(text)[1:-5] not in str(refusal.value)


def all_commands() -> list[type[Command]]:
    return list(DECIDERS)


@pytest.mark.parametrize("cls", all_commands())
def test_every_command_says_what_it_is_and_conflicts_with_known_events(cls: type[Command]) -> None:
    assert cls.NAME
    assert cls.NOUN in {"a ticket", "a customer", "a message", "a policy", "an agent"}
    assert cls.__doc__
    assert cls.conflicts_with <= set(EVENT_CLASSES)


@pytest.mark.parametrize("topic", ["ticket.commented", "ticket.assigned", "ticket.time_logged", "ticket.classified"])
@pytest.mark.parametrize("cls", [cmd.Comment, cmd.LogTime, cmd.AddParticipant, cmd.Redact])
def test_commands_that_commute_never_fail_each_other(cls: type[Command], topic: str) -> None:
    assert topic not in cls.conflicts_with


def test_a_comment_and_an_assignment_commute_and_two_assignments_do_not() -> None:
    assert "ticket.commented" not in cmd.Assign.conflicts_with
    assert "ticket.assigned" in cmd.Assign.conflicts_with


def test_equal_commands_have_equal_bytes_and_others_have_not() -> None:
    file = AttachmentContent(name="a.bin", content=b"\xff\x00")
    one = build(cmd.Comment, ticket_id=T1, direction="outbound", body="Hi", attachments=(file,))
    same = build(cmd.Comment, ticket_id=str(T1), direction="outbound", body="Hi", attachments=(file,))
    assert one.canonical() == same.canonical()
    others = [
        one.model_copy(update={"body": "Hello"}),
        one.model_copy(update={"attachments": (file.model_copy(update={"content": b"\xff"}),)}),
        cmd.Link(ticket_id=T1, other_id=T2),
        cmd.Unlink(ticket_id=T1, other_id=T2),
    ]
    assert len({command.canonical() for command in [one, *others]}) == 5


def test_a_command_needs_ids_of_its_own_kind_only() -> None:
    with pytest.raises(InvalidCommand, match="expected a customer's id"):
        build(cmd.ChangeRequester, ticket_id=T1, requester_id=UUID(int=7))


@given(st.text(), st.integers(0, 50))
def test_an_excerpt_is_a_beginning_within_its_bytes(text: str, limit: int) -> None:
    short = excerpt(text, limit)
    assert text.startswith(short)
    assert len(short.encode()) <= limit
    rest = text[len(short) :]
    assert not rest or len((short + rest[0]).encode()) > limit, "one character more would not fit"


def test_an_excerpt_of_a_long_text_ends_between_characters() -> None:
    assert excerpt("\N{GRINNING FACE}" * 10_000) == "\N{GRINNING FACE}" * (EXCERPT_BYTES // 4)


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (IdentityKind.MAIL, " Kim.Doe@Example.ORG ", "kim.doe@example.org"),
        (IdentityKind.MAIL, "mu\u0308ller@example.org", "m\u00fcller@example.org"),
        (IdentityKind.PHONE, "0049 30/123-456", "+4930123456"),
        (IdentityKind.PHONE, "+49 (0)30 123456", "+4930123456"),
        (IdentityKind.PHONE, "(030) 123 456", "030123456"),
        (IdentityKind.CHAT, "  @Kim ", "@Kim"),
    ],
)
def test_an_identity_has_one_spelling(kind: IdentityKind, value: str, expected: str) -> None:
    assert normalise(kind, value) == expected


@given(st.sampled_from(IdentityKind), st.one_of(st.text(), st.from_regex(r"[+0 ()\d-]{1,20}"), st.emails()))
def test_normalising_twice_changes_nothing(kind: IdentityKind, value: str) -> None:
    try:
        once = normalise(kind, value)
    except ValueError:
        return
    assert normalise(kind, once) == once


@pytest.mark.parametrize(
    ("kind", "value"), [(IdentityKind.MAIL, "@x"), (IdentityKind.PHONE, "none"), (IdentityKind.LOGIN, "  ")]
)
def test_what_identifies_nobody_is_refused(kind: IdentityKind, value: str) -> None:
    with pytest.raises(InvalidCommand, match="cannot identify a customer: value is a value of"):
        build(ccmd.Identify, customer_id=C1, kind=kind, value=value)


def test_the_matrix_is_whole_and_never_falls_as_impact_or_urgency_rise() -> None:
    levels, order = list(Level), list(Priority)
    assert set(ITIL) == {(impact, urgency) for impact in Level for urgency in Level}
    for impact in Level:
        ranks = [order.index(priority_of(impact, urgency)) for urgency in levels]
        assert ranks == sorted(ranks)
        assert [priority_of(level, impact) for level in levels] == [priority_of(impact, level) for level in levels]
    assert priority_of(Level.HIGH, Level.HIGH) is Priority.CRITICAL
    assert priority_of(Level.LOW, Level.LOW) is Priority.LOW

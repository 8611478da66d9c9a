"""The table of docs/intake.md, row by row, and what no message whatever can bring about."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.given import C1, C2, LOG, T1, T2
from ticketcore.domain.message_events import Automatic, Outcome, Verdict
from ticketcore.domain.types import Assurance, Channel, Status
from ticketcore.ids import Kind, Number, aggregate_id
from ticketcore.intake.engine import Known, decide
from ticketcore.intake.facts import Bounced, Facts, Pointer, Relation, TicketFacts, Way
from ticketcore.intake.message import Authentication
from ticketcore.intake.rules import Rules

PAGE = (Path(__file__).parents[2] / "docs" / "intake.md").read_text("utf-8")
NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
M1 = aggregate_id(Number(Kind.MESSAGE, 2026, 1), LOG)
MAIL = Known(Channel.MAIL, Automatic.ORDINARY)
OPEN, SOLVED = TicketFacts(id=T1, status=Status.OPEN), TicketFacts(id=T1, status=Status.SOLVED)
CLOSED = TicketFacts(id=T1, status=Status.CLOSED, closed_at=NOW - timedelta(days=3))


def facts(*pointers: Pointer, tickets: tuple[TicketFacts, ...] = (OPEN,), **more: Any) -> Facts:
    return Facts(**{"received_at": NOW, "reachable": True, "slot": 1, "pointers": pointers, "tickets": tickets, **more})


def names(way: Way, named: UUID = T1, stands: UUID | None = T1, **more: Any) -> Pointer:
    return Pointer(way=way, named=named, stands=stands, **more)


def related(relation: Relation, status: Status = Status.OPEN) -> tuple[TicketFacts, ...]:
    return (TicketFacts(id=T1, status=status, relation=relation),)


class Case(NamedTuple):
    """A message of a row; ``rejected``: why it did not get to what it named."""

    facts: Facts
    automatic: Automatic = Automatic.ORDINARY
    rules: Rules = Rules()
    ticket: UUID | None = T1
    rejected: tuple[str, ...] = ()
    acknowledge: bool = False
    evidence: tuple[str, ...] = ()


SIGNED, NUMBER, KNOWN = names(Way.SIGNED_REFERENCE), names(Way.NUMBER), names(Way.KNOWN_MESSAGE, message=M1)
REQUESTER = related(Relation.REQUESTER)
CASES: dict[str, Case] = {
    "loop": Case(facts(SIGNED, own=True)),
    "duplicate": Case(facts(duplicate_of=M1, duplicate_ticket=T1), evidence=("same_id",)),
    "bounce": Case(facts(about=Bounced(ticket=T1, comment=3)), Automatic.BOUNCE, evidence=("our_message",)),
    "receipt": Case(facts(about=Bounced(ticket=T1)), Automatic.RECEIPT, evidence=("our_message",)),
    "auto-reply": Case(facts(SIGNED), Automatic.AUTO_REPLY),
    "auto-reply-decided": Case(facts(), Automatic.AUTO_REPLY, Rules(auto_replies="decided"), ticket=None),
    "signed-link": Case(facts(names(Way.SIGNED_LINK)), evidence=("signed_link",)),
    "signed-reference": Case(facts(SIGNED, names(Way.SIGNED_REFERENCE, T2, T2)), evidence=("signed_reference",)),
    "reply-address": Case(facts(names(Way.REPLY_ADDRESS)), evidence=("reply_address",)),
    "body-marker": Case(facts(names(Way.BODY_MARKER)), evidence=("body_marker",)),
    "merged": Case(facts(names(Way.SIGNED_REFERENCE, T2, T1)), evidence=("signed_reference", "merged_into")),
    "solved": Case(facts(SIGNED, tickets=(SOLVED,)), evidence=("signed_reference",)),
    "closed": Case(facts(SIGNED, tickets=(CLOSED,)), acknowledge=True, evidence=("signed_reference", "closed")),
    "closed-lately": Case(facts(SIGNED, tickets=(CLOSED,)), rules=Rules(reopen_days=3), evidence=("signed_reference",)),
    "closed-in-window": Case(facts(SIGNED, tickets=(CLOSED,), reopen_days=3.0), evidence=("signed_reference",)),
    "closed-after-window": Case(
        facts(SIGNED, tickets=(CLOSED,), reopen_days=2.9), rules=Rules(reopen_days=30), acknowledge=True,
        evidence=("signed_reference", "closed"),
    ),
    "known-message": Case(facts(KNOWN, tickets=REQUESTER), evidence=("known_message", "requester")),
    "addressed": Case(
        facts(names(Way.KNOWN_MESSAGE, message=M1, addressed=True)), evidence=("known_message", "was_addressed")
    ),
    "number": Case(facts(NUMBER, tickets=related(Relation.PARTICIPANT)), evidence=("number", "participant")),
    "organisation": Case(facts(NUMBER, tickets=related(Relation.ORGANISATION)), evidence=("number", "organisation")),
    "stranger": Case(facts(KNOWN, NUMBER), ticket=None, rejected=("stranger", "stranger"), acknowledge=True),
    "not-sure": Case(
        facts(NUMBER, tickets=REQUESTER), rules=Rules(number_needs=Assurance.VERIFIED), ticket=None,
        rejected=("not_sure_enough",), acknowledge=True,
    ),
    "failed": Case(
        facts(NUMBER, KNOWN, tickets=REQUESTER, authentication=Authentication.FAILED), ticket=None,
        rejected=("authentication_failed",) * 2, evidence=("authentication_failed",),
    ),
    "unknown-ticket": Case(
        facts(names(Way.NUMBER, stands=None)), ticket=None, rejected=("unknown_ticket",), acknowledge=True
    ),
    "ambiguous": Case(facts(NUMBER, tickets=REQUESTER, customers=(C1, C2)), ticket=None, evidence=("candidates",)),
    "flood": Case(facts(slot=None), ticket=None, evidence=("places_taken",)),
    "no-limit": Case(facts(slot=None), rules=Rules(new_tickets_per_window=0), ticket=None, acknowledge=True),
    "list": Case(facts(), Automatic.LIST, ticket=None),
    "new": Case(facts(customers=(C1,)), ticket=None, acknowledge=True, evidence=("sender",)),
}  # fmt: skip


def table() -> Mapping[str, tuple[str, str, str]]:
    """The rows of the page: name -> outcome, reason and rule."""
    rows = re.findall(r"^\| ([a-z-]+) \| [^|]+ \| (\w+) \| (\w*) ?\| (\w+) \|$", PAGE, re.MULTILINE)
    return {name: (outcome, reason, rule) for name, outcome, reason, rule in rows if name != "row"}


def test_every_row_has_a_case_and_every_case_a_row_in_the_same_order() -> None:
    assert list(table()) == list(CASES)


@pytest.mark.parametrize("row", CASES)
def test_the_page_says_what_is_decided(row: str) -> None:
    case = CASES[row]
    verdict = decide(Known(Channel.MAIL, case.automatic), case.facts, case.rules)
    assert (verdict.outcome.value, verdict.reason or "", verdict.rule) == table()[row]
    assert verdict.ticket_id == case.ticket
    assert tuple(candidate.why for candidate in verdict.rejected) == case.rejected
    assert verdict.acknowledge == case.acknowledge
    assert tuple(evidence.what for evidence in verdict.evidence) == case.evidence


@pytest.mark.parametrize("row", CASES)
def test_a_decision_can_be_made_again_from_what_is_kept_of_it(row: str) -> None:
    case = CASES[row]
    message = Known(Channel.MAIL, case.automatic)
    verdict = decide(message, case.facts, case.rules)
    kept = Verdict.model_validate_json(verdict.model_dump_json())
    assert decide(message, Facts.model_validate(kept.facts), case.rules) == verdict


def test_every_row_of_the_rules_stands_on_the_page_with_its_default(tmp_path: Path) -> None:
    [toml] = re.findall(r"^```toml\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    (tmp_path / "rules.toml").write_text(toml, "utf-8")
    assert Rules.load(tmp_path / "rules.toml") == Rules()
    assert re.findall(r"^(\w+) =", toml, re.MULTILINE) == list(Rules.model_fields)


# What no message can bring about

ids = st.sampled_from([T1, T2])
pointers = st.builds(
    Pointer, way=st.sampled_from(Way), named=ids, stands=st.one_of(st.none(), ids), message=st.sampled_from([None, M1]),
    addressed=st.booleans(),
)  # fmt: skip
tickets = st.builds(
    TicketFacts, id=ids, status=st.sampled_from([status for status in Status if status is not Status.MERGED]),
    closed_at=st.one_of(st.none(), st.just(NOW)), relation=st.sampled_from([None, *Relation]),
)  # fmt: skip
any_facts = st.builds(
    Facts, received_at=st.just(NOW), customers=st.lists(st.sampled_from([C1, C2]), unique=True, max_size=2).map(tuple),
    assurance=st.sampled_from(Assurance), authentication=st.sampled_from(Authentication), reachable=st.booleans(),
    own=st.booleans(), duplicate_of=st.sampled_from([None, M1]), forged=st.booleans(),
    pointers=st.lists(pointers, max_size=4).map(tuple), tickets=st.lists(tickets, max_size=2).map(tuple),
    about=st.sampled_from([None, Bounced(ticket=T1)]), slot=st.one_of(st.none(), st.integers(1, 20)),
)  # fmt: skip
known = st.builds(Known, st.sampled_from(Channel), st.sampled_from(Automatic))
rules = st.builds(
    Rules, new_tickets_per_window=st.sampled_from([0, 20]), reopen_days=st.sampled_from([0, 30]),
    auto_replies=st.sampled_from(["ignored", "decided"]), organisation_belongs=st.booleans(),
    addressed_belongs=st.booleans(), number_needs=st.sampled_from(Assurance),
)  # fmt: skip


@given(known, any_facts, rules)
def test_a_decision_is_always_made_and_says_what_it_rests_on(message: Known, facts: Facts, rules: Rules) -> None:
    verdict = decide(message, facts, rules)
    assert verdict.rule
    assert verdict.rules_version == rules.version
    assert Facts.model_validate(verdict.facts) == facts
    assert (verdict.reason is not None) or verdict.outcome not in (Outcome.IGNORED, Outcome.HELD)
    assert verdict.ticket_id is not None or verdict.outcome not in (Outcome.COMMENT, Outcome.FOLLOW_UP)
    assert decide(message, facts, rules) == verdict


@given(known, any_facts, rules)
def test_a_stranger_gets_into_no_ticket(message: Known, facts: Facts, rules: Rules) -> None:
    unsigned = tuple(
        pointer.model_copy(update={"addressed": False}) for pointer in facts.pointers if not pointer.way.is_signed
    )
    strangers = tuple(ticket.model_copy(update={"relation": None}) for ticket in facts.tickets)
    forged = facts.model_copy(update={"pointers": unsigned, "tickets": strangers, "about": None})
    verdict = decide(message, forged, rules)
    assert verdict.outcome not in (Outcome.COMMENT, Outcome.FOLLOW_UP)
    if verdict.outcome is Outcome.NEW:
        assert [candidate.ticket_id for candidate in verdict.rejected] == [pointer.named for pointer in unsigned]


@given(known, any_facts, rules)
def test_whose_address_is_known_to_be_forged_belongs_nowhere(message: Known, facts: Facts, rules: Rules) -> None:
    unsigned = tuple(pointer for pointer in facts.pointers if not pointer.way.is_signed)
    failed = facts.model_copy(update={"pointers": unsigned, "authentication": Authentication.FAILED})
    verdict = decide(message, failed, rules)
    assert verdict.outcome not in (Outcome.COMMENT, Outcome.FOLLOW_UP)
    assert not verdict.acknowledge


@given(known, any_facts, rules)
def test_a_machine_is_never_acknowledged_and_neither_is_what_opens_no_ticket(
    message: Known, facts: Facts, rules: Rules
) -> None:
    verdict = decide(message, facts, rules)
    if verdict.acknowledge:
        assert message.automatic is Automatic.ORDINARY
        assert verdict.outcome in (Outcome.NEW, Outcome.FOLLOW_UP)


@given(known, any_facts, rules)
def test_without_a_free_place_nothing_is_opened(message: Known, facts: Facts, rules: Rules) -> None:
    limited = rules.model_copy(update={"new_tickets_per_window": 1})
    verdict = decide(message, facts.model_copy(update={"slot": None}), limited)
    assert verdict.outcome not in (Outcome.NEW, Outcome.FOLLOW_UP)


@given(known, any_facts, rules, st.randoms())
def test_the_order_of_what_is_known_of_tickets_and_customers_decides_nothing(
    message: Known, facts: Facts, rules: Rules, random: Any
) -> None:
    once = {ticket.id: ticket for ticket in facts.tickets}
    facts = facts.model_copy(update={"tickets": tuple(once.values())})
    shuffled = facts.model_copy(
        update={
            "tickets": tuple(random.sample(facts.tickets, len(facts.tickets))),
            "customers": tuple(random.sample(facts.customers, len(facts.customers))),
        }
    )
    first, second = decide(message, facts, rules), decide(message, shuffled, rules)
    assert (first.outcome, first.reason, first.rule, first.ticket_id) == (
        second.outcome, second.reason, second.rule, second.ticket_id,
    )  # fmt: skip
    assert first.rejected == second.rejected

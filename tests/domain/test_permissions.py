import pytest

from tests.domain.given import ANA, C1, C2, KIM, T1, given, opened, participant_added
from ticketcore.domain import ticket_commands as cmd
from ticketcore.domain.agent_commands import SetPresence
from ticketcore.domain.commands import build
from ticketcore.domain.decide import DECIDERS, facts_of
from ticketcore.domain.types import Actor, Assurance, Channel, Direction, Label, Level, Priority, Role
from ticketcore.errors import NotAllowed
from ticketcore.ids import agent_stream_id
from ticketcore.permissions import GRANTS, READS, WRITES, Action, Facts, check, is_allowed

EVERY_FACT = Facts(own=True, inbound=True, policy=True)


def actor(role: Role, assurance: Assurance | None = Assurance.LOGGED_IN) -> Actor:
    return Actor(role=role, id="somebody", assurance=assurance)


def test_every_role_has_its_row_and_every_action_is_granted_to_somebody() -> None:
    assert set(GRANTS) == set(Role)
    assert set().union(*GRANTS.values()) == set(Action)


def test_every_command_asks_for_a_permission_of_its_own() -> None:
    assert sorted(command.ACTION for command in DECIDERS) == sorted(WRITES)


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("role", Role)
def test_what_is_not_granted_is_denied_whatever_the_facts(role: Role, action: Action) -> None:
    assert is_allowed(actor(role), action, EVERY_FACT) == (action in GRANTS[role])


def test_an_auditor_reads_everything_and_writes_nothing() -> None:
    may = {action for action in Action if is_allowed(actor(Role.AUDITOR), action)}
    assert may == READS | {Action.VERIFY}


def test_an_analyst_sees_reports_only() -> None:
    assert {a for a in Action if is_allowed(actor(Role.ANALYST), a, EVERY_FACT)} == {Action.REPORT}


def test_an_operator_sees_no_content() -> None:
    may = {action for action in Action if is_allowed(actor(Role.OPERATOR), action, EVERY_FACT)}
    delivery = {Action.RETRY_DELIVERY, Action.DROP_DELIVERY}
    work = {Action.ADOPT_POLICY, Action.DESCRIBE_AGENT, Action.SET_PRESENCE, Action.SHOW_POLICIES, Action.SHOW_AGENTS}
    assert may == {Action.REBUILD, Action.VERIFY, Action.IMPORT, Action.MANAGE_KEYS} | delivery | work


def test_an_agent_says_of_themself_alone_whether_they_are_there() -> None:
    world = given()
    own, other = (
        facts_of(
            build(SetPresence, agent=agent_stream_id(name, "main"), agent_id=name, present=True), world.states, (), ANA
        )
        for name in ("ana", "bob")
    )
    check(ANA, Action.SET_PRESENCE, own)
    with pytest.raises(
        NotAllowed, match="set the presence of agent 'bob': expected the agent themself, or one of the roles team_lead"
    ):
        check(ANA, Action.SET_PRESENCE, other)
    check(Actor(role=Role.TEAM_LEAD, id="lea"), Action.SET_PRESENCE, other)


@pytest.mark.parametrize("action", [Action.ADOPT_POLICY, Action.DESCRIBE_AGENT])
def test_who_leads_decides_by_which_rules_and_with_whom_work_is_done(action: Action) -> None:
    may = {role for role in Role if is_allowed(actor(role), action, EVERY_FACT)}
    assert may == {Role.TEAM_LEAD, Role.OPERATOR, Role.SYSTEM}


@pytest.mark.parametrize("action", [Action.FOLLOW_POLICY, Action.PAUSE_SLA, Action.MEASURE, Action.NOTIFY])
def test_only_policies_and_programs_follow_a_policy(action: Action) -> None:
    assert {role for role in Role if is_allowed(actor(role), action, EVERY_FACT)} == {Role.POLICY, Role.SYSTEM}


@pytest.mark.parametrize("action", [Action.ATTEMPT_DELIVERY, Action.CONFIRM_DELIVERY, Action.FAIL_DELIVERY])
def test_only_a_program_says_what_became_of_a_mail(action: Action) -> None:
    assert [role for role in Role if is_allowed(actor(role), action, EVERY_FACT)] == [Role.SYSTEM]


@pytest.mark.parametrize("action", [Action.FORGET, Action.REDACT])
def test_only_a_privacy_officer_destroys_keys(action: Action) -> None:
    assert [role for role in Role if is_allowed(actor(role), action, EVERY_FACT)] == [Role.PRIVACY_OFFICER]


def test_a_refusal_names_the_roles_that_may() -> None:
    with pytest.raises(NotAllowed) as refusal:
        check(actor(Role.ANALYST), Action.REDACT, Facts(which="ticket T-2026-000042-6"))
    assert str(refusal.value) == (
        "analyst somebody may not redact a comment of ticket T-2026-000042-6: expected one of the roles privacy_officer"
        " (ask somebody entitled)"
    )


@pytest.mark.parametrize("action", [Action.SHOW_TICKET, Action.RATE, Action.REOPEN, Action.CUSTOMER_HISTORY])
@pytest.mark.parametrize("assurance", [None, *Assurance])
def test_a_customer_must_be_verified_to_read_rate_or_reopen(action: Action, assurance: Assurance | None) -> None:
    allowed = is_allowed(actor(Role.CUSTOMER, assurance), action, EVERY_FACT)
    assert allowed == (assurance not in (None, Assurance.UNVERIFIED))


@pytest.mark.parametrize("action", [Action.OPEN_TICKET, Action.COMMENT, Action.OPEN_FOLLOW_UP])
def test_an_unverified_customer_may_open_and_comment(action: Action) -> None:
    check(actor(Role.CUSTOMER, Assurance.UNVERIFIED), action, EVERY_FACT)


@pytest.mark.parametrize("action", sorted(GRANTS[Role.CUSTOMER]))
def test_a_customer_sees_nothing_of_others(action: Action) -> None:
    with pytest.raises(NotAllowed, match="expected the customer's own ticket or record"):
        check(KIM, action, EVERY_FACT._replace(own=False))


def test_a_customer_writes_no_notes_and_no_answers() -> None:
    with pytest.raises(NotAllowed, match="an inbound message of the customer's own"):
        check(KIM, Action.COMMENT, Facts(own=True, inbound=False))


@pytest.mark.parametrize("role", [Role.TEAM_LEAD, Role.AUDITOR])
def test_figures_per_agent_need_a_policy_or_an_auditor(role: Role) -> None:
    assert is_allowed(actor(role), Action.AGENT_REPORT, Facts(policy=True))
    assert is_allowed(actor(role), Action.AGENT_REPORT) == (role is Role.AUDITOR)


def test_a_ticket_is_own_to_its_requester_and_participants_only() -> None:
    states = given(opened(requester_id=C1)).states
    rate = build(cmd.Rate, ticket_id=T1, score=5)
    assert facts_of(rate, states, {C1}).own
    assert facts_of(rate, states, {C2, C1}).own, "an identity merged with the requester's"
    assert not facts_of(rate, states, {C2}).own
    with_c2 = given(opened(requester_id=C1), participant_added(customer_id=C2)).states
    assert facts_of(rate, with_c2, {C2}).own
    assert not facts_of(rate, states).own
    assert not facts_of(rate, given(opened(requester_id=None)).states, {C1}).own
    assert facts_of(rate, states).which == "ticket T-2026-000001-5"


def test_nobody_writes_in_anothers_name() -> None:
    states = given(opened(requester_id=C1)).states
    comment = build(cmd.Comment, ticket_id=T1, direction=Direction.INBOUND, author_id=C2, body="Hello")
    assert not facts_of(comment, states, {C1}).own
    inquiry = build(cmd.OpenTicket, channel=Channel.MAIL, requester_id=C2, body="Hello")
    assert not facts_of(inquiry, {}, {C1}).own
    assert facts_of(inquiry, {}, {C2}).own


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("team_id", "sales"), ("priority", Priority.HIGH), ("urgency", Level.HIGH), ("category", "vip"),
        ("subcategory", "gold"), ("tags", ("vip",)), ("external", "X1"),
    ],
)  # fmt: skip
def test_a_customer_opens_a_ticket_without_deciding_for_staff(field: str, value: Label) -> None:
    plain = build(cmd.OpenTicket, channel=Channel.FORM, requester_id=C1, body="Hello")
    check(KIM, plain.ACTION, facts_of(plain, {}, {C1}))
    command = plain.model_copy(update={field: value})
    check(ANA, command.ACTION, facts_of(command, {}))
    with pytest.raises(NotAllowed, match="no team, agent, category, tag, priority, impact, urgency or outside number"):
        check(KIM, command.ACTION, facts_of(command, {}, {C1}))

"""Whatever is asked for, in whatever order: what holds of tickets and customers always."""

from datetime import timedelta
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from tests.domain.given import ANA, C1, C2, C3, KIM, START, T1, T2, T3, World, fold, given, opened, registered
from ticketcore.domain import customer_commands as ccmd
from ticketcore.domain import service_commands as scmd
from ticketcore.domain import ticket_commands as cmd
from ticketcore.domain.base import EVENT_CLASSES
from ticketcore.domain.commands import Command, build
from ticketcore.domain.customer import Customer
from ticketcore.domain.service_events import PolicyDecision, Section
from ticketcore.domain.ticket import Ticket
from ticketcore.domain.transitions import TRANSITIONS, is_regular
from ticketcore.domain.types import Actor, Assurance, Direction, IdentityKind, Level, LinkKind, Priority, SlaTarget
from ticketcore.errors import Forgotten, InvalidCommand, NotFound, WrongState

tickets = st.sampled_from([T1, T2, T3])
customers = st.sampled_from([C1, C2, C3])
labels = st.sampled_from(["ana", "bob", "desk"])
maybe = st.one_of(st.none(), labels)
texts = st.one_of(st.none(), st.sampled_from(["", "Hello", "It still fails."]))
versions = st.integers(1, 12)
actors = st.sampled_from([ANA, KIM, Actor.system("gateway")])
Asked = st.SearchStrategy[tuple[Any, Any]]
minutes = st.integers(-300, 300).map(lambda n: timedelta(minutes=n))

instants = st.integers(0, 3).map(lambda n: START + timedelta(hours=n))
seconds = st.floats(0, 1e6)
steps = st.sampled_from(["label printed", "device wiped"])
decisions = st.builds(PolicyDecision, section=st.sampled_from(Section), rule=labels, outcome=st.just({"team": "desk"}))
by_policy: Asked = st.one_of(
    st.tuples(
        st.just(scmd.PauseSla),
        st.fixed_dictionaries({"target": st.sampled_from(SlaTarget), "at": instants, "elapsed_seconds": seconds}),
    ),
    st.tuples(
        st.just(scmd.ResumeSla),
        st.fixed_dictionaries({"target": st.sampled_from(SlaTarget), "at": instants, "due_at": instants}),
    ),
    st.tuples(
        st.just(scmd.WarnSla),
        st.fixed_dictionaries({"target": st.sampled_from(SlaTarget), "warned_at": instants, "due_at": instants}),
    ),
    st.tuples(
        st.just(scmd.WithdrawSla),
        st.fixed_dictionaries({"target": st.sampled_from(SlaTarget), "at": instants, "reason": labels}),
    ),
    st.tuples(
        st.just(scmd.Measure),
        st.fixed_dictionaries(
            {"policy": labels, "calendar": labels, "requester_wait_seconds": seconds, "agent_wait_seconds": seconds}
        ),
    ),
    st.tuples(st.just(scmd.Notify), st.just({"to": ("team:leads",), "about": "due soon", "rule": "escalate"})),
    st.tuples(
        st.just(scmd.AddChecklist),
        st.fixed_dictionaries(
            {"checklist": labels, "steps": st.lists(steps, min_size=1, unique=True), "required": st.booleans()}
        ),
    ),
    st.tuples(
        st.sampled_from([scmd.TickStep, scmd.UntickStep]), st.fixed_dictionaries({"checklist": labels, "step": steps})
    ),
    st.tuples(st.sampled_from([cmd.Solve, cmd.Close, cmd.Resume]), st.just({})),
)
one_ticket: Asked = st.one_of(
    st.tuples(
        st.sampled_from([cmd.Pend, cmd.Hold, cmd.Resume, cmd.Solve, cmd.Close, cmd.Reopen, cmd.Unmerge, cmd.Unassign]),
        st.just({}),
    ),
    st.tuples(st.sampled_from([cmd.Pend, cmd.Hold, cmd.Reopen]), st.fixed_dictionaries({"reason": maybe})),
    st.tuples(st.just(cmd.Assign), st.fixed_dictionaries({"agent_id": maybe, "team_id": maybe})),
    st.tuples(st.just(cmd.Classify), st.fixed_dictionaries({"category": maybe, "tags": st.lists(labels)})),
    st.tuples(
        st.just(cmd.Prioritise),
        st.fixed_dictionaries(
            {
                "impact": st.sampled_from(Level),
                "urgency": st.sampled_from(Level),
                "priority": st.one_of(st.none(), st.sampled_from(Priority)),
            }
        ),
    ),
    st.tuples(st.just(cmd.Comment), st.fixed_dictionaries({"direction": st.sampled_from(Direction), "body": texts})),
    st.tuples(st.just(cmd.CorrectComment), st.fixed_dictionaries({"comment": versions, "body": st.just("Corrected")})),
    st.tuples(st.just(cmd.Redact), st.fixed_dictionaries({"comment": versions, "reason": labels})),
    st.tuples(st.just(cmd.SplitOff), st.fixed_dictionaries({"comments": st.lists(versions, max_size=2)})),
    st.tuples(st.just(cmd.OpenFollowUp), st.just({"channel": "mail"})),
    st.tuples(
        st.sampled_from([cmd.AddParticipant, cmd.RemoveParticipant]), st.fixed_dictionaries({"customer_id": customers})
    ),
    st.tuples(st.just(cmd.ChangeRequester), st.fixed_dictionaries({"requester_id": customers})),
    st.tuples(st.just(cmd.Rate), st.fixed_dictionaries({"score": st.integers(1, 5)})),
    st.tuples(st.just(cmd.LogTime), st.just({"seconds": 60, "agent_id": "ana"})),
    st.tuples(st.just(cmd.ApplySla), st.fixed_dictionaries({"target": st.sampled_from(SlaTarget), "policy": labels})),
    st.tuples(
        st.one_of(st.just(cmd.FulfilSla), st.just(cmd.BreachSla)),
        st.fixed_dictionaries({"target": st.sampled_from(SlaTarget)}),
    ),
    by_policy,
    st.tuples(
        st.just(scmd.FollowPolicy),
        st.fixed_dictionaries(
            {
                "policy": labels,
                "decisions": st.lists(decisions, max_size=2),
                "commands": st.lists(by_policy, max_size=3),
            }
        ),
    ),
)
two_tickets: Asked = st.one_of(
    st.tuples(st.just(cmd.Merge), st.fixed_dictionaries({"target_id": tickets})),
    st.tuples(
        st.sampled_from([cmd.Link, cmd.Unlink]),
        st.fixed_dictionaries({"other_id": tickets, "kind": st.sampled_from(LinkKind)}),
    ),
)
one_customer: Asked = st.one_of(
    st.tuples(
        st.just(ccmd.Identify),
        st.fixed_dictionaries(
            {
                "kind": st.sampled_from([IdentityKind.CHAT, IdentityKind.IP]),
                "value": labels,
                "assurance": st.sampled_from(Assurance),
            }
        ),
    ),
    st.tuples(st.just(ccmd.RemoveIdentity), st.fixed_dictionaries({"identity": versions})),
    st.tuples(st.just(ccmd.MoveToOrganisation), st.fixed_dictionaries({"organisation_id": maybe})),
    st.tuples(st.just(ccmd.MergeCustomers), st.fixed_dictionaries({"target_id": customers})),
    st.tuples(st.just(ccmd.UnmergeCustomers), st.just({})),
)
NO_REPEAT = (
    *(
        scmd.FollowPolicy,
        scmd.Notify,
        cmd.Comment,
        cmd.CorrectComment,
        cmd.LogTime,
        cmd.SplitOff,
        cmd.OpenFollowUp,
        ccmd.Identify,
    ),  # adds each time
    *(cmd.Unmerge, ccmd.UnmergeCustomers),  # a second one is refused: nothing tells it from one that never made sense
)


class AnySequence(RuleBasedStateMachine):
    """Commands to three tickets and three customers, refused ones among them."""

    world: World

    @initialize()
    def begin(self) -> None:
        self.world = given(*(registered(c) for c in (C1, C2, C3)), *(opened(t) for t in (T1, T2, T3)))

    @rule(id_=tickets, asked=one_ticket, by=actors, shift=minutes)
    def do_to_a_ticket(self, id_: Any, asked: Any, by: Actor, shift: timedelta) -> None:
        values = dict(asked[1])
        if "commands" in values:
            values["commands"] = tuple(build(cls, ticket_id=id_, **more) for cls, more in values["commands"])
        self.ask(asked[0], by, shift, ticket_id=id_, **values)

    @rule(id_=tickets, asked=two_tickets, shift=minutes)
    def relate_tickets(self, id_: Any, asked: Any, shift: timedelta) -> None:
        self.ask(asked[0], ANA, shift, ticket_id=id_, **asked[1])

    @rule(id_=customers, asked=one_customer, shift=minutes)
    def do_to_a_customer(self, id_: Any, asked: Any, shift: timedelta) -> None:
        self.ask(asked[0], ANA, shift, customer_id=id_, **asked[1])

    @rule(id_=customers)
    def forget(self, id_: Any) -> None:
        self.ask(ccmd.Forget, ANA, timedelta(0), customer_id=id_, reason="asked")

    def ask(self, cls: type[Command], by: Actor, shift: timedelta, **values: Any) -> None:
        before = self.world
        context = {"occurred_at": max(START, before.now + shift)}
        refused = None
        try:
            decision = before.when(cls, by=by, context=context, **values)
        except (WrongState, NotFound, InvalidCommand, Forgotten) as refusal:
            refused = str(refusal)
        if refused is not None:
            assert refused.endswith(")"), "every refusal ends with its remedy"
            return
        at = before.states
        for event in decision.events:
            state = before.states.get(event.originator_id)
            if isinstance(state, Ticket) and event.originator_version == state.version + 1:
                assert event.TOPIC == "ticket.opened" or is_regular(event.TOPIC, state.status)
        self.world = before.after(*decision.events)
        if not decision.events:
            assert decision == type(decision)()
            assert self.world.states == at
        elif not issubclass(cls, NO_REPEAT):
            again = self.world.when(cls, by=by, context=context, **values)
            assert again.events == (), "repeating a command that was recorded changes nothing"

    @invariant()
    def versions_are_contiguous_and_times_never_go_back(self) -> None:
        for id_, state in self.world.states.items():
            own = [event for event in self.world.events if event.originator_id == id_]
            times = [event.meta.occurred_at for event in own]
            assert [event.originator_version for event in own] == list(range(1, len(own) + 1))
            assert times == sorted(times)
            assert all(e.meta.occurred_raw is None or e.meta.occurred_raw < e.meta.occurred_at for e in own)
            assert state is not None
            assert (state.version, state.last_at) == (len(own), times[-1])

    @invariant()
    def merges_form_trees_and_both_ends_know_them(self) -> None:
        states = self.world.states
        for id_, state in states.items():
            assert isinstance(state, Ticket | Customer)
            seen, at = {id_}, state.merged_into
            if at is not None:
                target = states[at]
                assert isinstance(target, Ticket | Customer)
                assert id_ in target.absorbed
            while at is not None:
                assert at not in seen, "merges form a cycle"
                seen.add(at)
                following = states[at]
                assert isinstance(following, Ticket | Customer)
                at = following.merged_into
            for source in state.absorbed:
                known = states[source]
                assert isinstance(known, Ticket | Customer)
                assert known.merged_into == id_

    @invariant()
    def links_stand_on_both_sides(self) -> None:
        for id_ in (T1, T2, T3):
            for other, kind, inverse in self.world.ticket(id_).links:
                assert (id_, kind, not inverse) in self.world.ticket(other).links

    @invariant()
    def who_is_forgotten_has_no_identities_and_takes_the_merged_along(self) -> None:
        for state in self.world.states.values():
            if isinstance(state, Customer) and state.forgotten:
                assert state.identities == ()
                assert all(self.world.customer(id_).forgotten for id_ in state.absorbed)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        stored = [(type(event).TOPIC, event.model_dump_json()) for event in self.world.events]
        loaded = [EVENT_CLASSES[topic].model_validate_json(text) for topic, text in stored]
        for id_, state in self.world.states.items():
            assert fold(loaded, id_) == state
        assert {topic for topic, _ in stored if topic.startswith("ticket.")} <= {*TRANSITIONS, "ticket.opened"}


AnySequence.TestCase.settings = settings(stateful_step_count=60, deadline=None)
TestAnySequence = AnySequence.TestCase

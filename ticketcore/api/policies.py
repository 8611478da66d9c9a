"""Policies and agents: adopting, describing, who is there; and what policies and people do to checklists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from ticketcore.api.base import Api, Name
from ticketcore.api.given import Asking, asked
from ticketcore.domain import agent_commands, policy_commands
from ticketcore.domain import service_commands as cmd
from ticketcore.domain.agent import Agent
from ticketcore.domain.commands import is_blank
from ticketcore.domain.decide_policy import AGENT
from ticketcore.domain.policies import Adoption, Policies
from ticketcore.execution import Options, Recorded
from ticketcore.ids import policy_id
from ticketcore.intake.templating import Templates
from ticketcore.permissions import Action, Facts, check

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from ticketcore.domain.service_events import PolicyDecision
    from ticketcore.domain.ticket_commands import TicketCommand
    from ticketcore.domain.types import Actor

__all__ = ["PolicyCommands"]


class PolicyCommands(Api):
    """One method per command to the policies, to agents and to checklists, and what is asked of them."""

    def adopt_policy(
        self,
        document: str,
        *,
        by: Actor,
        effective_at: datetime | None = None,
        note: str | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Put a policy document in force from *effective_at* on, from now on where it is not given.

        Adopting what is in force then already records nothing.

        Raises:
            BadPolicy: the document can't be taken, or names a template of mails that there is none of; with every
                mistake, by line and column.
            InvalidCommand: *effective_at* is past, and the log is not empty.
        """
        from ticketcore.policy.source import check_policy  # takes 80 ms, and most processes adopt none

        given: object = document
        if isinstance(given, str) and not is_blank(given):
            check_policy(given, templates=Templates(self._settings.mail_templates).names("notices"))
        return self._do(
            policy_commands.AdoptPolicy, by, options, policies=policy_id(self._log.name), document=document,
            effective_at=effective_at, note=note,
        )  # fmt: skip

    def policies(self, *, by: Actor) -> Sequence[Adoption]:
        """Return all documents that were adopted, in order; none before the first."""
        asked(Asking, by=by)
        check(by, Action.SHOW_POLICIES, Facts("the policies"))
        id_ = policy_id(self._log.name)
        state = self._executor.load((id_,))[id_]
        return state.adopted if isinstance(state, Policies) else ()

    def describe_agent(
        self,
        agent_id: str,
        *,
        by: Actor,
        teams: Sequence[str] = (),
        skills: Sequence[str] = (),
        languages: Sequence[str] = (),
        capacity: int | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Say what an agent can do; each is the whole new value. *capacity*: most tickets at once, ``None`` for no limit.

        Raises:
            WrongState: another agent's id has the same digest: give one of them another id.
        """
        return self._do(
            agent_commands.DescribeAgent, by, options, agent=self._agent(agent_id), agent_id=agent_id, teams=teams,
            skills=skills, languages=languages, capacity=capacity,
        )  # fmt: skip

    def set_presence(
        self,
        agent_id: str,
        *,
        by: Actor,
        present: bool,
        until: datetime | None = None,
        reason: str | None = None,
        **options: Unpack[Options],
    ) -> Recorded:
        """Say that an agent is there, or is not. *until*: when an absent one is back by itself; *reason*: in a word.

        An agent says it of themself alone; team leads, operators and programs say it of everybody.
        """
        return self._do(
            agent_commands.SetPresence, by, options, agent=self._agent(agent_id), agent_id=agent_id, present=present,
            until=until, reason=reason,
        )  # fmt: skip

    def agents(self, *, by: Actor) -> Sequence[Agent]:
        """Return all agents that were described or said to be there or not, by id."""
        asked(Asking, by=by)
        check(by, Action.SHOW_AGENTS, Facts("the agents"))
        states = self._executor.load(self._log.owners(AGENT).values()).values()
        return sorted((state for state in states if isinstance(state, Agent)), key=lambda agent: agent.agent_id)

    def add_checklist(
        self,
        ticket: Name,
        *,
        by: Actor,
        checklist: str,
        steps: Sequence[str],
        required: bool = False,
        **options: Unpack[Options],
    ) -> Recorded:
        """Give the ticket a checklist, or other steps to one it has; ticks of steps that stay are kept.

        *required*: people can't solve the ticket while a step is not ticked.
        """
        values = {"checklist": checklist, "steps": steps, "required": required}
        return self._do(cmd.AddChecklist, by, options, ticket_id=self._ticket(ticket), **values)

    def tick_step(self, ticket: Name, *, by: Actor, checklist: str, step: str, **options: Unpack[Options]) -> Recorded:
        """Say that a step of a checklist is done.

        Raises:
            NotFound: the ticket has no such checklist, or that no such step; the message names those there are.
        """
        return self._do(cmd.TickStep, by, options, ticket_id=self._ticket(ticket), checklist=checklist, step=step)

    def untick_step(
        self, ticket: Name, *, by: Actor, checklist: str, step: str, **options: Unpack[Options]
    ) -> Recorded:
        """Say that a step of a checklist is to be done again. Raises as :meth:`tick_step`."""
        return self._do(cmd.UntickStep, by, options, ticket_id=self._ticket(ticket), checklist=checklist, step=step)

    def follow_policy(
        self,
        ticket: Name,
        *,
        by: Actor,
        policy: str,
        decisions: Sequence[PolicyDecision] = (),
        commands: Sequence[TicketCommand] = (),
        **options: Unpack[Options],
    ) -> Recorded:
        """Record what a policy's rules decided about the ticket, and carry it out: all of *commands* or nothing.

        *policy*: name and version of the policy in force (``name/3``). *decisions* are recorded first, as one event where
        there are any. *commands* are to this ticket alone, each decided on what the one before it left.

        Raises:
            NotAllowed: *by* may not do one of the commands.
            Conflict: anything was recorded of the ticket meanwhile.
        """
        return self._do(
            cmd.FollowPolicy, by, options, ticket_id=self._ticket(ticket), policy=policy, decisions=decisions,
            commands=commands,
        )  # fmt: skip

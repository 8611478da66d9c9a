"""Who may do what, asked in one place for every command and every query; what is not granted here is denied."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from ticketcore.domain.types import Actor, Assurance, Role
from ticketcore.errors import NotAllowed

__all__ = ["GRANTS", "READS", "WRITES", "Action", "Facts", "check", "is_allowed"]


class Action(StrEnum):
    """Everything that can be asked for: commands, then queries, then the operator's work."""

    OPEN_TICKET = "open_ticket"
    CLASSIFY = "classify"
    PRIORITISE = "prioritise"
    ASSIGN = "assign"
    UNASSIGN = "unassign"
    COMMENT = "comment"
    CORRECT_COMMENT = "correct_comment"
    ADD_PARTICIPANT = "add_participant"
    REMOVE_PARTICIPANT = "remove_participant"
    CHANGE_REQUESTER = "change_requester"
    PEND = "pend"
    HOLD = "hold"
    RESUME = "resume"
    SOLVE = "solve"
    CLOSE = "close"
    REOPEN = "reopen"
    MERGE = "merge"
    UNMERGE = "unmerge"
    SPLIT_OFF = "split_off"
    LINK = "link"
    UNLINK = "unlink"
    OPEN_FOLLOW_UP = "open_follow_up"
    RATE = "rate"
    APPLY_SLA = "apply_sla"
    FULFIL_SLA = "fulfil_sla"
    BREACH_SLA = "breach_sla"
    PAUSE_SLA = "pause_sla"
    RESUME_SLA = "resume_sla"
    WARN_SLA = "warn_sla"
    WITHDRAW_SLA = "withdraw_sla"
    MEASURE = "measure"
    NOTIFY = "notify"
    ADD_CHECKLIST = "add_checklist"
    TICK_STEP = "tick_step"
    UNTICK_STEP = "untick_step"
    FOLLOW_POLICY = "follow_policy"
    LOG_TIME = "log_time"
    REDACT = "redact"
    ATTEMPT_DELIVERY = "attempt_delivery"
    CONFIRM_DELIVERY = "confirm_delivery"
    FAIL_DELIVERY = "fail_delivery"
    RETRY_DELIVERY = "retry_delivery"
    DROP_DELIVERY = "drop_delivery"
    RECORD_BOUNCE = "record_bounce"
    REGISTER_CUSTOMER = "register_customer"
    IDENTIFY = "identify"
    REMOVE_IDENTITY = "remove_identity"
    DESCRIBE_CUSTOMER = "describe_customer"
    ADD_DOMAIN = "add_domain"
    REMOVE_DOMAIN = "remove_domain"
    MOVE_TO_ORGANISATION = "move_to_organisation"
    MERGE_CUSTOMERS = "merge_customers"
    UNMERGE_CUSTOMERS = "unmerge_customers"
    FORGET = "forget"
    RECEIVE_MESSAGE = "receive_message"
    DECIDE_MESSAGE = "decide_message"
    FILE_MESSAGE = "file_message"
    ADOPT_POLICY = "adopt_policy"
    DESCRIBE_AGENT = "describe_agent"
    SET_PRESENCE = "set_presence"

    SHOW_TICKET = "show_ticket"
    TICKET_HISTORY = "ticket_history"
    READ_EVENTS = "read_events"
    QUEUE = "queue"
    CUSTOMER_HISTORY = "customer_history"
    SHOW_CUSTOMER = "show_customer"
    FIND_CUSTOMER = "find_customer"
    SHOW_MESSAGE = "show_message"
    SHOW_POLICIES = "show_policies"
    SHOW_AGENTS = "show_agents"
    REPORT = "report"
    AGENT_REPORT = "agent_report"

    REBUILD = "rebuild"
    VERIFY = "verify"
    IMPORT = "import"
    MANAGE_KEYS = "manage_keys"


class Facts(NamedTuple):
    """What a permission depends on beside the role.

    Attributes:
        which: what the action is done to, for the message (``ticket T-2026-000042-6``, ``the queue``).
        own: the customer is the ticket's requester or participant (merged identities count), or the record is theirs; or the
            agent sets their own presence.
        inbound: of opening and commenting, whether it is written as the customer's own message.
        staff_fields: the command sets what staff decide (team, agent, category, tags, priority, an outside number).
        policy: an adopted policy allows the purpose; asked for figures per agent.
    """

    which: str = "this"
    own: bool = False
    inbound: bool = False
    staff_fields: bool = False
    policy: bool = False


_NO_FACTS = Facts()
_A = Action
READS = frozenset({
    _A.SHOW_TICKET, _A.TICKET_HISTORY, _A.READ_EVENTS, _A.QUEUE, _A.CUSTOMER_HISTORY, _A.SHOW_CUSTOMER, _A.FIND_CUSTOMER, _A.SHOW_MESSAGE,
    _A.SHOW_POLICIES, _A.SHOW_AGENTS, _A.REPORT, _A.AGENT_REPORT,
})  # fmt: skip
_OPERATION = frozenset({_A.REBUILD, _A.VERIFY, _A.IMPORT, _A.MANAGE_KEYS})
WRITES = frozenset(Action) - READS - _OPERATION
_BY_POLICY = frozenset({
    _A.APPLY_SLA, _A.FULFIL_SLA, _A.BREACH_SLA, _A.PAUSE_SLA, _A.RESUME_SLA, _A.WARN_SLA, _A.WITHDRAW_SLA, _A.MEASURE, _A.NOTIFY,
    _A.FOLLOW_POLICY,
})  # fmt: skip
_LEADING = frozenset({_A.ADOPT_POLICY, _A.DESCRIBE_AGENT})
_PRIVACY = frozenset({_A.FORGET, _A.REDACT})
_SENDING = frozenset({_A.ATTEMPT_DELIVERY, _A.CONFIRM_DELIVERY, _A.FAIL_DELIVERY, _A.RECORD_BOUNCE})
_INTAKE = frozenset({_A.RECEIVE_MESSAGE, _A.FILE_MESSAGE})
_UNVERIFIED = frozenset({_A.OPEN_TICKET, _A.OPEN_FOLLOW_UP, _A.COMMENT})
_CUSTOMER = _UNVERIFIED | {_A.RATE, _A.REOPEN, _A.SHOW_TICKET, _A.CUSTOMER_HISTORY, _A.SHOW_CUSTOMER}
_STAFF = (WRITES - _BY_POLICY - _LEADING - _PRIVACY - _SENDING - _INTAKE - {_A.RATE}) | (
    READS - {_A.READ_EVENTS, _A.AGENT_REPORT}
)

GRANTS: dict[Role, frozenset[Action]] = {
    Role.CUSTOMER: _CUSTOMER,
    Role.AGENT: _STAFF,
    Role.TEAM_LEAD: _STAFF | _LEADING | {_A.AGENT_REPORT},
    Role.AUDITOR: READS | {_A.VERIFY},
    Role.ANALYST: frozenset({_A.REPORT}),
    Role.PRIVACY_OFFICER: _PRIVACY | (READS - {_A.AGENT_REPORT}),
    Role.OPERATOR: _OPERATION | _LEADING | {
        _A.RETRY_DELIVERY, _A.DROP_DELIVERY, _A.SET_PRESENCE, _A.SHOW_POLICIES, _A.SHOW_AGENTS,
    },
    Role.POLICY: frozenset({
        _A.CLASSIFY, _A.PRIORITISE, _A.ASSIGN, _A.UNASSIGN, _A.COMMENT, _A.PEND, _A.HOLD, _A.RESUME, _A.SOLVE, _A.CLOSE,
        _A.REOPEN, _A.LINK, _A.OPEN_FOLLOW_UP, _A.ADD_CHECKLIST, _A.TICK_STEP, _A.UNTICK_STEP, _A.SHOW_TICKET, _A.QUEUE, _A.SHOW_POLICIES,
        _A.SHOW_AGENTS,
    }) | _BY_POLICY,
    Role.SYSTEM: (WRITES - _PRIVACY) | (READS - {_A.AGENT_REPORT}) | {_A.IMPORT},
}  # fmt: skip
"""Role -> what it may ask for at all; :func:`check` narrows it by the facts."""

_ROLES: dict[Action, tuple[Role, ...]] = {
    action: tuple(role for role in Role if action in GRANTS.get(role, frozenset())) for action in Action
}


_PHRASES: dict[Action, str] = {
    _A.OPEN_TICKET: "open",
    _A.COMMENT: "comment on",
    _A.CORRECT_COMMENT: "correct a comment of",
    _A.ADD_PARTICIPANT: "add a participant to",
    _A.REMOVE_PARTICIPANT: "remove a participant from",
    _A.CHANGE_REQUESTER: "change the requester of",
    _A.SPLIT_OFF: "split off from",
    _A.OPEN_FOLLOW_UP: "open a follow-up of",
    _A.APPLY_SLA: "apply a service level to",
    _A.FULFIL_SLA: "fulfil a service level of",
    _A.BREACH_SLA: "breach a service level of",
    _A.PAUSE_SLA: "pause a service level of",
    _A.RESUME_SLA: "resume a service level of",
    _A.WARN_SLA: "warn of a service level of",
    _A.WITHDRAW_SLA: "withdraw a service level of",
    _A.NOTIFY: "notify staff about",
    _A.ADD_CHECKLIST: "add a checklist to",
    _A.TICK_STEP: "tick a step of",
    _A.UNTICK_STEP: "untick a step of",
    _A.FOLLOW_POLICY: "follow a policy on",
    _A.ADOPT_POLICY: "adopt",
    _A.DESCRIBE_AGENT: "describe",
    _A.SET_PRESENCE: "set the presence of",
    _A.SHOW_POLICIES: "see",
    _A.SHOW_AGENTS: "see",
    _A.LOG_TIME: "log time on",
    _A.REDACT: "redact a comment of",
    _A.ATTEMPT_DELIVERY: "attempt the delivery of a comment of",
    _A.CONFIRM_DELIVERY: "confirm the delivery of a comment of",
    _A.FAIL_DELIVERY: "record the failed delivery of a comment of",
    _A.RETRY_DELIVERY: "retry the delivery of a comment of",
    _A.DROP_DELIVERY: "drop the delivery of a comment of",
    _A.RECORD_BOUNCE: "record a bounce of",
    _A.REGISTER_CUSTOMER: "register",
    _A.REMOVE_IDENTITY: "remove an identity of",
    _A.DESCRIBE_CUSTOMER: "describe",
    _A.ADD_DOMAIN: "add a mail domain to",
    _A.REMOVE_DOMAIN: "remove a mail domain of",
    _A.SHOW_CUSTOMER: "show",
    _A.MOVE_TO_ORGANISATION: "move",
    _A.MERGE_CUSTOMERS: "merge",
    _A.UNMERGE_CUSTOMERS: "unmerge",
    _A.SHOW_TICKET: "show",
    _A.TICKET_HISTORY: "see the history of",
    _A.READ_EVENTS: "read events of",
    _A.QUEUE: "see",
    _A.CUSTOMER_HISTORY: "see the history of",
    _A.FIND_CUSTOMER: "look for",
    _A.RECEIVE_MESSAGE: "receive",
    _A.DECIDE_MESSAGE: "decide on",
    _A.FILE_MESSAGE: "file",
    _A.SHOW_MESSAGE: "see",
    _A.REPORT: "see",
    _A.AGENT_REPORT: "see figures per agent in",
    _A.MANAGE_KEYS: "manage",
}
"""What a message says of an action before it says what it is done to; others are said as they are named."""


def check(actor: Actor, action: Action, facts: Facts | None = None) -> None:
    """Return where *actor* may do *action*.

    Raises:
        NotAllowed: the role, the assurance or the facts do not permit it; the message names the roles that may.
    """
    facts = facts or _NO_FACTS
    expected = _missing(actor, action, facts)
    if expected is not None:
        raise NotAllowed(_describe(actor), _PHRASES.get(action, action.value), facts.which, expected)


def is_allowed(actor: Actor, action: Action, facts: Facts | None = None) -> bool:
    """Return whether :func:`check` would pass."""
    return _missing(actor, action, facts or _NO_FACTS) is None


def _missing(actor: Actor, action: Action, facts: Facts) -> str | None:
    if action not in GRANTS.get(actor.role, frozenset()):
        return f"one of the roles {_roles(action)}"
    if actor.role is Role.CUSTOMER:
        return _customer_misses(actor, action, facts)
    if action is Action.SET_PRESENCE and actor.role is Role.AGENT and not facts.own:
        return f"the agent themself, or one of the roles {_roles(action).replace('agent, ', '', 1)}"
    if action is Action.AGENT_REPORT and actor.role is not Role.AUDITOR and not facts.policy:
        return "an adopted policy that allows figures per agent, or the role auditor"
    return None


def _roles(action: Action) -> str:
    return ", ".join(role.value for role in _ROLES[action]) or "nobody"


def _customer_misses(actor: Actor, action: Action, facts: Facts) -> str | None:
    if not facts.own:
        roles = _roles(action).replace("customer, ", "")
        return f"the customer's own ticket or record, or one of the roles {roles}"
    if action in _UNVERIFIED:
        if not facts.inbound:
            return "an inbound message of the customer's own"
        if facts.staff_fields:
            return "no team, agent, category, tag, priority, impact, urgency or outside number: staff decide these"
        return None
    if actor.assurance in (None, Assurance.UNVERIFIED):
        return "an assurance of at least 'verified'"
    return None


def _describe(actor: Actor) -> str:
    return f"{actor} ({actor.assurance.value})" if actor.role is Role.CUSTOMER and actor.assurance else str(actor)

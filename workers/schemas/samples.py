"""Realistic synthetic content for the example that is stored with each new version of an event."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from ticketcore.domain.base import Event, Meta, Source
from ticketcore.domain.types import Actor, Assurance, Role
from ticketcore.ids import Kind, Number, agent_stream_id, aggregate_id, policy_id
from workers.schemas.catalogue import SchemaError

__all__ = ["sample"]


def _id(kind: Kind, counter: int) -> UUID:
    return aggregate_id(Number(kind, 2026, counter), "main")


_TICKET, _OTHER = _id(Kind.TICKET, 42), _id(Kind.TICKET, 57)
_CUSTOMER, _TWIN = _id(Kind.CUSTOMER, 7), _id(Kind.CUSTOMER, 19)
_ORIGINATORS = {
    "ticket": _TICKET,
    "customer": _CUSTOMER,
    "message": _id(Kind.MESSAGE, 103),
    "policy": policy_id("main"),
    "agent": agent_stream_id("ana", "main"),
}
_POLICY = "name: support\nteams: {service-desk: {assign: least_loaded}}\ndefault_team: service-desk\n"
_BLOBS = (
    {"digest": hashlib.sha256(b"scan of the delivery note, sealed").hexdigest(), "size": 48_213},
    {"digest": hashlib.sha256(b"whole text of the letter, sealed").hexdigest(), "size": 131_072},
)
_VALUES: dict[str, Any] = {
    "about": "resolution due in 15 minutes",
    "acknowledge": True,
    "added": 4,
    "agent_id": "ana",
    "agent_wait_seconds": 9_000.0,
    "assurance": "signed_link",
    "at": datetime(2026, 3, 4, 11, 42, 7, 250_000, tzinfo=UTC),
    "attempt": 2,
    "automatic": "list",
    "author_id": _CUSTOMER,
    "blobs": _BLOBS,
    "body_blob": 1,
    "breached_at": datetime(2026, 3, 5, 16, 0, tzinfo=UTC),
    "by_hand": True,
    "calendar": "office",
    "capacity": 12,
    "category": "delivery",
    "changes": {"assignment_group": "Group 70", "closed_code": None},
    "channel": "mail",
    "checklist": "hardware-return",
    "code": 451,
    "comment": 3,
    "comments": (3, 5),
    "created": True,
    "customer_id": _TWIN,
    "decisions": (
        {
            "section": "routing",
            "rule": "billing",
            "basis": 1,
            "saw": {"category": "billing"},
            "outcome": {"team": "accounts"},
        },
    ),
    "direction": "outbound",
    "document": _POLICY,
    "due_at": datetime(2026, 3, 5, 16, 0, tzinfo=UTC),
    "effective_at": datetime(2026, 4, 1, tzinfo=UTC),
    "elapsed_seconds": 5_400.5,
    "evidence": ({"what": "signed_reference", "ids": (_TICKET,)},),
    "external": "INC0000045",
    "facts": {"received_at": "2026-03-04T09:30:15Z", "signed": [str(_TICKET)]},
    "first_reply_seconds": 1_800.0,
    "first_solved_seconds": 27_000.25,
    "follow_up_of": _OTHER,
    "fulfilled_at": datetime(2026, 3, 4, 11, 42, 7, 250_000, tzinfo=UTC),
    "identity": 2,
    "impact": "high",
    "inverse": True,
    "kind": "caused_by",
    "language": "de-AT",
    "languages": ("de", "en"),
    "last_solved_seconds": 41_400.0,
    "lease_until": datetime(2026, 3, 4, 11, 52, 7, 250_000, tzinfo=UTC),
    "new_id": _OTHER,
    "note": "new opening hours",
    "organisation_id": "northwind-logistics",
    "other_id": _OTHER,
    "permanent": False,
    "media_type": "message/rfc822",
    "outcome": "comment",
    "policy": "standard-support 3",
    "present": False,
    "priority": "high",
    "rejected": ({"ticket_id": _OTHER, "rule": "number", "why": "stranger"},),
    "reason": "waiting for the carrier's answer",
    "recipient_id": _TWIN,
    "recipients": (_CUSTOMER, _TWIN),
    "refused": (_TWIN,),
    "requester_id": _CUSTOMER,
    "requester_wait_seconds": 18_000.75,
    "required": True,
    "resolution": "replacement sent",
    "retry_at": datetime(2026, 3, 4, 11, 46, 7, 250_000, tzinfo=UTC),
    "rule": "signed_reference",
    "rules_version": "3",
    "score": 4,
    "seconds": 1_260,
    "sha256": hashlib.sha256(_POLICY.encode()).hexdigest(),
    "signs": ("List-Id", "Precedence"),
    "size": 48_213,
    "skills": ("refunds", "hardware"),
    "source_id": _OTHER,
    "split_from": _OTHER,
    "status": "on_hold",
    "step": "device wiped",
    "steps": ("label printed", "device wiped"),
    "subcategory": "damaged parcel",
    "tags": ("fragile", "priority customer"),
    "target": "first_reply",
    "tickets": (_OTHER,),
    "target_id": _OTHER,
    "team_id": "logistics",
    "teams": ("accounts", "service-desk"),
    "ticket_id": _TICKET,
    "ticket_version": 3,
    "to": ("team:leads", "agent:ana"),
    "until": datetime(2026, 3, 9, 7, 0, tzinfo=UTC),
    "urgency": "medium",
    "version": 3,
    "warned_at": datetime(2026, 3, 5, 15, 45, tzinfo=UTC),
}
_SPECIAL: dict[tuple[str, str], Any] = {
    ("customer.identified", "kind"): "mail",
    ("ticket.bounced", "kind"): "hard",
    ("ticket.bounced", "status"): "5.1.1",
    ("ticket.bounced", "message_id"): UUID("01935f60-2f3a-7cc1-8000-00000000002a"),
    ("ticket.delivery_failed", "reason"): "refused",
    ("ticket.delivery_dropped", "reason"): "answered by phone",
    ("customer.forgotten", "reason"): "request under article 17 of 2026-03-03",
    ("customer.merged", "target_id"): _TWIN,
    ("customer.unmerged", "target_id"): _TWIN,
    ("customer.absorbed", "source_id"): _TWIN,
    ("customer.released", "source_id"): _TWIN,
    ("customer.registered", "external"): "CRM-118842",
    ("message.decided", "reason"): "closed meanwhile",
    ("agent.presence_changed", "reason"): "training",
    ("ticket.policy_decided", "policy"): "standard/3",
    ("ticket.measured", "policy"): "standard/3",
    ("ticket.sla_withdrawn", "reason"): "merged",
    ("ticket.redacted", "reason"): "card number in the text",
    ("ticket.reopened", "reason"): "the replacement arrived damaged too",
}


def sample(event: type[Event]) -> Event:
    """Return an event with every stored field filled, none with its default; the same each time.

    ``sealed`` has the length and form of ciphertext, but opens with no key.

    Raises:
        SchemaError: there is no content for a field yet.
    """
    topic = event.TOPIC
    fields: dict[str, Any] = {}
    for name in event.model_fields:
        if name in Event.model_fields or name in event.PERSONAL:
            continue
        value = _SPECIAL.get((topic, name), _VALUES.get(name))
        if value is None:
            raise SchemaError(
                f"no example content for field {name!r} of event {topic!r} (write one into workers/schemas/samples.py)"
            )
        fields[name] = value
    return event.model_validate(
        {
            "originator_id": _ORIGINATORS[topic.partition(".")[0]],
            "originator_version": 4,
            "meta": _meta(),
            "sealed": _sealed(topic) if event.PERSONAL else None,
            "overflow": hashlib.sha256(f"{topic} in full, sealed".encode()).hexdigest() if event.PERSONAL else None,
            **fields,
        }
    )


def _meta() -> Meta:
    return Meta(
        occurred_at=datetime(2026, 3, 4, 9, 30, 15, 120_000, tzinfo=UTC),
        occurred_raw=datetime(2026, 3, 4, 9, 29, 58, tzinfo=UTC),
        claimed_at=datetime(2026, 3, 4, 9, 28, 1, tzinfo=UTC),
        actor=Actor(role=Role.POLICY, id="routing", assurance=Assurance.LOGGED_IN, version="12"),
        command_id=UUID("5f0c1c9a-7d0b-4c3e-9a55-0f6a2a4b7c11"),
        correlation_id=UUID("0d9b7e52-93c4-4f8a-8a61-6c1f3f0f2b22"),
        causation_id=UUID("c2a7f8de-41b6-4b0c-b1ce-29a5d5f7e733"),
        irregular=True,
        source=Source(line=1_024, state="Awaiting Vendor", stated={"reopens": "1", "closed_at": "2026-03-09T10:00"}),
    )


def _sealed(topic: str) -> str:
    stream = b"".join(hashlib.sha256(f"{topic} {block}".encode()).digest() for block in range(4))
    return base64.b64encode(stream).decode()

"""What the events' fields mean, in a sentence each, for the schemas and the reference."""

from __future__ import annotations

import inspect
import re

from pydantic import BaseModel

from ticketcore.domain.base import Event
from ticketcore.errors import ConfigurationError

__all__ = ["attributes", "meaning", "summary"]

_MEANINGS = {
    "added": "Version of the event that gave the mail domain.",
    "agent_id": "The responsible agent's id.",
    "assurance": "How sure it is that the identity is the customer's.",
    "attachments": "What is attached: name, media type and digest of each.",
    "at": "When, UTC.",
    "attempt": "The attempt's number, from 1; 0 where none was made.",
    "author_id": "The author's customer id, of inbound messages where it is known.",
    "author_name": "The author's name as the message gives it.",
    "blobs": "The sealed blobs that the event refers to, in the order of its indexes.",
    "body": "The text, or its beginning where body_blob says that there is more.",
    "body_blob": "Index into blobs of the whole text.",
    "breached_at": "When the promise was broken; absent where only the noticing is known.",
    "by_hand": "Whether a person set the priority instead of the matrix.",
    "category": "The category, a name of the host's own.",
    "changes": "Field of the source -> its new value, null where it was emptied.",
    "channel": "Where the message came in or went out.",
    "checklist": "The checklist's name.",
    "code": "The mail server's reply code; absent where it gave none.",
    "comment": "Version of the event that made the comment.",
    "comments": "Versions of the events that made the comments which the new ticket is about.",
    "customer_id": "The customer's aggregate id.",
    "decisions": "What the rules decided, in order.",
    "direction": "Which way the message went.",
    "domain": "The mail domain, in lower case.",
    "due_at": "Until when the promise is to be kept, UTC; absent where the source does not say.",
    "elapsed_seconds": "Business time that the clock had run, in seconds.",
    "external": "The number in the system it was imported from.",
    "follow_up_of": "The closed ticket that this one takes up.",
    "fulfilled_at": "When the promise was kept, UTC.",
    "identity": "Version of the event that gave the identity.",
    "impact": "How much is affected.",
    "inverse": "Whether this is the other end of the relation, read backwards.",
    "kind": "How the two tickets relate.",
    "language": "Language of the text, a BCP 47 tag.",
    "lease_until": "When the next attempt is due if nothing more is recorded.",
    "message_id": "The mail's own Message-ID.",
    "name": "The customer's name.",
    "new_id": "Aggregate id of the new ticket.",
    "note": "What was done.",
    "organisation_id": "The organisation's id; null or absent for none.",
    "other_id": "Aggregate id of the other ticket.",
    "permanent": "Whether trying again would not help.",
    "policy": "Name and version of the policy that made the promise.",
    "priority": "The priority that is in force from now on.",
    "reason": "Why.",
    "recipient": "The address that it was for, where it is the requester's or nobody's known.",
    "recipient_id": "Aggregate id of the customer whose address it was for, where it is not the requester's.",
    "recipients": "Aggregate ids of the customers that the mail goes to.",
    "refused": "Aggregate ids of the customers whose address the server refused while it took others'.",
    "remark": "What the customer wrote with the rating.",
    "requester_id": "Aggregate id of the customer whose inquiry it is; null or absent where unknown.",
    "required": "Whether people can solve the ticket only when all steps are ticked.",
    "resolution": "How the inquiry was answered, a name of the host's own.",
    "retry_at": "When it is tried again; absent where nobody tries by itself.",
    "score": "From 1 (bad) to 5 (good).",
    "seconds": "Working time in seconds.",
    "source_id": "Aggregate id of the one that ends or ended in this one.",
    "split_from": "The ticket that this one was a part of.",
    "status": "The status that the row moved it to, where it did.",
    "step": "The step.",
    "steps": "All steps, in order.",
    "subcategory": "The subcategory, a name of the host's own.",
    "subject": "The subject line.",
    "text": "What the server said.",
    "tickets": "Aggregate ids of the tickets whose own keys were destroyed along.",
    "tags": "All tags; the whole new value.",
    "target": "What is promised.",
    "target_id": "Aggregate id of the one that this one ends or ended in.",
    "to": "The requester's address as used.",
    "team_id": "The responsible team's id.",
    "urgency": "How soon it matters.",
    "value": "The address, number or handle, normalised.",
    "warned_at": "When, UTC.",
    "version": "Version of the event whose content was made unreadable.",
}
_SPECIAL = {
    ("ticket.policy_decided", "policy"): "Name and version of the policy in force.",
    ("customer.identified", "kind"): "By what the customer is recognised.",
    ("ticket.bounced", "kind"): "Hard: it never arrives; soft: not for now; delayed: it is still tried.",
    ("ticket.bounced", "status"): "Enhanced status code (RFC 3463) such as 5.1.1; absent where none was told.",
    ("ticket.bounced", "message_id"): "Id of the inbound message that told it.",
    ("customer.described", "language"): "Language that the customer writes in, a BCP 47 tag; absent where unchanged.",
    ("customer.described", "name"): "What the customer is called; absent where unchanged.",
    ("ticket.time_logged", "agent_id"): "Id of the agent who worked.",
    ("ticket.prioritised", "impact"): "How much is affected; absent where the priority was set by hand.",
    ("ticket.prioritised", "urgency"): "How soon it matters; absent where the priority was set by hand.",
}
_SECTION = re.compile(r"\n(Attributes|Args|Returns|Raises|Source):")
_ENTRY = re.compile(r"^    (\w+): (.*(?:\n {8,}.*)*)", re.MULTILINE)


def summary(model: type) -> str:
    """Return a class's docstring in one paragraph, without its sections, in Markdown."""
    text = _SECTION.split(inspect.cleandoc(model.__doc__ or ""))[0]
    return _plain(text)


def attributes(model: type[BaseModel]) -> dict[str, str]:
    """Return what the docstring's section ``Attributes`` says of each field, the nearest class's word first."""
    found: dict[str, str] = {}
    for cls in model.__mro__:
        _, _, section = inspect.cleandoc(cls.__doc__ or "").partition("\nAttributes:\n")
        for name, text in _ENTRY.findall(section):
            plain = _plain(text)
            found.setdefault(name, plain[0].upper() + plain[1:])
    return found


def meaning(event: type[Event], field: str) -> str:
    """Return what an event's own field means.

    Raises:
        ConfigurationError: nobody wrote it down.
    """
    text = _SPECIAL.get((event.TOPIC, field)) or attributes(event).get(field) or _MEANINGS.get(field)
    if text is None:
        raise ConfigurationError(
            f"field {field!r} of event {event.TOPIC!r} has no description: expected one in the section Attributes of "
            f"{event.__qualname__}'s docstring or in workers/schemas/meanings.py (write it there)"
        )
    return text


def _plain(text: str) -> str:
    return " ".join(text.replace("``None``", "absent").replace("``", "`").split())

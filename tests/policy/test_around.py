"""What lies around the tickets of one batch: their words are opened at once, and one that is broken costs only itself."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any

import pytest

from ticketcore import Actor, TicketCore
from ticketcore.domain.ticket_events import Opened
from ticketcore.domain.types import Role
from ticketcore.errors import SealBroken
from ticketcore.policy.around import Around
from ticketcore.policy.facts import Facts
from ticketcore.policy.manager import policy_store
from ticketcore.policy.schedule import Schedule
from ticketcore.store.codec import Codec

FORM, PRIVACY = Actor.system("form"), Actor(role=Role.PRIVACY_OFFICER, id="pia")


def openings(core: TicketCore, *bodies: str) -> list[Opened]:
    """Open a ticket for each and return the events as they are stored."""
    ids = [core.open_ticket(channel="mail", subject="Help", body=body, by=FORM).id for body in bodies]
    streams = core.log.load(ids).streams
    events: list[Any] = [Codec().decode(streams[id_][0]) for id_ in ids]
    return events


def around(core: TicketCore, together: list[Opened]) -> Around:
    return Around(core, policy_store(core.log), Schedule(), together)


def test_the_words_of_a_batch_are_opened_with_the_first_that_is_asked_for() -> None:
    with TicketCore.in_memory() as core:
        first, second, other = openings(core, "Dark.", "Broken.", "Late.")
        outside = around(core, [first, second])
        assert outside.words(first).body == "Dark."
        core.redact(second.originator_id, comment=1, reason="not for us", by=PRIVACY)  # what was opened before is known
        assert outside.words(second).body == "Broken."
        assert outside.words(other).body == "Late."


def test_a_ticket_whose_words_were_changed_costs_the_others_nothing() -> None:
    with TicketCore.in_memory() as core:
        good, bad, late = openings(core, "Dark.", "Broken.", "Late.")
        changed = bytearray(b64decode(bad.sealed or ""))
        changed[-1] ^= 1
        broken = bad.model_copy(update={"sealed": b64encode(changed).decode()})
        outside = around(core, [good, broken, late])
        with pytest.raises(SealBroken):
            outside.words(broken)
        assert [outside.words(one).body for one in (good, late)] == ["Dark.", "Late."]


def test_a_ticket_s_text_is_folded_once_for_all_its_facts_and_another_text_is_not_taken_for_it() -> None:
    kept: dict[Any, Any] = {}
    values: dict[str, Any] = {"body": lambda: ("Dark  lamp",), "category": lambda: "lamps"}
    first, second = (Facts(values, found=lambda: kept) for _ in range(2))
    assert first.folded("body") == ("dark lamp",)
    assert second.folded("body") is first.folded("body") is first.but({"category": "doors"}).folded("body")
    other = first.but({"body": ("A door",)})
    assert (other.folded("body"), other.value("category")) == (("a door",), "lamps")
    assert first.folded("body") == ("dark lamp",)

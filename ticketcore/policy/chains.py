"""How long the chain of rules is that led to an event: a rule that counts from what a rule did counts one more.

A follow-up's basis is its cause, so this tells rules that answer each other from rules that are followed often: a reminder
that is repeated a hundred times has one basis, which a person made; of two rules each of which undoes what the other did,
each has the other's event. It holds at any distance in time. Pure; a fold.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from ticketcore.domain import delivery_events as dv
from ticketcore.domain.service_events import PolicyDecided, PolicyDecision, Section

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ticketcore.domain.base import Event

__all__ = ["ECHOES", "NO_CHAINS", "Chains"]

ECHOES = frozenset(
    one.TOPIC for one in (dv.DeliveryAttempted, dv.Delivered, dv.DeliveryFailed, dv.DeliveryDropped, dv.Bounced)
)
"""What comes of a mail by itself: nobody acts on the ticket with it."""


class Chains(NamedTuple):
    """What led to the newest events of a ticket, since anybody but policies acted on it.

    Attributes:
        policy: whose rules; another policy, or another version, begins anew.
        lengths: version of an event that changed the status -> how many rules in a row led to it.
        length: likewise, of the command that is being folded.
    """

    policy: str | None = None
    lengths: Mapping[int, int] = MappingProxyType({})
    length: int = 0

    def decided(self, event: PolicyDecided) -> Chains:
        """Return the chains once a policy decided."""
        known = self.lengths if event.policy == self.policy else {}
        length = 1 + max((known.get(basis, 0) for basis in _bases(event.decisions)), default=-1)
        return Chains(event.policy, known, length)

    def led_to(self, event: Event) -> Chains:
        """Return the chains once *event*, of the command of the last decision, changed the status."""
        return self._replace(lengths={**self.lengths, event.originator_version: self.length})

    def longest(self, policy: str, decisions: Iterable[PolicyDecision]) -> int:
        """Return how many rules in a row led to what *decisions* are about."""
        if policy != self.policy:
            return 0
        return max((self.lengths.get(basis, 0) for basis in _bases(decisions)), default=0)


NO_CHAINS = Chains()


def _bases(decisions: Iterable[PolicyDecision]) -> Iterable[int]:
    return (one.basis for one in decisions if one.section is Section.FOLLOW_UP and one.basis is not None)

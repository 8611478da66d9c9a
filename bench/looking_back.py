"""How long looks back over the whole incident log take: what other promises would have come to, and all decisions."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from bench.harness import PAIRS, absolute, say
from bench.ingest import imported
from ticketcore.policy.dry_run import dry_run
from ticketcore.policy.shipped import default_policy
from ticketcore.policy.source import load_policy
from ticketcore.policy.what_if import what_if

if TYPE_CHECKING:
    from bench.harness import Result
    from bench.place import Place

__all__ = ["looking_back"]


def looking_back(place: Place) -> list[Result]:
    """Return the wall times of ``sla what-if`` and ``policy dry-run`` with the policy that ships over all incidents.

    Both in one process.
    """
    document = load_policy(default_policy())
    seconds, dry = list[float](), list[float]()
    with place.core() as core:
        imported(core, place.sample(None))
        for _ in range(PAIRS):
            began = time.perf_counter()
            found = what_if(core, document)
            seconds.append(time.perf_counter() - began)
        say(f"what-if: {found.tickets:,} tickets, {len(found.changes):,} promises would have ended the other way")
        for _ in range(PAIRS):
            began = time.perf_counter()
            decided = dry_run(core, document)
            dry.append(time.perf_counter() - began)
        resolution = next(one for one in decided.aspects if one.aspect == "resolution")
        say(f"dry run: {decided.tickets:,} tickets, {resolution.differ:,} resolutions would have ended the other way")
    return [
        absolute("what-if over the whole incident log", "s", seconds, 10.0),
        absolute("dry run over the whole incident log", "s", dry, 60.0),
    ]

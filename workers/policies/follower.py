"""The policies' worker: :class:`~ticketcore.policy.manager.PolicyManager`, with its errors logged and its work counted."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

    from ticketcore.policy.manager import Counts, PolicyManager

__all__ = ["follow"]

log = structlog.get_logger("ticketcore.policies")


def follow(manager: PolicyManager, stop: Event, poll: float, on_step: Callable[[Counts], None] | None = None) -> None:
    """Follow the policies until *stop* is set, with *poll* seconds where nothing is to be done.

    Raises:
        UnreadablePolicy: this release can't read the policy in force.
        KeyMissing: a text can't be opened with the keys that are here.
    """
    policy = manager.schedule().in_force(datetime.now(UTC))
    log.info("started", policy=None if policy is None else policy.name, position=manager.store.position())

    def stepped(done: Counts) -> None:
        if done.dead:
            log.warning("policies.given_up", tickets=done.dead)
        if done.commands or done.conflicts:
            log.debug("policies.recorded", **done._asdict())
        if on_step is not None:
            on_step(done)

    def retry(error: Exception, failures: int, pause: float) -> None:
        log.warning("policies.retry", error=error, failures=failures, pause=pause)

    manager.run(stop, poll=poll, on_step=stepped, on_retry=retry)

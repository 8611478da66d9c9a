"""``ticketcore worker intake`` that ends itself by SIGKILL: before or after the append that an environment variable counts to.

``DIE_AT=n``: at the nth of these instants, in order: before the first append, after it, before the second, ... 0 for never.
"""

from __future__ import annotations

import os
import signal
from typing import Any

from ticketcore.store.group import GroupCommit
from workers.cli import main

left = int(os.environ["DIE_AT"])
real = GroupCommit.submit


def _instant() -> None:
    global left  # noqa: PLW0603 the process ends by it
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)


def submit(self: GroupCommit, append: Any) -> Any:
    _instant()
    outcome = real(self, append)
    _instant()
    return outcome


GroupCommit.submit = submit  # type: ignore[method-assign]
main()

"""Several workers in one process: each in a thread, all stopped together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

__all__ = ["run_together"]


def run_together(runs: Sequence[Callable[[threading.Event], None]], stop: threading.Event) -> None:
    """Run all until *stop* is set or one of them fails; then stop the others and raise what it raised."""
    failures: list[BaseException] = []

    def work(run: Callable[[threading.Event], None]) -> None:
        try:
            run(stop)
        except BaseException as error:  # noqa: BLE001 raised below, in the thread that asked
            failures.append(error)
            stop.set()

    threads = [threading.Thread(target=work, args=(run,), name=f"worker-{n}") for n, run in enumerate(runs)]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(0.2)  # a join without end would hold back signals
    if failures:
        raise failures[0]

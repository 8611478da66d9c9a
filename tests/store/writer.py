"""A process that appends to a log: ``python -m tests.store.writer DSN SEED COMMANDS EVENTS``; prints what it appended."""

import sys
from random import Random
from uuid import UUID

from tests.store.building import append
from ticketcore.store.port import Appended
from ticketcore.store.postgres import PostgresLog


def main(dsn: str, seed: int, commands: int, most_events: int) -> None:
    """Append to new and to earlier streams, in batches, and say how many events were recorded."""
    random = Random(seed)
    log = PostgresLog(dsn, pool_size=1)
    versions: dict[UUID, int] = {}
    total = 0
    while commands > 0:
        batch = []
        for _ in range(min(commands, random.randint(1, 8))):
            stream = UUID(int=(seed << 64) + random.randint(1, 500))
            batch.append(append(stream, versions.get(stream, 0), random.randint(1, most_events)))
        commands -= len(batch)
        for one, outcome in zip(batch, log.append(batch), strict=True):
            if isinstance(outcome, Appended):
                [(stream, version)] = one.expected
                versions[stream] = version + len(one.events)
                total += len(one.events)
    log.close()
    print(total)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))

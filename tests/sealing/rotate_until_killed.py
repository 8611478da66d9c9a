"""A rotation that kills itself (SIGKILL) while its batch number N is being written: DSN KEY_FILE BATCH N."""

import os
import signal
import sys
from pathlib import Path
from uuid import UUID

from ticketcore.sealing import Keyring, rotate
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.port import Rewrap


class Dying(PostgresKeyStore):
    batches = 0

    def rewrap(self, old_key_id: str, again: Rewrap, limit: int = 1_000) -> int:
        self.batches += 1
        last = self.batches == int(sys.argv[4])
        done = 0

        def until(owner: UUID | str, wrapped: bytes) -> tuple[str, bytes]:
            nonlocal done
            done += 1
            if last and done > limit // 2:
                os.kill(os.getpid(), signal.SIGKILL)
            return again(owner, wrapped)

        return super().rewrap(old_key_id, until, limit)


if __name__ == "__main__":
    rotate(Keyring.open(Path(sys.argv[2])), Dying(sys.argv[1]), batch=int(sys.argv[3]))

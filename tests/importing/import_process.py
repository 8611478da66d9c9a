"""An import as a process of its own, to be killed: ``python -m tests.importing.import_process DSN KEYS FILE REJECTS``.

It writes a line with the number of rows after every chunk, and ``done`` at the end.
"""

import sys
from pathlib import Path

from tests.importing.given import IMPORTER, UTC
from ticketcore.importing.importer import ImportSummary, import_file
from ticketcore.sealing.keyring import Keyring
from ticketcore.sealing.sealer import Sealer
from ticketcore.store.codec import Codec
from ticketcore.store.keys_postgres import PostgresKeyStore
from ticketcore.store.postgres import PostgresLog

CHUNK_ROWS = 500


def run(dsn: str, key_file: Path, file: Path, rejects: Path) -> ImportSummary:
    log, keys, codec = PostgresLog(dsn), PostgresKeyStore(dsn), Codec()
    try:
        return import_file(
            file,
            "incident_log",
            zone=UTC,
            rejects=rejects,
            log=log,
            sealer=Sealer(Keyring.open(key_file), keys, codec),
            codec=codec,
            by=IMPORTER,
            chunk_rows=CHUNK_ROWS,
            progress=lambda rows, *_: print(rows, flush=True),
        )
    finally:
        keys.close()
        log.close()


if __name__ == "__main__":
    run(sys.argv[1], *map(Path, sys.argv[2:]))
    print("done", flush=True)

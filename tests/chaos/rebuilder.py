"""Rebuilds a read model now and then, whoever else is being killed: ``python -m tests.chaos.rebuilder SEED``."""

import faulthandler
import random
import signal
import sys
import threading

from projections.rebuild import rebuild
from projections.runner import TRANSIENT
from projections.schema import MODELS
from ticketcore.settings import Settings
from ticketcore.store.codec import Codec
from ticketcore.store.postgres import PostgresLog

if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    dice, known = random.Random(sys.argv[1]), Settings()
    while not stop.wait(dice.uniform(1, 12)):
        model = dice.choice(MODELS)
        print("begin", model.name, flush=True)
        try:
            log = PostgresLog(str(known.dsn), name=known.log_name, pool_size=2)
            try:
                rebuild(str(known.read_dsn), log, Codec().decode, model)
            finally:
                log.close()
        except TRANSIENT as error:
            print("again", type(error).__name__, str(error).strip(), flush=True)
        else:
            print("live", model.name, flush=True)

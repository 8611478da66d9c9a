"""Rebuilds read models one after the other until it is killed: ``python -m tests.crash.rebuilder SEED``.

It writes a line when it begins one, and a line when that is live.
"""

from __future__ import annotations

import random
import sys

from projections.rebuild import rebuild
from projections.schema import MODELS
from ticketcore import TicketCore
from ticketcore.store.codec import Codec

if __name__ == "__main__":
    dice = random.Random(sys.argv[1])
    with TicketCore.open() as core:
        while True:
            model = dice.choice(MODELS)
            print("begin", model.name, flush=True)
            rebuild(str(core.settings.read_dsn), core.log, Codec().decode, model)
            print("live", model.name, flush=True)

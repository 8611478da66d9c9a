"""``python -m tests.chaos``: kill and stop everything at random under load, then prove that nothing was lost.

Exit codes: 0 all is right; 1 something was lost, doubled, different or stuck; 2 wrong arguments; 3 no server to start.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import traceback
from pathlib import Path

from tests.chaos.run import chaos
from ticketcore.errors import TicketCoreError


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=(__doc__ or "").partition("\n\n")[2])
    parser.add_argument("--kills", type=_positive, default=int(os.environ.get("KILLS") or 200), help="how many (200)")
    parser.add_argument("--seed", default=os.environ.get("SEED"), help="of all that is random; by default a new one")
    parser.add_argument("--projectors", type=_positive, default=4, help="how many share the partitions (4)")
    parser.add_argument("--pause", type=float, default=0.12, help="seconds a writer's thread rests at most (0.12)")
    parser.add_argument("--folder", type=Path, help="for journals, outputs and schedule; kept, must not exist")
    chosen = parser.parse_args()
    seed = chosen.seed or str(random.SystemRandom().randrange(10**6))
    if chosen.folder is not None and chosen.folder.exists():
        parser.error(f"--folder {chosen.folder} exists, expected one that does not")
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="ticketcore-chaos-"))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _end)
    _say(f"SEED={seed} KILLS={chosen.kills}, all that happens is written to {folder}")
    try:
        result = chaos(
            folder, kills=chosen.kills, seed=seed, projectors=chosen.projectors, pause=chosen.pause, say=_say
        )
    except AssertionError as error:
        traceback.print_exc()
        _say(f"WRONG with SEED={seed} KILLS={chosen.kills}: {error}\n(see {folder})")
        return 1
    except TicketCoreError as error:
        _say(f"cannot run: {error}")
        return 3
    print(json.dumps({**result._asdict(), "proven": result.proven._asdict()}, indent=2))
    if chosen.folder is None:
        shutil.rmtree(folder)
    return 0


def _end(number: int, _: object) -> None:
    """Leave by way of every clean-up, which a further signal does not cut short."""
    for other in (signal.SIGTERM, signal.SIGINT):
        signal.signal(other, signal.SIG_IGN)
    sys.exit(128 + number)


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected 1 or more")
    return int(text)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())

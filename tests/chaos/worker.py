"""``python -m tests.chaos.worker ARGUMENTS``: the command line, which tells where it is on SIGUSR1."""

import faulthandler
import signal

from workers.cli import main

if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    main()

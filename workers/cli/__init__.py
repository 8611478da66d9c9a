"""The command line ``ticketcore``: one module per group of commands.

Exit codes: 0 done; 1 found different (``verify``) or failed; 2 wrong input; 3 configuration, keys or data base; 4 not
found; 5 wrong state; 6 conflict; 7 not allowed; 8 a log this version or checkpoint can't read; 9 waited too long;
10 an import stopped early; 130 interrupted.
"""

from __future__ import annotations

from workers.cli.app import main

__all__ = ["main"]

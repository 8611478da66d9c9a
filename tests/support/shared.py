"""Input that is read where it lies and never committed: ``TICKETCORE_SHARED``, by default ``../shared``."""

import os
from pathlib import Path

from tests.support import unavailable

__all__ = ["incident_log", "shared_folder"]

REPOSITORY = Path(__file__).resolve().parents[2]


def shared_folder() -> Path:
    return Path(os.environ.get("TICKETCORE_SHARED") or REPOSITORY.parent / "shared")


def incident_log() -> Path:
    """Return the path of the packed incident log; without it the test is skipped, under ``CI=true`` failed."""
    path = shared_folder() / "data" / "incident_event_log.csv.xz"
    if not path.exists():
        unavailable(f"the incident log is not at {path}; name the folder that holds data/ by TICKETCORE_SHARED")
    return path

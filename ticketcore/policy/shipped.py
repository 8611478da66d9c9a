"""The policy that comes with the package."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

__all__ = ["default_policy"]


@cache
def default_policy() -> str:
    """Return the text of the default policy (YAML)."""
    return files("ticketcore.policy").joinpath("default.yaml").read_text("utf-8")

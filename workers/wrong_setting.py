"""How a variable of the environment that can't be taken is told, by every kind of worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketcore.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic import ValidationError

__all__ = ["wrong_setting"]


def wrong_setting(error: ValidationError, prefix: str, *, needed: str = "a value") -> ConfigurationError:
    """Return what to raise for the first variable that *error* is about; its value is repeated, so not for secrets.

    Args:
        error: of the settings' model.
        prefix: of the variables, as in ``TICKETCORE_SMTP_``.
        needed: what is expected of one that is not set.
    """
    first = error.errors()[0]
    name = f"{prefix}{str(first['loc'][0]).upper()}"
    if first["type"] == "missing":
        return ConfigurationError(f"{name} is not set: expected {needed} (set it)")
    return ConfigurationError(f"{name} is {first['input']!r}: {first['msg']} (correct or unset it)")

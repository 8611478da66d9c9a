"""The rules of intake that a company sets: a versioned document, read from a TOML file."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, ValidationError

from ticketcore.domain.types import Assurance, Channel, Frozen, Label
from ticketcore.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Rules"]


class Rules(Frozen):
    """What a company decides about its intake.

    Attributes:
        version: names these rules in every decision; change it with them.
        new_tickets_per_window: how many tickets one sender may open in ``window_seconds``; 0 for any number.
        window_seconds: how long a place for a new ticket stays taken.
        reopen_days: a message to a ticket that was closed at most so many days ago reopens it; later ones (and all, with 0)
            open a follow-up. Where the policy in force has a reopening window, that counts instead.
        acknowledge: in which channels a new ticket's number is told by mail.
        auto_replies: what absence notes and other automatic answers do: ``ignored``, or ``decided`` as any message.
        organisation_belongs: who is of the requester's organisation may write in the ticket.
        addressed_belongs: who got a message of the ticket, as To or Cc, may answer it.
        numbers_in_subjects: a number in the subject is looked at.
        number_needs: how sure a sender's identity must be for a number or a known message to count.
        trusted_servers: names (authserv-id, RFC 8601) of our own mail servers, whose Authentication-Results count.
    """

    version: Label = "1"
    new_tickets_per_window: Annotated[int, Field(ge=0, le=1_000)] = 20
    window_seconds: Annotated[int, Field(ge=1, le=604_800)] = 3_600
    reopen_days: Annotated[float, Field(ge=0, le=3_650)] = 0
    acknowledge: tuple[Channel, ...] = (Channel.MAIL, Channel.FORM)
    auto_replies: Annotated[str, Field(pattern=r"^(ignored|decided)$")] = "ignored"
    organisation_belongs: bool = True
    addressed_belongs: bool = True
    numbers_in_subjects: bool = True
    number_needs: Assurance = Assurance.UNVERIFIED
    trusted_servers: tuple[Label, ...] = ()

    @classmethod
    def load(cls, path: Path | None) -> Rules:
        """Return the rules of a TOML file; what it does not say, and all where there is none, is as by default.

        Raises:
            ConfigurationError: it can't be read, or says what can't be taken.
        """
        if path is None:
            return cls()
        try:
            with path.open("rb") as file:
                return cls.model_validate(tomllib.load(file))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise ConfigurationError(f"cannot read the rules {path}: {error} (expected a TOML file)") from None
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(map(str, first["loc"]))
            raise ConfigurationError(
                f"cannot take the rules {path}: {name} is {first['input']!r}: {first['msg']}"
                f" (correct it; the rules are {', '.join(cls.model_fields)})"
            ) from None

    def takes(self, assurance: Assurance) -> bool:
        """Return whether a sender is sure enough for a number or a known message to count."""
        return _SUREST_FIRST.index(assurance) <= _SUREST_FIRST.index(self.number_needs)


_SUREST_FIRST = tuple(Assurance)

"""An event-sourced ticket core: record, project, replay, report, prove.

Open a :class:`TicketCore`, call its methods; everything listed in ``__all__`` is public.
"""

from ticketcore.api.queries import CustomerMessage, LogEntry
from ticketcore.app import TicketCore
from ticketcore.domain.commands import AttachmentContent
from ticketcore.domain.customer_commands import Identity
from ticketcore.domain.types import (
    Actor,
    Assurance,
    Channel,
    Direction,
    IdentityKind,
    Level,
    LinkKind,
    Priority,
    Role,
    SlaTarget,
    Status,
)
from ticketcore.errors import TicketCoreError
from ticketcore.execution import Options, Recorded
from ticketcore.files import FileSource
from ticketcore.policy.calendar import Calendar
from ticketcore.policy.calendar_spec import CalendarSpec
from ticketcore.read_models import QueueEntry
from ticketcore.replay import Clock, HistoryEntry, Message, TicketView
from ticketcore.settings import Settings

__all__ = [
    "Actor",
    "Assurance",
    "AttachmentContent",
    "Calendar",
    "CalendarSpec",
    "Channel",
    "Clock",
    "CustomerMessage",
    "Direction",
    "FileSource",
    "HistoryEntry",
    "Identity",
    "IdentityKind",
    "Level",
    "LinkKind",
    "LogEntry",
    "Message",
    "Options",
    "Priority",
    "QueueEntry",
    "Recorded",
    "Role",
    "Settings",
    "SlaTarget",
    "Status",
    "TicketCore",
    "TicketCoreError",
    "TicketView",
]

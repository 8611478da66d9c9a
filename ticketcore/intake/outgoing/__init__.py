"""Mail that goes out: what it says, to whom, and the headers by which everybody shows one conversation. No input or output."""

from ticketcore.intake.outgoing.conversation import Conversation, conversation, subject_of
from ticketcore.intake.outgoing.mail import Mail, Outdated, OutgoingFile, Unsendable, build

__all__ = ["Conversation", "Mail", "Outdated", "OutgoingFile", "Unsendable", "build", "conversation", "subject_of"]

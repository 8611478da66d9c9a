"""Who wrote: a person, a program, a list, or this very system. Every finding names its header."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable
from typing import Final

from ticketcore.intake.mail.model import Evidence, Mailbox

__all__ = ["NOTABLE", "OWN_HEADERS", "automatic", "list_signs", "loop_signs", "weak_signs"]

OWN_HEADERS: Final = "x-ticketcore-"
"""Every mail that this system sends has a header that begins so."""


def _any(value: str) -> bool:
    return value.strip().lower() not in ("", "no", "false", "0", "none")


def _matching(pattern: str) -> Callable[[str], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda value: compiled.search(value) is not None


# Header, and what its value must be for the mail to count as written by a program.
_AUTOMATIC: Final[dict[str, Callable[[str], bool]]] = {
    "auto-submitted": _matching(r"^\s*(?!no\b)[a-z]"),  # RFC 3834
    "x-auto-response-suppress": _matching(r"\b(all|oof|autoreply)\b"),  # Exchange
    "x-autoreply": _any,
    "x-autorespond": _any,
    "x-autoresponder": _any,
    "x-autoresponse": _any,
    "x-auto-reply": _any,
    "x-auto-reply-from": _any,
    "x-autoreply-from": _any,
    "x-autoreply-domain": _any,
    "x-auto-respond": _any,
    "x-auto-generated": _any,
    "x-mail-autoreply": _any,
    "x-automail": _any,
    "x-away": _any,
    "x-vacation": _any,
    "x-holidayreply": _any,
    "x-ebay-mailtracker": _any,
    "x-fc-machinegenerated": _matching(r"true|yes|1"),  # FirstClass
    "x-post-messageclass": _matching(r"auto"),  # "9; Autoresponder"
    "x-ms-exchange-generated-message-source": _any,
    "x-ms-exchange-autoresponse": _any,
    "x-cron-env": _any,
    "x-facebook-notify": _any,
    "x-github-reason": _any,
    "x-gitlab-notificationreason": _any,
    "x-jira-fingerprint": _any,
    "x-bugzilla-reason": _any,
    "x-otrs-loop": _any,
    "x-otrs-autoreply": _any,
    "x-znuny-loop": _any,
    "x-rt-loop-prevention": _any,
    "x-zammad-send-auto-response": _matching(r"false"),
    "x-zendesk-autoreply": _any,
    "x-freshdesk-autoreply": _any,
    "precedence": _matching(r"\b(bulk|junk|auto[_-]?reply|autoreply)\b"),
    "x-precedence": _matching(r"\b(bulk|junk|auto[_-]?reply|autoreply)\b"),
    "delivered-to": _matching(r"^\s*<?autoresponder\b"),
    "return-path": _matching(r"^\s*<\s*>\s*$"),
    "x-loop": _any,
    "preference": _matching(r"auto_reply"),
}
_LIST: Final[dict[str, Callable[[str], bool]]] = {
    "list-id": _any,
    "list-post": _any,
    "list-archive": _any,
    "list-owner": _any,
    "list-subscribe": _any,
    "mailing-list": _any,
    "x-mailing-list": _any,
    "x-mailman-version": _any,
    "x-beenthere": _any,
    "x-listname": _any,
    "x-list-id": _any,
    "x-google-group-id": _any,
    "x-listserver": _any,
    "precedence": _matching(r"\blist\b"),
    "x-precedence": _matching(r"\blist\b"),
}
_SENDER: Final = re.compile(
    r"(mailer[-_]?daemon|post[-_]?master|no[-_.]?reply|do[-_.]?not[-_.]?reply|nicht[-_.]?antworten|ne[-_.]?pas[-_.]?repondre"
    r"|bounces?|listserv|majordomo|owner-.*|.*-(request|bounces|owner)|daemon|root|auto[-_.]?(reply|responder)|notifications?)"
    r"([+@]|$)",
    re.IGNORECASE,
)
_DAEMON: Final = re.compile(r"mailer[-_]?daemon(@|$)", re.IGNORECASE)
# Subjects that programs for absence write; one list, since a subject's language is not known before it is read.
_SUBJECT: Final = re.compile(
    r"\s*(auto(matic|matische|mated|mātiska)?[\s:-]*(re(ply|sponse|sponder)|antwort|antwoord|svar|reply)\b|autosvar|automatisk(t)? svar"
    r"|auto:|out of (the )?office|on vacation|vacation (reply|message)|away from (my )?(office|mail)|i am (currently )?away|absence\b"
    r"|abwesen(d|heit)|automatische (antwort|empfangsbest)|ich bin (derzeit |zur zeit )?(nicht|abwesend)|urlaub|eingangsbestätigung"
    r"|réponse automatique|absence du bureau|en dehors du bureau|message d'absence|en congé"
    r"|respuesta automática|fuera de (la )?oficina|ausente de la oficina|risposta automatica|fuori (sede|ufficio)|assente dall"
    r"|automatisch antwoord|afwezig|niet aanwezig|resposta automática|fora do escritório|ausência temporária"
    r"|odpowiedź automatyczna|automatyczna odpowiedź|poza biurem|nieobecność|frånvaro|fravær|fraværende|poissa|automaattinen vastaus"
    r"|automatická odpověď|mimo kancelář|автоответ|автоматический ответ|вне офиса|自動(応答|返信|回覆)|自动(回复|答复)|不在通知|外出中"
    r"|자동 ?(응답|회신)|부재중|automatikus válasz|otomatik yanıt|acknowledg(e)?ment:|auto-?ack\b)",
    re.IGNORECASE,
)


_WEAK: Final = frozenset({"list-unsubscribe", "feedback-id", "x-campaign", "x-campaignid", "x-mc-user", "errors-to"})
NOTABLE: Final = _AUTOMATIC.keys() | _LIST.keys() | _WEAK
"""The headers, in lower case, that the functions below look at; beside them `OWN_HEADERS`."""


def automatic(headers: Iterable[tuple[str, str]], authors: Iterable[Mailbox]) -> list[Evidence]:
    """Return what says that a program wrote the mail. *headers*: lower-case names with values."""
    daemons = [Evidence("daemon", "from", box.address[:200]) for box in authors if _DAEMON.match(box.address)]
    return daemons + [
        Evidence(name, name, value[:200]) for name, value in headers if name in _AUTOMATIC and _AUTOMATIC[name](value)
    ]


def list_signs(headers: Iterable[tuple[str, str]]) -> list[Evidence]:
    """Return what says that the mail came over a mailing list."""
    return [Evidence("list", name, value[:200]) for name, value in headers if name in _LIST and _LIST[name](value)]


def weak_signs(subject: str, senders: Iterable[Mailbox], headers: Iterable[tuple[str, str]]) -> list[Evidence]:
    """Return what programs often have and people sometimes: never enough to decide by."""
    found = []
    if _SUBJECT.match(subject[:200]):
        found.append(Evidence("subject", "subject", subject[:200]))
    found += [Evidence("sender", "from", box.address[:200]) for box in senders if _SENDER.match(box.address)]
    found += [Evidence("unsubscribe", name, value[:200]) for name, value in headers if name in _WEAK]
    return found


def loop_signs(
    headers: Iterable[tuple[str, str]], message_id: str | None, own_domains: Collection[str]
) -> list[Evidence]:
    """Return what says that this system sent the mail itself: its own header, or a Message-ID of its own domains."""
    found = [Evidence("own-header", name, value[:200]) for name, value in headers if name.startswith(OWN_HEADERS)]
    if message_id is not None and own_domains:
        domain = message_id.rpartition("@")[2].lower().rstrip(".")
        if domain in own_domains:
            found.append(Evidence("own-message-id", "message-id", message_id[:200]))
    return found

"""What a mail is: written by a person, by a program, over a list, or about a mail of ours; each with its evidence."""

from __future__ import annotations

import pytest

from tests.intake.mail.build import header, mail, multipart, part, read
from ticketcore.intake.mail import Disposition, Evidence, Failure, Feedback, MailKind, parse_mail

PLAIN = "text/plain; charset=utf-8"


@pytest.mark.parametrize(
    "line",
    [
        "Auto-Submitted: auto-replied", "Auto-Submitted: auto-generated (failure)", "auto-submitted: AUTO-NOTIFIED",
        "X-Auto-Response-Suppress: All", "X-Auto-Response-Suppress: DR, OOF, AutoReply", "X-Autoreply: yes", "X-Autorespond: away",
        "X-Auto-Reply-From: a@b.example", "Precedence: bulk", "Precedence: junk", "Precedence: auto_reply", "X-Precedence: bulk",
        "X-Mail-Autoreply: 1", "X-FC-MachineGenerated: true", "X-POST-MessageClass: 9; Autoresponder", "Delivered-To: Autoresponder",
        "Return-Path: <>", "X-Cron-Env: <SHELL=/bin/sh>", "X-Loop: a@b.example", "X-Facebook-Notify: x", "X-OTRS-Loop: yes",
        "X-RT-Loop-Prevention: b.example", "X-Autoresponder: yes",
    ],
)  # fmt: skip
def test_a_program_is_told_by_its_header(line: str) -> None:
    found = header(line)
    name, _, value = line.partition(": ")
    assert found.kind is MailKind.AUTO_REPLY
    assert Evidence(name.lower(), name.lower(), value) in found.evidence


@pytest.mark.parametrize(
    "line",
    [
        "Auto-Submitted: no", "X-Auto-Response-Suppress: RN, NRN", "Precedence: normal", "X-Loop: ", "X-Autoreply: no",
        "Return-Path: <ana@a.example>", "Delivered-To: help@desk.example", "Subject: Out of office", "Feedback-ID: 1:2:3",
        "X-FC-MachineGenerated: false",
    ],
)  # fmt: skip
def test_a_person_is_not_taken_for_a_program(line: str) -> None:
    assert header(line).kind is MailKind.ORDINARY


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Printer", "Automatische Antwort: Drucker", "Abwesenheitsnotiz", "Out of Office: x", "Réponse automatique : x",
        "Respuesta automática: x", "Risposta automatica: x", "Automatisch antwoord: x", "Odpowiedź automatyczna: x", "Autosvar: x",
        "Automaattinen vastaus: x", "Автоответ: x", "自動応答: x", "Auto: x", "I am away",
    ],
)  # fmt: skip
def test_a_subject_alone_is_a_hint_and_decides_nothing(subject: str) -> None:
    found = header(f"Subject: {subject}")
    assert found.kind is MailKind.ORDINARY
    assert [hint.rule for hint in found.hints] == ["subject"]


def test_an_ordinary_subject_is_no_hint() -> None:
    assert header("Subject: The autopilot of my office chair").hints == ()
    assert header("From: No Reply <no-reply@a.example>").hints == (Evidence("sender", "from", "no-reply@a.example"),)


@pytest.mark.parametrize(
    "line",
    [
        "List-Id: <talk.a.example>",
        "List-Post: <mailto:t@a.example>",
        "Precedence: list",
        "Mailing-List: contact x",
        "X-BeenThere: t@a.example",
    ],
)
def test_a_mailing_list_is_told_by_its_header_and_people_write_on_it(line: str) -> None:
    found = header(line)
    assert (found.mailing_list, found.kind) == (True, MailKind.ORDINARY)
    assert found.list_id == ("<talk.a.example>" if line.startswith("List-Id") else None)


def test_a_mail_of_this_system_is_a_loop() -> None:
    assert header("X-Ticketcore-Mail: 1").loop == (Evidence("own-header", "x-ticketcore-mail", "1"),)
    raw = mail("Message-ID: <T-2024-000001.x@Desk.example>")
    assert [sign.rule for sign in parse_mail(raw, own_domains={"desk.example"}).loop] == ["own-message-id"]
    assert parse_mail(raw, own_domains={"other.example"}).loop == ()
    assert parse_mail(raw).loop == ()


def report(
    status: str, *, kind: str = "message/delivery-status", extra: str = "; report-type=delivery-status"
) -> bytes:
    back = part("message/rfc822", "Message-ID: <0@desk.example>\r\nSubject: =?utf-8?q?=C3=BC?=\r\n\r\nText\r\n")
    return multipart("report", part(PLAIN, "Sorry.\r\n"), part(kind, status), back, extra=extra)


STATUS = (
    "Reporting-MTA: dns; mx.a.example\r\n\r\nOriginal-Recipient: rfc822;x@a.example\r\nFinal-Recipient: RFC822; <ana@a.example>\r\n"
    "Action: {action}\r\nStatus: {status} (why)\r\nDiagnostic-Code: smtp; 550 {status}\r\n No such user\r\n\r\n"
    "Final-Recipient: rfc822; bo@a.example\r\nStatus: 4.2.2\r\n"
)


def test_a_failure_names_whom_it_did_not_reach_and_which_mail() -> None:
    found = read("Return-Path: <>", content=report(STATUS.format(action="failed", status="5.1.1")))

    assert found.kind is MailKind.BOUNCE
    assert found.bounce is not None
    assert found.bounce.recipients == (
        Failure("ana@a.example", "failed", "5.1.1", "smtp; 550 5.1.1 No such user"), Failure("bo@a.example", "delayed", "4.2.2", ""),
    )  # fmt: skip
    assert [one.recipient for one in found.bounce.failed] == ["ana@a.example"]
    assert found.bounce.original_message_id == "0@desk.example"
    assert ("Subject", "ü") in found.bounce.original_headers
    assert found.evidence[0] == Evidence(
        "delivery-status", "structure", "ana@a.example: failed 5.1.1, bo@a.example: delayed 4.2.2"
    )
    assert found.text == "Sorry.\n"


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
def test_what_is_late_or_delivered_is_no_failure(action: str) -> None:
    found = read(content=report(STATUS.format(action=action, status="4.4.1")))
    assert found.kind is MailKind.DELIVERY_REPORT
    assert found.bounce is not None
    assert found.bounce.failed == ()


def test_returned_headers_alone_name_the_mail_too() -> None:
    status, headers = (
        part("message/delivery-status", STATUS.format(action="failed", status="5.0.0")),
        part("text/rfc822-headers", "Message-Id: <0@desk.example>\r\n"),
    )
    found = read(content=multipart("report", part(PLAIN, "x"), status, headers, extra="; report-type=delivery-status"))
    assert found.bounce is not None
    assert found.bounce.original_message_id == "0@desk.example"
    assert found.attachments == ()


@pytest.mark.parametrize(
    ("sender", "subject", "text"),
    [
        (
            "MAILER-DAEMON@mx.a.example", "failure notice",
            ("Hi. This is the qmail-send program at mx.a.example.\r\nI'm afraid I wasn't able to deliver your message to the following addresses.\r\n"
            "This is a permanent error; I've given up. Sorry it didn't work out.\r\n\r\n<ana@a.example>:\r\nSorry, no mailbox here by that name. (#5.1.1)\r\n\r\n"
            "--- Below this line is a copy of the message.\r\n\r\nMessage-ID: <0@desk.example>\r\nSubject: x\r\n"),
        ),
        (
            "Mail Delivery System <Mailer-Daemon@mx.a.example>", "Mail delivery failed: returning message to sender",
            ("This message was created automatically by mail delivery software.\r\n\r\nA message that you sent could not be delivered to one or more of its\r\n"
            "recipients. This is a permanent error. The following address(es) failed:\r\n\r\n  ana@a.example\r\n    unknown user\r\n\r\n"
            "------ This is a copy of the message, including all the headers. ------\r\n\r\nMessage-ID: <0@desk.example>\r\n"),
        ),
    ],
)  # fmt: skip
def test_a_failure_in_free_words_is_found(sender: str, subject: str, text: str) -> None:
    found = parse_mail(mail(f"From: {sender}", f"Subject: {subject}", "Return-Path: <>", body=text))
    assert found.kind is MailKind.BOUNCE
    assert found.bounce is not None
    assert [one.recipient for one in found.bounce.failed] == ["ana@a.example"]
    assert found.bounce.original_message_id == "0@desk.example"
    assert found.evidence[0].rule == "bounce"


def test_a_mailer_daemon_is_a_program_even_where_nobody_understands_it() -> None:
    found = parse_mail(
        mail("From: MAILER-DAEMON@a.example (Mail System)", "Subject: Something odd", body="Nobody knows.")
    )
    assert found.kind is MailKind.AUTO_REPLY
    assert found.evidence == (Evidence("daemon", "from", "MAILER-DAEMON@a.example"),)


def test_a_delay_in_free_words_is_no_failure() -> None:
    text = "This message was created automatically by mail delivery software.\r\nA message that you sent has not yet been delivered to one or more of its recipients.\r\nThe address to which the message has not yet been delivered is:\r\n\r\n  ana@a.example\r\n\r\nNo action is required on your part. Delivery attempts will continue for some time.\r\nWarning: still undelivered, we will keep trying.\r\n"
    found = parse_mail(
        mail("From: Mailer-Daemon@mx.a.example", "Subject: Warning: message delayed 24 hours", body=text)
    )
    assert found.kind is not MailKind.BOUNCE
    assert found.bounce is None or not found.bounce.failed


def test_exim_names_the_failed_in_a_header() -> None:
    found = parse_mail(mail("X-Failed-Recipients: ana@a.example, bo@a.example", body="x"))
    assert found.bounce is not None
    assert [one.recipient for one in found.bounce.failed] == ["ana@a.example", "bo@a.example"]


def test_a_customer_who_writes_about_a_failure_is_no_bounce() -> None:
    found = parse_mail(
        mail("Subject: Mail delivery failed", body="I wrote to ana@a.example and it failed: 550 5.1.1 user unknown")
    )
    assert (found.kind, found.bounce) == (MailKind.ORDINARY, None)


@pytest.mark.parametrize(
    ("sender", "subject"),
    [("kim@fooddelivery.example", "Parcel not delivered"), ("delivery@shop.example", "Fwd: Undelivered Mail Returned to Sender")],
)  # fmt: skip
def test_a_customer_whose_address_speaks_of_delivery_is_no_mail_system(sender: str, subject: str) -> None:
    text = "Why?\n\nThe following addresses had permanent fatal errors\n<ana@a.example>\n\n  ----- Transcript\n"
    assert parse_mail(mail(f"From: {sender}", f"Subject: {subject}", body=text)).kind is MailKind.ORDINARY


@pytest.mark.parametrize("kind", ["message/delivery-status", "message/disposition-notification"])
def test_a_report_that_a_person_forwards_is_an_attachment_of_theirs(kind: str) -> None:
    parts = part(PLAIN, "Why does this come back?"), part(kind, STATUS.format(action="failed", status="5.1.1"))
    found = read("Subject: Fwd: Undelivered Mail", content=multipart("mixed", *parts))
    assert (found.kind, found.bounce, found.disposition) == (MailKind.ORDINARY, None, None)
    assert [(one.name, one.media_type) for one in found.attachments] == [("attachment-1.txt", kind)]
    whole = multipart(
        "mixed", part(PLAIN, "See this"), report(STATUS.format(action="failed", status="5.1.1")), boundary="o"
    )
    assert read("Subject: Fwd: Undelivered Mail", content=whole).kind is MailKind.ORDINARY


@pytest.mark.parametrize("line", ["Return-Path: <>", "Auto-Submitted: auto-replied", "From: MAILER-DAEMON@a.example"])
def test_a_report_of_a_program_is_one_in_whichever_multipart(line: str) -> None:
    parts = part(PLAIN, "Sorry"), part("message/delivery-status", STATUS.format(action="failed", status="5.1.1"))
    assert read(line, content=multipart("mixed", *parts)).kind is MailKind.BOUNCE


def test_a_read_receipt_names_its_mail() -> None:
    fields = "Reporting-UA: x\r\nFinal-Recipient: rfc822;ana@a.example\r\nOriginal-Message-ID: <0@desk.example>\r\nDisposition: manual-action/MDN-sent-manually; displayed\r\n"
    found = read(
        content=report(fields, kind="message/disposition-notification", extra="; report-type=disposition-notification")
    )
    assert found.kind is MailKind.DISPOSITION
    assert found.disposition == Disposition("ana@a.example", "displayed", "0@desk.example")


def test_a_complaint_names_its_mail() -> None:
    fields = "Feedback-Type: abuse\r\nUser-Agent: x\r\nVersion: 1\r\nOriginal-Rcpt-To: <ana@a.example>\r\n"
    found = read(content=report(fields, kind="message/feedback-report", extra="; report-type=feedback-report"))
    assert found.kind is MailKind.FEEDBACK
    assert found.feedback == Feedback("abuse", "ana@a.example", "0@desk.example")


def test_the_language_is_what_the_program_says() -> None:
    assert header("Content-Language: de-DE").language == "de-DE"
    assert header("Accept-Language: fr, en;q=0.5").language == "fr"
    assert header("Accept-Language: <>").language is None

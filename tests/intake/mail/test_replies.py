"""Own words, quotes and signatures told apart, in the styles of many programs and languages."""

from __future__ import annotations

import pytest

from tests.intake.mail.build import multipart, part, read
from ticketcore.intake.mail import FragmentKind, parse_mail
from ticketcore.intake.mail.reply import fragments, split_reply


def cut(text: str) -> tuple[str, str, str]:
    found = fragments(text)
    assert "".join(one.text for one in found) == text
    return split_reply(found)


@pytest.mark.parametrize(
    "introduction",
    [
        "On Tue, Mar 5, 2024 at 9:12 AM Ana Lima <ana@a.example> wrote:",
        "On Tue, Mar 5, 2024 at 9:12 AM Ana Lima\n<ana@a.example> wrote:",
        "On 5 Mar 2024, at 09:12, Ana Lima\n<ana@a.example>\nwrote:",
        "On 05/03/2024 09:12, Ana Lima wrote:",
        "Ana Lima <ana@a.example> wrote on Tue, 5 Mar 2024:",
        "At 3/5/2024 09:12 AM, you wrote:",
        "---- On Tue, 05 Mar 2024 09:12:00 +0100 Ana <ana@a.example> wrote ----",
        "2024-03-05 9:12 GMT+01:00 Ana Lima <ana@a.example>:",
        "Am 05.03.24 um 09:12 schrieb Ana Lima:",
        "Am Di., 5. März 2024 um 09:12 Uhr schrieb Ana Lima <ana@a.example>:",
        "Ana Lima <ana@a.example> schrieb am Di., 5. März 2024, 09:12:",
        "Le mar. 5 mars 2024 à 09:12, Ana Lima <ana@a.example> a écrit :",
        "Le 05/03/2024 à 09:12, Ana Lima a écrit :",
        "El mar, 5 mar 2024 a las 9:12, Ana Lima (<ana@a.example>) escribió:",
        "Il giorno mar 5 mar 2024 alle ore 09:12 Ana Lima <ana@a.example> ha scritto:",
        "Op di 5 mrt 2024 om 09:12 schreef Ana Lima <ana@a.example>:",
        "Op 5 mrt. 2024 om 09:12 heeft Ana Lima <ana@a.example> het volgende geschreven:",
        "Em ter., 5 de mar. de 2024 às 09:12, Ana Lima <ana@a.example> escreveu:",
        "W dniu 5.03.2024 o 09:12, Ana Lima pisze:",
        "wt., 5 mar 2024 o 09:12 Ana Lima <ana@a.example> napisał(a):",
        "Den tis 5 mars 2024 kl 09:12 skrev Ana Lima <ana@a.example>:",
        "Den tirs. 5. mar. 2024 kl. 09.12 skrev Ana Lima <ana@a.example>:",
        "tir. 5. mar. 2024 kl. 09:12 skrev Ana Lima <ana@a.example>:",
        "ti 5. maalisk. 2024 klo 9.12 Ana Lima (ana@a.example) kirjoitti:",
        "Dne 05. 03. 24 v 9:12 Ana Lima napsal(a):",
        "út 5. 3. 2024 v 9:12 odesílatel Ana Lima <ana@a.example> napsal:",
        "вт, 5 мар. 2024 г. в 09:12, Ana Lima <ana@a.example>:",
        "5 марта 2024 г., в 09:12, Ana Lima <ana@a.example> написал(а):",
        "2024年3月5日(火) 9:12 Ana Lima <ana@a.example>:",
        "Ana Lima <ana@a.example> 于2024年3月5日周二 09:12写道：",
        "在 2024年3月5日，Ana Lima 写道：",
    ],
)
def test_a_quote_is_told_by_its_introduction_in_every_language(introduction: str) -> None:
    assert cut(f"Thanks.\n\n{introduction}\n\n> old\n> text\n") == ("Thanks.", f"{introduction}\n\n> old\n> text", "")
    assert cut(f"Thanks.\n\n{introduction}\nold\ntext\n") == ("Thanks.", f"{introduction}\nold\ntext", "")


@pytest.mark.parametrize(
    "block",
    [
        "From: Ana <ana@a.example>\nSent: Tuesday, 5 March 2024 09:12\nTo: Desk\nSubject: x",
        "*From:* Ana\n*Sent:* Tuesday\n*To:* Desk\n*Subject:* x",
        "Von: Ana <ana@a.example>\nGesendet: Dienstag, 5. März 2024 09:12\nAn: Desk\nBetreff: x",
        "De : Ana <ana@a.example>\nEnvoyé : mardi 5 mars 2024 09:12\nÀ : Desk\nObjet : x",
        "De: Ana\nEnviado el: martes\nPara: Desk\nAsunto: x",
        "De: Ana\nEnviada em: terça\nPara: Desk\nAssunto: x",
        "Da: Ana\nInviato: martedì\nA: Desk\nOggetto: x",
        "Van: Ana\nVerzonden: dinsdag\nAan: Desk\nOnderwerp: x",
        "From: Ana\nDatum: 5\nTill: Desk\nÄmne: x",
        "Fra: Ana\nSendt: 5\nTil: Desk\nEmne: x",
        "Od: Ana\nWysłano: 5\nDo: Desk\nTemat: x",
        "Od: Ana\nOdesláno: 5\nKomu: Desk\nPředmět: x",
        "Lähettäjä: Ana\nLähetetty: 5\nVastaanottaja: Desk\nAihe: x",
        "От: Ana\nОтправлено: 5\nКому: Desk\nТема: x",
        "差出人: Ana\n送信日時: 5\n宛先: Desk\n件名: x",
        "发件人: Ana\n发送时间: 5\n收件人: Desk\n主题: x",
        "-----Original Message-----\nFrom: Ana\nTo: Desk",
        "-----Ursprüngliche Nachricht-----\nVon: Ana\nAn: Desk\nBetreff: x",
        "----- Original Nachricht ----\nVon:     ana@a.example\nAn:      b\nDatum:   30.05.2017 16:17\nBetreff: x",
        "-------- Message d'origine --------\nDe : Ana\nDate : 5\nObjet : x",
        "________________________________\nFrom: Ana\nSent: 5\nTo: b\nSubject: x",
        "-----Original Message-----",
        "Date: 5\nFrom: Ana\nTo: b\nSubject: x",
        "De la: Ana\nTrimis: 5\nCătre: Desk\nSubiect: x",
        "Από: Ana\nΣτάλθηκε: 5\nΠρος: Desk\nΘέμα: x",
        "Від: Ana\nНадіслано: 5\nКому: Desk\nТема: x",
        "Siuntėjas: Ana\nIšsiųsta: 5\nKam: Desk\nTema: x",
        "寄件者: Ana\n寄件日期: 5\n收件者: Desk\n主旨: x",
    ],
)
def test_a_quote_is_told_by_the_headers_over_it(block: str) -> None:
    assert cut(f"Thanks.\nAna\n\n{block}\n\nold text\n\nmore\n") == ("Thanks.\nAna", f"{block}\n\nold text\n\nmore", "")


@pytest.mark.parametrize(
    "text",
    [
        "On Monday I wrote: nothing. Then",
        "On your remote host you can run:\n\n  telnet a.example\n\nThat is all.",
        "From: my point of view\nthis is fine.",
        "To: do\nData: all of it",
        "He wrote:\n\nHello there.",
        "Quiero viajar\nDe: Madrid\nA: Roma\nFecha: 2 marzo\n\nGracias",
        "Od: Warszawa\nDo: Gdańsk\nData: 2 marca",
        "Please do:\n\n- Restart",
        "I called at 10:00 and mailed ana@a.example:\n\nno answer came",
        "On 5 May your colleague wrote:\n\nwe shall refund it\n\nbut nothing happened.",
        '"Bo wrote:\n\nsomething',
        "- one\n- two\n- Three",
        "a -- b\nc __ d",
        "Dear all:\nsee 5 > 4\nand 3 < 4",
        "I sent it on 5 May 2024, as you wrote: fine",
        "  indented\n    more\n",
        "Sent from my desk, it is faster than by phone",
    ],
)
def test_ordinary_words_are_no_quote(text: str) -> None:
    assert cut(text) == (text.strip("\n").rstrip(), "", "")


@pytest.mark.parametrize(
    "signature",
    [
        "-- \nAna\nTel. 1", "--\nAna", "__\nAna", "Sent from my iPhone", "Get Outlook for iOS<https://aka.ms/x>", "Von meinem iPhone gesendet",
        "Gesendet von Mail für Windows", "Envoyé de mon iPhone", "Enviado desde mi iPhone", "Enviado do meu iPhone", "Inviato da iPhone",
        "Verzonden vanaf mijn iPhone", "Wysłane z iPhone'a", "Skickat från min iPhone", "Sendt fra min iPhone", "Lähetetty iPhonesta",
        "Odesláno z iPhonu", "Отправлено с iPhone", "iPhoneから送信", "发自我的 iPhone", "-Ana", "- Ana Lima", "(sent from a phone)",
        "_______________________________________________\nusers mailing list\nusers@a.example", "Sent from my cell, please excuse any typos.",
        "Diese Nachricht wurde von meinem Android-Gerät mit K-9 Mail gesendet.",
    ],
)  # fmt: skip
def test_a_signature_is_told_with_and_without_a_quote_below(signature: str) -> None:
    quote = "On 5 Mar 2024, Bo <bo@a.example> wrote:\n> old"
    assert cut(f"Thanks.\n\n{signature}\n") == ("Thanks.", "", signature)
    assert cut(f"Thanks.\n\n{signature}\n\n{quote}\n") == ("Thanks.", quote, signature)


def test_answers_between_and_below_quotes_keep_what_they_answer() -> None:
    text = "On 5 Mar 2024, Bo wrote:\n> Does it print?\n\nNo.\n\n> Is it on?\n\nYes.\n\n> Bye\n> Bo\n"
    reply, quoted, _ = cut(text)
    assert reply == text.removesuffix("\n\n> Bye\n> Bo\n")
    assert quoted == "> Bye\n> Bo"
    below = "> Does it print?\n\nNo, it does not.\n"
    assert cut(below)[:2] == (below.strip(), "")


@pytest.mark.parametrize(
    "introduction",
    [
        "2024-03-05, an, 9:12 Ana Lima <ana@a.example> rašė:", "На вт, 5.03.2024 г. в 9:12 Ana Lima <ana@a.example> написа:",
        "Missatge d'Ana Lima <ana@a.example> del dia dt., 5 de març 2024 a les 9:12:", "* Ana Lima <ana@a.example> [2024-03-05 09:12]:",
        "في الثلاثاء، 5 مارس 2024 في 9:12 ص تمت كتابة ما يلي بواسطة Ana Lima <ana@a.example>:", "5. März 2024, 09:12 von ana@a.example:",
        "\u202bבתאריך יום ג׳, 5 במרץ 2024 ב-9:12 מאת \u202aAna\u202c <\u202aana@a.example\u202c>:\u202c",
    ],
)  # fmt: skip
def test_a_line_with_time_and_address_over_a_quote_introduces_it_in_any_language(introduction: str) -> None:
    assert cut(f"Thanks.\n\n{introduction}\n\n> old\n") == ("Thanks.", f"{introduction}\n\n> old", "")
    assert cut(f"Thanks.\n\n{introduction}\n\nnot quoted\n")[1] == ""


def test_a_mail_of_quotes_alone_has_no_reply() -> None:
    assert cut("On 5 Mar 2024, Bo wrote:\n> old\n")[:2] == ("", "On 5 Mar 2024, Bo wrote:\n> old")


def test_what_is_forwarded_belongs_to_the_reply() -> None:
    text = "See below.\n\n---------- Forwarded message ---------\nFrom: Bo <bo@a.example>\nDate: 5\nSubject: x\nTo: Ana\n\nThe text.\n"
    assert cut(text) == (text.strip(), "", "")
    outlook = "From: Bo\nSent: 5\nTo: Ana\nSubject: x\n\nThe text.\n"
    assert cut(outlook)[0] == ""
    raw = f"Subject: WG: x\r\nFrom: a@a.example\r\n\r\n{outlook}".encode()
    assert parse_mail(raw).reply_text == outlook.strip()
    with_words = raw.replace(b"\r\n\r\n", b"\r\n\r\nPlease help them.\n\n")
    assert parse_mail(with_words).reply_text == f"Please help them.\n\n{outlook.strip()}"
    assert parse_mail(with_words.replace(b"WG:", b"AW:")).reply_text == "Please help them."


def test_the_fields_of_a_form_are_no_quote_where_nothing_is_answered() -> None:
    fields = "From: Bo\nTo: Paris\nDate: 5 May\nSubject: travel\n\nI want to go there.\n"
    assert parse_mail(f"Subject: Form\r\n\r\n{fields}".encode()).reply_text == fields.strip()
    assert parse_mail(f"Subject: Form\r\nIn-Reply-To: <1@x>\r\n\r\n{fields}".encode()).reply_text == ""


def test_html_replies_of_common_programs_are_cut() -> None:
    gmail = "<div dir=ltr>Thanks.</div><br><div class=gmail_quote><div class=gmail_attr>On Tue, Mar 5, 2024 at 9:12 AM Bo &lt;<a href='mailto:bo@a.example'>bo@a.example</a>&gt; wrote:<br></div><blockquote class=gmail_quote><div>old</div></blockquote></div>"
    outlook = "<div>Thanks.</div><hr><div id=divRplyFwdMsg><b>From:</b> Bo<br><b>Sent:</b> Tuesday<br><b>To:</b> Ana<br><b>Subject:</b> x</div><div>old</div>"
    apple = "<div>Thanks.</div><div><blockquote type=cite><div>On 5 Mar 2024, at 09:12, Bo wrote:</div><br><div>old</div></blockquote></div>"
    thunderbird = "<p>Thanks.</p><div class=moz-cite-prefix>Am 05.03.24 um 09:12 schrieb Bo:<br></div><blockquote type=cite><p>old</p></blockquote>"
    yahoo = "<div>Thanks.</div><div class=yahoo_quoted><div>On Tuesday, March 5, 2024 at 09:12:00 AM GMT+1, Bo &lt;bo@a.example&gt; wrote:</div><div><br></div><div>old</div></div>"
    for html in (gmail, outlook, apple, thunderbird, yahoo):
        found = read(content=part("text/html; charset=utf-8", html))
        assert found.reply_text == "Thanks.", html
        assert "old" in found.quoted_text


def test_the_fragments_of_a_mail_are_its_text() -> None:
    found = read(
        content=multipart(
            "mixed",
            part("text/plain", "Hi\r\n\r\n-- \r\nAna\r\n"),
            part("text/plain", "On 5 Mar 2024, Bo wrote:\r\n> x\r\n"),
        )
    )
    assert [one.kind for one in found.fragments] == [FragmentKind.REPLY, FragmentKind.SIGNATURE, FragmentKind.QUOTE]
    assert "".join(one.text for one in found.fragments) == found.text

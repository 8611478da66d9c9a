"""The words by which mail programs, in each language, introduce a quoted mail, and those under their signatures."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["AUTHORS", "FORWARDED", "LABELS", "MOBILE", "STRONG", "SUBJECTS", "TITLES", "WEAK", "WROTE"]

WROTE: Final = (
    "wrote", "writes", " said:", " says:", "schrieb", "schreibt", "a écrit", "a ecrit", "écrivait", "a écris", "escribió", "escribio", "ha escrito", "escribe:",
    "ha scritto", "scrive:", "schreef", "geschreven", "schreven", "escreveu", "napisał", "pisze:", "skrev", "skriver:", "kirjoitti",
    "napsal", "napísal", "написал", "написав", "пишет", "пише:", "έγραψε", "írta", "yazdı", "şunları yaz", "a scris", "napisao", "skrifaði",
    "写道", "寫道", "のメール", "さんは書きました", "さんが書きました", "작성", "đã viết", "menulis", "כתב", "كتب",
)  # fmt: skip
"""In lower case; one of them is in every introduction."""
# How an introduction begins. Alone it says nothing; with one of the words above and a date it does.
STRONG: Final = re.compile(
    r"[-\"'*_ ]{0,6}(?:在 ?\d|(?:on|at|am|le|el|il|op|em|w dniu|dnia|den|dne|på|in data|il giorno|a|à|ma|pe|to|ke|ti|la|su|στις|ngày|pada|il|"
    r"mon|tue|wed|thu|fri|sat|sun|mo|di|mi|do|fr|sa|so|пн|вт|ср|чт|пт|сб|вс)\b[ ,.]|понедельник|вторник|среда|четверг|пятница|суббота|"
    r"воскресенье|(?:mon|tues|wednes|thurs|fri|satur|sun)day|\d{1,4}[./年 -])",
    re.IGNORECASE,
)
WEAK: Final = re.compile(r"[\"'*_ ]{0,3}(?:<?[\w.+-]{1,60}@|[\"'*])")

AUTHORS: Final = frozenset({
    "from", "von", "de", "da", "od", "från", "fra", "van", "lähettäjä", "od koho", "отправитель", "от", "від", "差出人", "发件人", "寄件者",
    "寄件人", "보낸 사람", "보낸사람", "feladó", "gönderen", "kimden", "afzender", "mittente", "remitente", "expéditeur", "nadawca", "avsändare",
    "afsender", "avsender", "odesílatel", "odosielateľ", "siuntėjas", "de la", "šalje", "από", "מאת", "من",
})  # fmt: skip
SUBJECTS: Final = frozenset({
    "subject", "betreff", "objet", "asunto", "assunto", "oggetto", "onderwerp", "temat", "ämne", "emne", "aihe", "předmět", "predmet",
    "тема", "относно", "件名", "主题", "主旨", "제목", "tárgy", "konu", "נושא", "subiect", "θέμα", "tema",
})  # fmt: skip
LABELS: Final = AUTHORS | SUBJECTS | frozenset({
    "sent", "date", "to", "cc", "bcc", "reply-to", "importance", "attachments", "organization", "sent by", "when",
    "gesendet", "datum", "an", "kopie", "antwort an", "priorität",
    "envoyé", "envoye", "à", "copie", "copie à", "envoyé le",
    "enviado", "enviada em", "enviado el", "enviado em", "fecha", "para", "data",
    "inviato", "a", "per", "verzonden", "aan", "wysłano", "do", "dw",
    "skickat", "skickades", "till", "kopia", "sendt", "til", "kopi", "dato", "lähetetty", "päivämäärä", "vastaanottaja",
    "kopio", "odesláno", "komu", "дата", "отправлено", "кому", "копия",
    "送信日時", "送信日", "日時", "宛先", "发送时间", "发送日期", "收件人", "抄送", "日期", "收件者",
    "寄件日期", "副本", "trimis", "către", "στάλθηκε", "προς", "κοιν", "elküldve", "gönderildi", "odoslané",
    "надіслано", "изпратено", "до", "poslano", "primatelj", "išsiųsta", "kam", "보낸 날짜", "받는 사람", "küldve", "címzett", "tarih", "kime", "נשלח", "אל",
})  # fmt: skip
TITLES: Final = frozenset({
    "original message", "original mail", "original appointment", "original email", "ursprüngliche nachricht", "ursprüngliche mail",
    "ursprüngliche e-mail", "original-nachricht", "originalnachricht", "original nachricht", "message d'origine", "message d’origine",
    "message original", "message initial", "mensaje original", "mensagem original", "messaggio originale", "oorspronkelijk bericht",
    "origineel bericht", "wiadomość oryginalna", "oryginalna wiadomość", "ursprungligt meddelande", "originalmeddelande",
    "oprindelig meddelelse", "original meddelelse", "opprinnelig melding", "alkuperäinen viesti", "původní zpráva", "pôvodná správa",
    "исходное сообщение", "оригинальное сообщение", "元のメッセージ", "原始邮件", "原始郵件", "원본 메시지", "원본메시지", "eredeti üzenet",
    "orijinal mesaj", "reply message", "reply above this line", "please reply above this line", "please type your reply above this line",
    "write above this line to reply", "reply above this line to respond", "bitte oberhalb dieser zeile antworten", "type your reply above this line",
    "in reply to", "original-mail", "urspr. nachricht",
})  # fmt: skip
FORWARDED: Final = (
    "forwarded message", "forwarded mail", "forwarded by", "begin forwarded message", "weitergeleitete nachricht", "weitergeleitete mail",
    "weitergeleitete e-mail", "anfang der weitergeleiteten", "message transféré", "message réexpédié", "début du message", "mensaje reenviado",
    "inicio del mensaje reenviado", "mensagem encaminhada", "mensagem reencaminhada", "messaggio inoltrato", "inizio messaggio inoltrato",
    "doorgestuurd bericht", "begin doorgestuurd bericht", "wiadomość przekazana", "przekazana wiadomość", "treść przekazanej wiadomości",
    "vidarebefordrat", "videresendt", "välitetty viesti", "přeposlaná zpráva", "пересылаемое сообщение", "转发邮件", "转发的邮件", "転送メッセージ",
    "转发信息", "전달된 메시지",
)  # fmt: skip

_DEVICE: Final = r"[^\n,;!?]{1,70}"
MOBILE: Final = re.compile(
    rf"[>\s*_<\[(]{{0,10}}(?:sent from (?:my |a |the )?{_DEVICE}|sent (?:via|using|with|by) {_DEVICE}|from my {_DEVICE}|get outlook for {_DEVICE}"
    rf"|(?:von|mit) meinem {_DEVICE}gesendet|gesendet (?:von|mit|aus) {_DEVICE}|diese nachricht wurde von meinem {_DEVICE}gesendet"
    rf"|outlook für {_DEVICE}|envoyé (?:de|depuis|à partir de|avec) {_DEVICE}|télécharger outlook pour {_DEVICE}"
    rf"|enviado (?:desde|do|a partir do|pelo|con) {_DEVICE}|obtener outlook para {_DEVICE}|obter o outlook para {_DEVICE}"
    rf"|inviato (?:da|dal|con) {_DEVICE}|scarica outlook per {_DEVICE}|(?:verzonden|verstuurd) (?:vanaf|met|vanuit) {_DEVICE}"
    rf"|wysłan[aeo] (?:z|ze) {_DEVICE}|skickat från {_DEVICE}|sendt fra {_DEVICE}|lähetetty {_DEVICE}|odesláno (?:z|ze) {_DEVICE}"
    rf"|отправлено (?:с|из) {_DEVICE}|发自(?:我的)?{_DEVICE}|從我的{_DEVICE}傳送|{_DEVICE}から送信|나의 {_DEVICE}에서 보냄)"
    r"(?:[,.;!] *(?:please|pls|kindly|excuse|sorry|forgive|apolog)[^\n]{0,100})?[.>\])*_\s]{0,10}$",
    re.IGNORECASE,
)

"""Signed names of tickets: they survive what mail does to them, and nothing else passes."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ticketcore import TicketCore
from ticketcore.errors import ConfigurationError, LinkExpired, LinkForged
from ticketcore.ids import Kind, Number, aggregate_id, number_of
from ticketcore.intake.tokens import Tokens
from ticketcore.settings import Settings

SECRET = bytes(range(32))
TOKENS = Tokens(SECRET, "main", domain="example.org", reply="support@example.org")
TICKET = aggregate_id(Number(Kind.TICKET, 2026, 42), "main")
OTHER = aggregate_id(Number(Kind.TICKET, 2026, 43), "main")
CUSTOMER = aggregate_id(Number(Kind.CUSTOMER, 2026, 7), "main")
NOW = datetime(2026, 11, 28, 9, 0, tzinfo=UTC)

numbers = st.builds(Number, st.just(Kind.TICKET), st.integers(1000, 4095), st.integers(1, (1 << 40) - 1))
tickets = st.builds(aggregate_id, numbers, st.just("main"))
versions = st.integers(1, 9_999_999)
alphabet = st.sampled_from("abcdefghijklmnopqrstuvwxyz234567.-+@<>[]T0189 \n")


def same_but_for_case_and_frame(a: str, b: str) -> bool:
    return re.sub(r"[<>\s]", "", a).lower().split("@")[0] == re.sub(r"[<>\s]", "", b).lower().split("@")[0]


@st.composite
def altered(draw: st.DrawFn, text: str) -> str:
    """Return *text* with one character changed, removed, added, or two swapped."""
    at = draw(st.integers(0, len(text) - 1))
    what = draw(st.sampled_from(["change", "remove", "add", "swap"]))
    if what == "change":
        return text[:at] + draw(alphabet) + text[at + 1 :]
    if what == "remove":
        return text[:at] + text[at + 1 :]
    if what == "add":
        return text[:at] + draw(alphabet) + text[at:]
    return text[:at] + text[at : at + 2][::-1] + text[at + 2 :]


@given(tickets, versions)
def test_every_name_gives_its_ticket_back(ticket: UUID, version: int) -> None:
    assert TOKENS.ticket_of_message_id(TOKENS.message_id(ticket, version)) == (ticket, version)
    assert TOKENS.is_ours(TOKENS.message_id(ticket, version))
    assert TOKENS.ticket_of_address(TOKENS.reply_address(ticket)) == ticket
    assert TOKENS.bounce_of_address(TOKENS.reply_address(ticket)) is None
    assert TOKENS.bounce_of_address(TOKENS.bounce_address(ticket, version)) == (ticket, version)
    assert TOKENS.tickets_in(f"before{TOKENS.marker(ticket)}after {TOKENS.marker(ticket)}") == (ticket,)


def test_names_have_the_documented_shapes() -> None:
    assert re.fullmatch(r"<T-2026-000042-6\.17\.[a-z2-7]{16}@example\.org>", TOKENS.message_id(TICKET, 17))
    assert re.fullmatch(r"support\+T-2026-000042-6\.[a-z2-7]{16}@example\.org", TOKENS.reply_address(TICKET))
    assert re.fullmatch(r"support\+T-2026-000042-6\.17\.[a-z2-7]{16}@example\.org", TOKENS.bounce_address(TICKET, 17))
    assert re.fullmatch(r"\[T-2026-000042-6\.[a-z2-7]{16}\]", TOKENS.marker(TICKET))


@given(st.data(), versions)
def test_no_altered_message_id_verifies(data: st.DataObject, version: int) -> None:
    right = TOKENS.message_id(TICKET, version)
    wrong = data.draw(altered(right))
    assume(not same_but_for_case_and_frame(wrong, right))
    assert TOKENS.ticket_of_message_id(wrong) is None


@given(st.data())
def test_no_altered_address_verifies(data: st.DataObject) -> None:
    local, domain = TOKENS.reply_address(TICKET).removeprefix("support+").split("@")
    wrong = data.draw(altered(local))
    bare = re.sub(r"\s", "", wrong)  # lines are folded anywhere
    assume(bare.strip("+-<>.").lower() != local.lower())
    assume(not re.search(rf"(?<![a-z0-9-]){re.escape(local)}$", bare, re.IGNORECASE))
    assert TOKENS.ticket_of_address(f"support+{wrong}@{domain}") is None


@given(st.data())
def test_no_altered_marker_verifies(data: st.DataObject) -> None:
    token = TOKENS.marker(TICKET)[1:-1]
    wrong = data.draw(altered(token))
    assume(token.lower() not in re.sub(r"[\s>]", "", wrong).lower())
    assert TOKENS.tickets_in(f"[{wrong}]") == ()


@given(st.data())
def test_no_altered_link_verifies(data: st.DataObject) -> None:
    token = TOKENS.link_token(TICKET, CUSTOMER, NOW)
    wrong = data.draw(altered(token))
    assume(wrong.strip().lower() != token)
    with pytest.raises(LinkForged, match=r"expected one of 56 as it was sent"):
        TOKENS.read_link(wrong, NOW)


@given(tickets, versions, st.binary(min_size=32, max_size=32), st.text(min_size=1, max_size=20))
def test_another_logs_or_secrets_names_never_verify(ticket: UUID, version: int, secret: bytes, log: str) -> None:
    assume(secret != SECRET)
    assume(log != "main")
    for other in (Tokens(secret, "main", domain="example.org", reply="support@example.org"),
                  Tokens(SECRET, log, domain="example.org", reply="support@example.org")):  # fmt: skip
        assert other.ticket_of_message_id(TOKENS.message_id(ticket, version)) is None
        assert other.is_ours(TOKENS.message_id(ticket, version)), "ours by its look, and forged"
        assert other.ticket_of_address(TOKENS.reply_address(ticket)) is None
        assert other.ticket_of_address(TOKENS.bounce_address(ticket, version)) is None
        assert other.tickets_in(TOKENS.marker(ticket)) == ()
        with pytest.raises(LinkForged):
            other.read_link(TOKENS.link_token(ticket, CUSTOMER, NOW), NOW)


def test_one_kind_of_name_is_not_another() -> None:
    reply = TOKENS.reply_address(TICKET).removeprefix("support+")
    assert TOKENS.ticket_of_message_id(f"<{reply}>") is None
    message = TOKENS.message_id(TICKET, 17)[1:-1]
    assert TOKENS.tickets_in(message) == ()
    signature = reply.split(".")[1].split("@")[0]
    assert TOKENS.ticket_of_message_id(f"<T-2026-000042-6.17.{signature}@example.org>") is None


@pytest.mark.parametrize("mangle", [
    str.upper, str.lower, lambda t: t.strip("<>"), lambda t: f" {t}\r\n", lambda t: t.replace(".17.", ".17.\r\n\t"),
    lambda t: t.replace("example.org", "relay.example.net"), lambda t: t.split("@")[0],
])  # fmt: skip
def test_a_message_id_survives_relays(mangle: object) -> None:
    assert callable(mangle)
    assert TOKENS.ticket_of_message_id(mangle(TOKENS.message_id(TICKET, 17))) == (TICKET, 17)


@pytest.mark.parametrize("mangle", [
    str.upper, str.lower, lambda t: t.replace("-", "\u2011"), lambda t: t[1:-1], lambda t: t.replace("-0", "-\n> > 0"),
    lambda t: t.replace(".", ".\r\n| "), lambda t: f"(see {t[1:-1]})\u200b", lambda t: t.replace("000", "00\u00ad0"),
])  # fmt: skip
def test_a_marker_survives_quoting(mangle: object) -> None:
    assert callable(mangle)
    text = f"> Guten Tag,\n> {mangle(TOKENS.marker(TICKET))}\nthanks"
    assert TOKENS.tickets_in(text) == (TICKET,)


@pytest.mark.parametrize("frame", [
    "{}", "<{}>", '"Support" <{}>', "SRS0=abcd=EF=example.org={}", "prvs=123456789a={}",
])  # fmt: skip
def test_an_address_survives_forwarding(frame: str) -> None:
    address = TOKENS.bounce_address(TICKET, 17)
    assert TOKENS.bounce_of_address(frame.format(address)) == (TICKET, 17)
    assert TOKENS.ticket_of_address(frame.format(address).upper()) == TICKET


def test_several_markers_are_all_found_in_order() -> None:
    text = f"{TOKENS.marker(OTHER)} {TOKENS.reply_address(TICKET)} {TOKENS.marker(OTHER)}"
    assert TOKENS.tickets_in(text) == (OTHER, TICKET)


@given(tickets, st.integers(0, 4_000_000_000))
def test_a_link_is_valid_until_it_expires(ticket: UUID, seconds: int) -> None:
    expires = datetime.fromtimestamp(seconds, UTC)
    token = TOKENS.link_token(ticket, CUSTOMER, expires)
    assert re.fullmatch(r"[a-z2-7]{56}", token)
    assert TOKENS.read_link(f" {token.upper()}\n", expires) == (ticket, CUSTOMER)
    with pytest.raises(LinkExpired, match=r"it was valid until .* \(ask for a new one\)"):
        TOKENS.read_link(token, expires + timedelta(seconds=1))


@given(tickets, st.integers(1, 2**31 - 1), st.integers(0, 4_000_000_000))
def test_a_rating_names_ticket_customer_and_solution(ticket: UUID, solved: int, seconds: int) -> None:
    expires = datetime.fromtimestamp(seconds, UTC)
    token = TOKENS.rating_token(ticket, CUSTOMER, solved, expires)
    assert re.fullmatch(r"[a-z2-7]{64}", token)
    assert TOKENS.read_rating(f" {token.upper()}\n", expires) == (ticket, CUSTOMER, solved)
    with pytest.raises(LinkExpired):
        TOKENS.read_rating(token, expires + timedelta(seconds=1))
    with pytest.raises(LinkForged):
        TOKENS.read_link(token, expires)
    with pytest.raises(LinkForged):
        TOKENS.read_rating(TOKENS.link_token(ticket, CUSTOMER, expires), expires)


@given(st.integers(0, 63), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_changed_rating_token_is_forged(at: int, other: str) -> None:
    token = TOKENS.rating_token(TICKET, CUSTOMER, 5, NOW)
    assume(token[at] != other)
    with pytest.raises(LinkForged):
        TOKENS.read_rating(token[:at] + other + token[at + 1 :], NOW)


def test_a_link_needs_a_time_with_its_zone() -> None:
    with pytest.raises(ValueError, match=r"expires is 2026-11-28T09:00:00, expected a time with its zone"):
        TOKENS.link_token(TICKET, CUSTOMER, NOW.replace(tzinfo=None))


@given(st.text())
def test_any_text_is_read_without_error(text: str) -> None:
    assert TOKENS.ticket_of_message_id(text) is None
    assert TOKENS.ticket_of_address(text) is None
    assert TOKENS.tickets_in(text) == ()


def test_without_settings_names_are_verified_and_none_is_made() -> None:
    bare = Tokens(SECRET, "main")
    assert bare.ticket_of_message_id(TOKENS.message_id(TICKET, 1)) == (TICKET, 1)
    with pytest.raises(
        ConfigurationError, match=r"TICKETCORE_MAIL_DOMAIN is not set.*\(set it, or TICKETCORE_MAIL_FROM"
    ):
        bare.message_id(TICKET, 1)
    with pytest.raises(ConfigurationError, match="TICKETCORE_MAIL_REPLY_TO is not set"):
        bare.reply_address(TICKET)


def test_a_core_makes_names_by_its_settings_and_keeps_them() -> None:
    settings = Settings(mail_from="Example Støtte <help@mail.example.org>")
    with TicketCore.in_memory(settings=settings) as core:
        assert core.tokens.message_id(TICKET, 1).endswith("@mail.example.org>")
        assert core.tokens.reply_address(TICKET).startswith(f"help+{number_of(TICKET)}.")
        assert core.tokens.tickets_in(core.tokens.marker(TICKET)) == (TICKET,)


@pytest.mark.parametrize(("values", "message"), [
    ({"mail_from": "nobody"}, r"mail_from \(TICKETCORE_MAIL_FROM\) is 'nobody': .*expected an ASCII address"),
    ({"mail_from": "a@b.example\r\nBcc: x@example.org"}, r"TICKETCORE_MAIL_FROM"),
    ({"mail_domain": "a b"}, r"TICKETCORE_MAIL_DOMAIN"),
    ({"mail_reply_to": "a+b@example.org"}, r"without '\+'"),
    ({"mail_reply_to": "x" * 23 + "@example.org"}, r"has 23 characters before its @, expected at most 22"),
])  # fmt: skip
def test_a_wrong_setting_is_named(values: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        Settings(**values)


def test_a_long_mailbox_is_taken_without_plus_addresses() -> None:
    settings = Settings(mail_reply_to="x" * 40 + "@example.org", mail_plus=False)
    assert settings.plus_mailbox is None

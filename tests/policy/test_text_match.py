"""Words of people in any script: what is the same to people is found, and nothing inside other words."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketcore.policy.conditions import Condition
from ticketcore.policy.errors import BadPolicy
from ticketcore.policy.facts import Facts
from ticketcore.policy.source import check_policy
from ticketcore.policy.text_match import Expression, Words, _joined, folded, normalised


def found(words: str, text: str) -> bool:
    return Words.of(words).found_in(folded(text))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("iade", "İADE istiyorum"),
        ("İade", "iade istiyorum"),
        ("kırık", "EKRAN KIRIK"),
        ("straße", "STRASSE 5"),
        ("strasse", "große STRAẞE"),
        ("café", "un cafe\u0301 noir"),
        ("επιστροφή", "ΕΠΙΣΤΡΟΦΗ ΧΡΗΜΑΤΩΝ"),
        ("λόγος", "ΛΟΓΟΣ"),
        ("don't work", "They don\u2019t\u00a0work"),
        ("e-mail", "E\u2011Mail kaputt"),
        ("refund", "my re\u00adfund, re\u200bfund"),
        ("refund", "ＲＥＦＵＮＤ!"),
        ("退款", "我要退款了"),
        ("ヘンキン", "ﾍﾝｷﾝして"),
        ("환불", "환불해주세요"),
        ("คืนเงิน", "ขอคืนเงินครับ"),
        ("استرداد المال", "أريد استـــرداد\u200f المال"),
        ("החזר כספי", "\u202bהחזר\u200e כספי\u202c"),
        ("می\u200cخواهم", "میخواهم"),
        ("वापसी", "पैसे की वापसी चाहिए"),
        ("❤", "I ❤\ufe0f it"),
        ("c++", "C++ crash"),
        ("refund*", "refunds"),
        ("*rechnung", "Stromrechnung"),
    ],
)
def test_what_people_write_in_another_form_is_found(words: str, text: str) -> None:
    assert found(words, text)


@pytest.mark.parametrize(
    ("words", "text"),
    [
        ("refund", "prefunded"),
        ("refund", "refunds, refund_2"),
        ("refund*", "prefund"),
        ("12", "order 123"),
        ("cafe", "cafe\u0301"),
        ("वाप", "वापसी"),
        ("ا", "المال"),
    ],
)
def test_nothing_is_found_inside_a_word(words: str, text: str) -> None:
    assert not found(words, text)


@given(st.text(max_size=60))
def test_folding_again_changes_nothing(text: str) -> None:
    once = folded(text)
    assert folded(once) == once or unicodedata.normalize("NFKC", once) != once


ALPHABET = st.text(st.sampled_from("ab _-退\u0301é"), max_size=40)


@given(st.text(st.sampled_from("ab退*é-"), min_size=1, max_size=4), ALPHABET)
def test_a_word_is_found_where_it_stands_between_borders_and_nowhere_else(written: str, text: str) -> None:
    try:
        words = Words.of(written)
    except ValueError:
        return
    text, wanted = folded(text), words.text
    places = (at for at in range(len(text)) if text.startswith(wanted, at))
    expected = any(
        (words.open_before or at == 0 or not _joined(text[at - 1], wanted[0]))
        and (words.open_after or at + len(wanted) == len(text) or not _joined(wanted[-1], text[at + len(wanted)]))
        for at in places
    )
    assert words.found_in(text) is expected


@pytest.mark.parametrize(
    ("written", "text", "holds"),
    [
        ("退款？", "要退款", False),
        ("退款？", "要退款？", True),
        ("（退款）", "退款", False),
        ("\\（退款\\）", "（退款）", True),
        ("[（）]", "退）", True),
        ("a…", "abcd", False),
        ("a\\\\.", "a\\x", True),
        ("^refund.*order \\d+$", "Refund for ORDER 12", True),
    ],
)
def test_a_wide_sign_in_an_expression_means_itself(written: str, text: str, holds: bool) -> None:
    assert Expression(written).found_in(normalised(text)) is holds


@given(st.text(st.characters(exclude_categories=["C", "P", "S", "Z", "M"]), min_size=1, max_size=20))
def test_letters_as_an_expression_find_themselves(text: str) -> None:
    assert Expression(text).found_in(normalised(text))


@pytest.mark.parametrize(("subject", "there"), [(None, False), (("",), False), ((" \n",), False), (("x",), True)])
def test_a_text_of_blanks_is_none(subject: Any, there: bool) -> None:
    facts = Facts({"subject": lambda: subject})
    for asked in (True, False):
        condition = Condition.model_validate({"field": "subject", "is_set": asked})
        assert condition.matches(facts) is (there is asked)
        assert condition.saw(facts) == {"subject": "set" if there else "none"}


@pytest.mark.parametrize("operator", ["is", "starts_with", "ends_with", "contains"])
def test_a_text_that_nobody_sees_is_not_looked_for(operator: str) -> None:
    with pytest.raises(BadPolicy, match="looks for nothing"):
        check_policy(
            f'name: a\nrouting:\n  - {{rule: r, when: {{field: subject, {operator}: "\\u200b"}}, team: x}}\nteams: {{x: {{}}}}\n'
        )


def test_of_many_words_that_were_found_the_last_hundred_are_told() -> None:
    words = [f"word{n}" for n in range(150)]
    condition = Condition.model_validate({"field": "subject", "contains_any": words})
    told = condition.saw(Facts({"subject": lambda: (" ".join(words),)}))["subject"]
    assert told.startswith("found 'word50', ")
    assert told.endswith("found 'word149', and 50 before")


def test_an_expression_sees_names_as_it_sees_texts() -> None:
    condition = Condition.model_validate({"field": "category", "matches": "^Ｒück"})
    assert condition.matches(Facts({"category": lambda: "Ｒu\u0308ckgabe"}))

"""The language of a text: told where it is sure, and only there."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ticketcore.intake.language import detect_language

TEXTS = {
    "en": "My order has not arrived and nobody answers the phone.",
    "de": "Guten Tag, mein Paket ist seit einer Woche nicht angekommen.",
    "fr": "Bonjour, ma commande n'est pas arrivée, merci de me répondre.",
    "es": "Buenos días, mi pedido no ha llegado y nadie contesta el teléfono.",
    "it": "Buongiorno, il mio ordine non è ancora arrivato.",
    "nl": "Goedendag, mijn bestelling is nog steeds niet aangekommen.",
    "sv": "Hej, min beställning har inte kommit fram ännu.",
    "pl": "Dzień dobry, gdzie jest moja paczka? Czekam już tydzień.",
    "cs": "Dobrý den, balík mi ještě nepřišel a nikdo nebere telefon.",
    "ja": "注文した商品がまだ届いていません。確認をお願いします。",
}


@pytest.mark.parametrize("language", TEXTS)
def test_a_sentence_tells_its_language(language: str) -> None:
    assert detect_language(TEXTS[language]) == language
    assert detect_language(f"{TEXTS[language]}\n\nhttps://example.org/order/12345 kim@example.org") == language


@pytest.mark.parametrize(
    "text", ["", "Hello", "ok", "12345", "Rechnung 12345", "https://example.org/a/b/c?d=Bestellung", "👍👍👍"]
)
def test_too_short_a_text_tells_nothing(text: str) -> None:
    assert detect_language(text) is None


@settings(max_examples=50, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_a_tag_or_nothing(text: str) -> None:
    found = detect_language(text)
    assert found is None or (len(found) in (2, 3) and found.isalpha())


def test_it_is_loaded_at_the_first_text_only() -> None:
    code = "import sys, ticketcore.app, ticketcore.intake.language; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""The sample's texts: what customers and agents write, in their language."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

__all__ = ["Texts"]

_GOOD = 4


class Texts:
    """Texts of one life.

    Args:
        rng: of the life.
        language: the language's part of demo_data.yaml.
        topic: what the inquiry is about.
        name: the customer's.
        products: to choose from.
        at: when it begins; days in the texts lie before it.
    """

    def __init__(
        self,
        rng: random.Random,
        language: Mapping[str, Any],
        topic: str,
        name: str,
        products: Sequence[str],
        at: datetime,
    ) -> None:
        self._rng, self._language, self._topic = rng, language, language["topics"][topic]
        self._words = {
            "name": name,
            "product": rng.choice(products),
            "order": f"B{rng.randrange(100_000, 999_999)}",
            "amount": f"{rng.randrange(9, 260)},{rng.randrange(0, 100):02d} €",
            "day": (at - timedelta(days=rng.randrange(2, 12))).strftime("%d.%m."),
        }

    def subject(self) -> str:
        """Return a subject."""
        return self._filled(self._topic["subject"])

    def inquiry(self) -> str:
        """Return the first message."""
        return self._letter(self._topic["body"])

    def details(self) -> str:
        """Return what the customer answers to a question."""
        return self._letter(self._language["reply"])

    def still(self) -> str:
        """Return the customer's message that it is not solved."""
        return self._letter(self._language["still"])

    def thanks(self) -> str:
        """Return a word of thanks, as an agent notes it down."""
        return self._filled(self._language["thanks"])

    def ask(self) -> str:
        """Return an agent's question."""
        return self._answer(self._language["ask"])

    def answer(self) -> str:
        """Return an agent's answer."""
        return self._answer(self._topic["answer"])

    def note_with_card(self) -> str:
        """Return a note that should never have been written: it holds a card number (a test number of the card trade)."""
        return f"Paid {self._words['amount']} by phone with card 4111 1111 1111 1111."

    def remark(self, score: int) -> str:
        """Return a remark that fits a score of 1 to 5."""
        return self._filled(self._language["good" if score >= _GOOD else "bad"])

    def with_long_quote(self, body: str) -> str:
        """Return *body* with a long chain of quoted mails below it, some 60 to 150 KB."""
        quoted = "\n".join(f"> {line}" for line in self.inquiry().splitlines())
        chain = "\n\n".join(f"{'>' * (n % 5 + 1)} {n}.\n{quoted}" for n in range(self._rng.randrange(250, 500)))
        return f"{body}\n\n{chain}\n"

    def scan(self) -> bytes:
        """Return bytes that stand for a scanned letter."""
        return b"%PDF-1.4\n% a scanned page of the sample\n" + self._rng.randbytes(self._rng.randrange(800, 4_000))

    def _letter(self, texts: Sequence[str]) -> str:
        parts = (self._filled(self._language["hello"]), self._filled(texts), self._filled(self._language["bye"]))
        return "\n\n".join(parts)

    def _answer(self, texts: Sequence[str]) -> str:
        hello, bye = self._language["agent_hello"], self._language["agent_bye"]
        return f"{hello.format(**self._words)}\n\n{self._filled(texts)}\n\n{bye}"

    def _filled(self, texts: Sequence[str]) -> str:
        return self._rng.choice(texts).format(**self._words)

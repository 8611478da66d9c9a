"""The code in docs/mail.md runs as it is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[3] / "docs" / "mail.md"


def test_the_example_prints_who_wrote_what(capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    exec(compile(code, str(PAGE), "exec"), {})
    assert (
        capsys.readouterr().out
        == "Jörn <joern@example.org> Parcel ('1@example.org', '2@desk.example')\nIt is here, thank you.\n"
    )

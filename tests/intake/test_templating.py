"""Templates: found by language, filled without code, and clear about what is wrong."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketcore.errors import ConfigurationError, NotFound
from ticketcore.intake.templating import BUILT_IN, PLACEHOLDERS, Templates, languages_for

LANGUAGES = ("de", "en", "es", "fr", "it", "nl", "pl", "sv")
VALUES: dict[str, str | None] = {
    "number": "T-2026-000042-6", "customer_name": "Kim Öz", "company": "Example", "status_link": "https://x.example/t/abc",
    "rating_link": "https://x.example/t/rate/def", "expires": "2026-12-24", "reopen_days": "14",
}  # fmt: skip


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_every_template(language: str) -> None:
    templates = Templates()
    text = templates.render("acknowledgement", language, VALUES)
    assert "T-2026-000042-6" in text
    assert "https://x.example/t/abc" in text
    assert "Kim Öz" in text.splitlines()[0]
    assert text.endswith("\n\nExample")
    for name in templates.names():
        assert (BUILT_IN / language / "replies" / f"{name}.txt").is_file()
        assert templates.render(f"replies/{name}", language, VALUES)
    own = {"survey": ("rate/def", "2026-12-24"), "closing": ("14",)}
    for name in templates.names("notices"):
        assert (BUILT_IN / language / "notices" / f"{name}.txt").is_file()
        said = templates.render(f"notices/{name}", language, VALUES)
        assert all(word in said for word in ("T-2026-000042-6", *own.get(name, ("/t/abc",))))


def test_a_closing_notice_without_a_window_promises_none() -> None:
    said = Templates().render("notices/closing", "en", {**VALUES, "reopen_days": None})
    assert said == (
        "Dear Kim Öz,\n\nWe have heard nothing more on ticket T-2026-000042-6 and take it to be settled, so it is closed now."
        "\n\nExample"
    )


def test_all_built_in_templates_are_valid() -> None:
    assert Templates().check() == 8 * 9 + 2


@pytest.mark.parametrize(("language", "default", "expected"), [
    ("de-AT", "en", ("de-AT", "de", "en")), ("de_AT", "fr-CA", ("de-AT", "de", "fr-CA", "fr", "en")), (None, "en", ("en",)),
    ("xx", "en", ("xx", "en")), ("../../etc", "en", ("en",)), ("", "de", ("de", "en")),
])  # fmt: skip
def test_languages_fall_back(language: str | None, default: str, expected: tuple[str, ...]) -> None:
    assert languages_for(language, default) == expected


def test_austrian_german_is_german_and_an_unknown_language_the_default() -> None:
    assert Templates().render("acknowledgement", "de-AT", VALUES).startswith("Guten Tag Kim Öz,")
    assert Templates().render("acknowledgement", "ja", VALUES).startswith("Dear Kim Öz,")
    assert Templates(default="pl").render("acknowledgement", "ja", VALUES).startswith("Dzień dobry")


def test_a_paragraph_whose_value_is_not_known_is_left_out() -> None:
    text = Templates().render("acknowledgement", "en", {"number": "T-2026-000042-6"})
    assert text == (
        "Hello,\n\nWe have received your message and opened ticket T-2026-000042-6 for it. We will answer as soon as we can."
        " If you have anything to add, simply reply to this mail."
    )


def test_a_companys_own_folder_goes_first_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "de").mkdir()
    (tmp_path / "de" / "signature.txt").write_text("Ihr Team von {company} {{}}\n")
    text = Templates(tmp_path).render("acknowledgement", "de", VALUES)
    assert text.endswith("Ihr Team von Example {}")
    (tmp_path / "de" / "signature.txt").write_text("Servus\n")
    assert Templates(tmp_path).render("acknowledgement", "de", VALUES).endswith("Servus"), (
        "a changed file is read again"
    )


@pytest.mark.parametrize(("text", "got"), [
    ("Hello {nmae}", "{nmae}"), ("{number.__class__}", "{number.__class__}"), ("{number!r:>9}", "{number!r:>9}"), ("{", "{"),
    ("a } b", "}"), ("{}", "{}"),
])  # fmt: skip
def test_an_unknown_placeholder_is_named_with_the_known_ones(tmp_path: Path, text: str, got: str) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "reply.txt").write_text(text)
    with pytest.raises(ConfigurationError) as refusal:
        Templates(tmp_path).check()
    message = str(refusal.value)
    assert f"{tmp_path}/en/reply.txt: {got} is no placeholder, expected one of {{number}}, {{subject}}" in message
    assert all(f"{{{name}}}" in message for name in PLACEHOLDERS)


def test_a_missing_folder_names_its_setting(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"TICKETCORE_MAIL_TEMPLATES\) is '.*nowhere': there is no such folder"
    ):
        Templates(tmp_path / "nowhere").check()


@pytest.mark.parametrize("name", ["replies/nothing", "../en/reply", "replies/../../secret", "/etc/passwd", ""])
def test_an_unknown_template_lists_the_known_ones(name: str) -> None:
    with pytest.raises(NotFound, match=r"no template .* \(the reply templates are more-information, solved\)"):
        Templates().render(name, "en", {})


def test_an_unknown_notice_lists_the_notices() -> None:
    with pytest.raises(NotFound, match=r"no template .* \(the notices are closing, escalated, reminder, survey\)"):
        Templates().render("notices/nothing", "en", {})


@given(st.text())
def test_what_an_agent_wrote_is_never_read_as_a_template(text: str) -> None:
    assert Templates().render("reply", "en", {"text": f"x{text}{{number}}", "company": "Example"}) == (
        f"x{text}{{number}}\n\nExample"
    )

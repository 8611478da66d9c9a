"""``ticketcore schemas``: what it prints and what it ends with."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ticketcore.errors import ConfigurationError
from workers.cli.schemas import app

RATED = "schemas/events/ticket.rated/v1.json"


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, Exception) and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_check_ends_with_0_where_all_is_in_order(copy: Path) -> None:
    assert run("check", "--no-tables", "--root", str(copy)) == (0, "schemas: in order\n")


def test_check_ends_with_1_and_says_what_differs_until_it_is_generated(copy: Path) -> None:
    (copy / RATED).unlink()

    assert run("check", "--no-tables", "--root", str(copy)) == (
        1,
        f"{RATED}: is missing (run `ticketcore schemas generate`)\n",
    )
    code, out = run("check", "--no-tables", "--json", "--root", str(copy))
    assert (code, json.loads(out)["problems"][0]["path"]) == (1, RATED)
    assert run("generate", "--no-tables", "--root", str(copy)) == (0, f"wrote {RATED}\n")
    assert run("generate", "--no-tables", "--root", str(copy)) == (0, "nothing to do\n")
    assert run("check", "--no-tables", "--root", str(copy))[0] == 0


@pytest.mark.servers
def test_the_tables_page_is_checked_on_the_data_base_given(copy: Path, database: str) -> None:
    page = copy / "schemas" / "read_models.md"
    page.write_text(page.read_text("utf-8").replace("## queues", "## cues"), "utf-8")

    code, out = run("check", "--root", str(copy), "--dsn", database)

    assert code == 1
    assert out.startswith("schemas/read_models.md: line ")


def test_outside_of_the_repository_it_says_where_to_go(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no folder schemas in .*--root"):
        run("check", "--root", str(tmp_path))

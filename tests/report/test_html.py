"""The report's page: well-formed, self-contained, and it says what the report says."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest

from projections.report import Selection, report
from projections.report_html import html_page
from projections.report_plots import bars, columns, lines, nice_ceiling
from tests.projections.given import after, ev, opened
from tests.report.given import LATER, project, three_lives

_VOID = {"meta", "line", "rect", "circle", "polyline"}


class Outline(HTMLParser):
    """Tags must close in the order in which they opened; attributes and text are kept."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def outline(page: str) -> Outline:
    found = Outline()
    found.feed(page)
    found.close()
    assert found.open == []
    return found


@pytest.fixture
def page(database: str) -> str:
    lives = three_lives(5)
    lives.append(opened(40, LATER, category="<b>&\"'</b>"))
    project(database, lives)
    found = report(database, Selection(now=LATER), by="channel")
    return html_page(found, {"category": report(database, Selection(now=LATER), by="category").groups})


@pytest.mark.servers
def test_the_page_is_well_formed_and_says_the_figures(page: str) -> None:
    texts = outline(page).texts
    for expected in ("Ticket report", "first_reply_median_hours", "2.50", "By channel", "By category"):
        assert any(expected in text for text in texts), expected
    assert page.startswith("<!DOCTYPE html>")


@pytest.mark.servers
def test_the_page_needs_no_network_and_no_script(page: str) -> None:
    found = outline(page)
    assert [name for name, _ in found.attributes if name in {"src", "href", "srcset"} or name.startswith("on")] == []
    assert not re.search(r"https?://|url\(|@import|<script|<link", page)


@pytest.mark.servers
def test_names_from_outside_are_escaped(page: str) -> None:
    assert "<b>&" not in page
    assert "&lt;b&gt;&amp;" in page


@pytest.mark.servers
def test_plots_have_a_text_for_those_who_do_not_see_them(page: str) -> None:
    assert page.count("<svg") == page.count('role="img"') == len(re.findall(r'role="img" aria-label="[^"]+"', page))


@pytest.mark.servers
def test_an_empty_report_is_a_page_too(database: str) -> None:
    project(database, [])
    assert "No ticket was opened in this period." in "".join(outline(html_page(report(database))).texts)


@pytest.mark.servers
def test_what_has_no_value_has_no_card_and_no_column(database: str) -> None:
    life = opened(1, external="INC1").then(ev.SlaBreached, after(hours=2), target="resolution")
    project(database, [life.then(ev.Solved, after(hours=3))])
    found = report(database, Selection(now=LATER), by="channel")
    page = html_page(found)
    assert "<span>tickets</span>" in page
    for absent in ("% of promises broken", "% one-touch", "mean rating of 5", ">SLA broken %<", ">one-touch %<"):
        assert absent not in page


@pytest.mark.servers
def test_a_teams_page_leaves_a_gap_where_a_week_is_withheld(database: str) -> None:
    lives = [opened(n, after(), team_id="north") for n in range(1, 7)]
    lives += [opened(9, after(days=9), team_id="north")]
    lives += [opened(n, after(days=16), team_id="north") for n in range(10, 17)]
    project(database, lives)
    page = html_page(report(database, Selection(team="north", now=LATER + timedelta(days=30))))
    outline(page)
    opened_line = page.split("Opened and solved tickets by week</figcaption>")[1].split("</svg>")[0]
    assert opened_line.count('<polyline class="line c1"') == 2


@pytest.mark.parametrize(
    ("value", "expected"), [(0, 1), (1, 1), (3, 5), (11, 20), (24, 25), (99, 100), (100, 100), (0.3, 0.5)]
)
def test_an_axis_ends_at_a_round_number(value: float, expected: float) -> None:
    assert nice_ceiling(value) == pytest.approx(expected)


def test_plots_stay_within_their_frame() -> None:
    drawn = (
        lines("t", ["a", "b", "c"], [("x", [1, 9, 4])])
        + columns("t", [("a", 3), ("b", 0)])
        + bars("t", [("a", None, "–")])
    )
    outline(drawn)
    numbers = [float(n) for n in re.findall(r'(?:x|y|cx|cy|x1|x2|y1|y2)="(-?[\d.]+)"', drawn)]
    assert numbers
    assert all(0 <= n <= 720 for n in numbers)

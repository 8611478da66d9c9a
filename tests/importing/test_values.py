"""Times of several forms and zones, and the reading of files."""

import gzip
import lzma
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketcore.importing.errors import ImportRefused, ImportStopped, RowRejected
from ticketcore.importing.mapping import FileFormat
from ticketcore.importing.reader import Row, RowReader
from ticketcore.importing.values import Labels, Times

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("form", "text", "expected"),
    [
        ("%d/%m/%Y %H:%M", "9/2/2016 1:05", datetime(2016, 2, 9, 0, 5, tzinfo=UTC)),
        ("%Y-%m-%d", "2016-07-01", datetime(2016, 6, 30, 22, tzinfo=UTC)),
        ("%Y%m%d%H%M", "201607011200", datetime(2016, 7, 1, 10, tzinfo=UTC)),
        ("%d %b %y %I:%M %p", "01 Jul 16 02:30 PM", datetime(2016, 7, 1, 12, 30, tzinfo=UTC)),
        ("%Y-%m-%dT%H:%M:%S%z", "2016-07-01T12:00:00+0530", datetime(2016, 7, 1, 6, 30, tzinfo=UTC)),
        ("iso8601", "2016-07-01T12:00:00.25Z", datetime(2016, 7, 1, 12, 0, 0, 250_000, tzinfo=UTC)),
        ("iso8601", "2016-07-01 12:00", datetime(2016, 7, 1, 10, tzinfo=UTC)),
        ("epoch", "1467374400", datetime(2016, 7, 1, 12, tzinfo=UTC)),
        ("epoch_ms", "1467374400250", datetime(2016, 7, 1, 12, 0, 0, 250_000, tzinfo=UTC)),
    ],
)
def test_times_of_every_form(form: str, text: str, expected: datetime) -> None:
    assert Times([form], BERLIN).parse(text, "at") == expected


def test_the_first_form_that_fits_counts() -> None:
    times = Times(["%d/%m/%Y", "%m/%d/%Y"], BERLIN)
    assert times.parse("3/4/2016", "at").month == 4
    assert times.parse("3/14/2016", "at") == datetime(2016, 3, 13, 23, tzinfo=UTC)


def test_a_skipped_local_time_is_read_with_the_offset_before_the_change() -> None:
    assert Times(["iso8601"], BERLIN).parse("2026-03-29 02:30", "at") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


def test_a_repeated_local_time_is_the_first_of_the_two() -> None:
    assert Times(["iso8601"], BERLIN).parse("2026-10-25 02:30", "at") == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["31/2/2016 10:00", "soon", "", "1/1/0001 00:00", "29/2/2016", "٣/2/2016 10:00"])
def test_what_is_no_time_is_rejected(text: str) -> None:
    with pytest.raises(RowRejected, match="expected a time like %d/%m/%Y %H:%M"):
        Times(["%d/%m/%Y %H:%M"], BERLIN).parse(text, "at")


@given(st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30)))  # noqa: DTZ001
def test_the_fast_parser_agrees_with_strptime(time: datetime) -> None:
    time = time.replace(microsecond=0)
    for form in ("%d/%m/%Y %H:%M:%S", "%Y-%m-%d %H:%M", "%d.%m.%Y"):
        text = time.strftime(form)
        expected = datetime.strptime(text, form).replace(tzinfo=UTC)
        assert Times([form], ZoneInfo("UTC")).parse(text, "at") == expected


def test_a_stated_time_is_written_in_utc() -> None:
    assert Times(["iso8601"], BERLIN).both("2016-07-01 12:00", "at")[1] == "2016-07-01T10:00:00Z"


def test_labels_have_1_to_200_characters_and_no_nul() -> None:
    labels = Labels()
    assert labels.check("x" * 200, "team") == "x" * 200
    for text, message in (("x" * 201, "has 201 characters"), ("", "has 0 characters"), ("a\0b", "has a NUL")):
        with pytest.raises(RowRejected, match=message):
            labels.check(text, "team")


def rows(path: Path, **form: object) -> list[Row]:
    with RowReader(path, FileFormat.model_validate(form)) as reader:
        return list(reader)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, lzma.compress])
def test_packed_files_are_known_by_their_content(tmp_path: Path, pack: object) -> None:
    path = tmp_path / "log.bin"
    path.write_bytes(pack(b"a,b\n1,2\n"))  # type: ignore[operator]
    assert rows(path) == [Row(2, ["1", "2"], "1,2\n", None)]


def test_delimiter_quote_and_encoding_are_the_mappings(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes("a;b\n'x;ü';2\n".encode("cp1252"))
    assert rows(path, delimiter=";", quote="'", encoding="cp1252")[0].cells == ["x;ü", "2"]


def test_lines_are_counted_through_quoted_line_ends_and_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('\ufeffa,b\r\n"1\n1",2\r\n\r\n3,4', encoding="utf-8")
    found = rows(path)
    assert [(row.line, row.cells) for row in found] == [(2, ["1\n1", "2"]), (5, ["3", "4"])]


def test_a_file_without_names_gets_them_from_the_mapping(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("1,2\n", encoding="utf-8")
    assert rows(path, columns=["a", "b"]) == [Row(1, ["1", "2"], "1,2\n", None)]


def test_a_bad_row_spoils_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(b"a,b\n1\n1,2,3\n\xff,2\n3,4\n")
    assert [row.problem for row in rows(path)] == [
        "has 1 columns, expected 2",
        "has 3 columns, expected 2",
        "byte 0xff at character 1 is no utf-8-sig, expected valid text",
        None,
    ]


def test_a_broken_archive_stops_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "log.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"".join(b"%d,%d\n" % (n, n * n) for n in range(50_000)))[:-20_000])
    with pytest.raises(ImportStopped, match="the file can't be read on"):
        rows(path)


@pytest.mark.parametrize(("content", "message"), [(b"", "it is empty"), (b"a,a\n", "column 'a' stands twice")])
def test_a_file_without_usable_names_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "log.csv"
    path.write_bytes(content)
    with pytest.raises(ImportRefused, match=message):
        rows(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=r"it can't be read \(No such file or directory\)"):
        rows(tmp_path / "none.csv")


def test_epochs_far_away_are_rejected() -> None:
    with pytest.raises(RowRejected):
        Times(["epoch"], BERLIN).parse(str(timedelta(days=10**8).total_seconds()), "at")


@pytest.mark.parametrize("end", ["", '"c";3\n"d";4\n'])
def test_an_unclosed_quote_costs_its_own_line_only(tmp_path: Path, end: str) -> None:
    """With *end*, a quote that opens a later row closes the stray one."""
    path = tmp_path / "log.csv"
    path.write_text('a;b\n"x;1\n' + "".join(f"{n};{n}\n" for n in range(3, 1_003)) + end, encoding="utf-8")
    first, *others = rows(path, delimiter=";")
    assert (first.line, first.raw) == (2, '"x;1\n')
    assert first.problem is not None
    assert "a quote opened in the row of line 2 is not closed where it should be: lines 2 to 100" in first.problem
    assert first.problem.endswith("were one row, so only line 2 is rejected and those behind it are read again")
    assert {row.problem for row in others} == {None}
    assert [row.line for row in others] == list(range(3, 1_003 + end.count("\n")))


def test_a_short_row_with_an_unclosed_quote_is_rejected_whole_and_says_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('a,b\n"x,1\n3,3\n"y",4\n5,5\n', encoding="utf-8")
    first, last = rows(path)
    assert first.problem is not None
    assert first.problem.endswith("lines 2 to 4 are in this one row")
    assert (first.line, last.line, last.cells) == (2, 5, ["5", "5"])


def test_a_long_text_in_quotes_is_one_row(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    text = "".join(f"{n},{n}\n" for n in range(5_000))
    path.write_text(f'a,b\n"{text}",1\n3,4\n', encoding="utf-8")
    assert [(row.line, row.cells, row.problem) for row in rows(path)] == [
        (2, [text, "1"], None),
        (5_003, ["3", "4"], None),
    ]


def test_a_quote_that_stays_open_for_ever_is_given_up_in_time(tmp_path: Path) -> None:
    """The quote of each line opens a row to the end of the file."""
    path = tmp_path / "log.csv"
    path.write_text("a,b\n" + 'x",y,"z\n' * 20_000, encoding="utf-8")
    found = rows(path)
    assert all(row.problem for row in found)
    assert len(found) == 11
    assert sum(row.raw.count("\n") for row in found) == 20_000


def test_names_with_an_unclosed_quote_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text('a,"b\n1,2\n', encoding="utf-8")
    with pytest.raises(ImportRefused, match=r"its first line can't be read \(the file ends inside a quote\)"):
        rows(path)

"""Which attachments are too large or risky to open."""

from __future__ import annotations

import io
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ticketcore import AttachmentContent
from ticketcore.attachments import Limits, danger_of, judged

LIMITS = Limits(1_000, 2_500, "mark")


def zipped(*names: str, filler: int = 0) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("filler", b"\x01" * filler)
        for name in names:
            archive.writestr(name, b"content")
    return packed.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "danger"),
    [
        ("invoice.pdf", b"%PDF-1.7 ...", None),
        ("photo.jpg", b"\xff\xd8\xff\xe0", None),
        ("letter.docx", zipped("word/document.xml"), None),
        ("letter.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), None),
        ("empty", b"", None),
        ("invoice.pdf", b"MZ\x90\0", "executable"),
        ("tool", b"\x7fELF\x02", "executable"),
        ("app", b"\xcf\xfa\xed\xfe", "executable"),
        ("readme.txt", b"#!/bin/sh\nrm -rf ~\n", "script"),
        ("invoice.pdf.js", b"var x = 1", "script"),
        ("INVOICE.EXE ", b"", "executable"),
        ("open me.lnk", b"", "shortcut"),
        ("x.bin", b"L\0\0\0\x01\x14\x02\0", "shortcut"),
        ("setup.msi", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "installer"),
        ("disk", bytes(32_769) + b"CD001", "disk image"),
        ("sheet.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "_VBA_PROJECT".encode("utf-16-le"), "macros"),
        ("sheet.xlsx", zipped("xl/vbaProject.bin"), "macros"),
        ("sheet.xlsm", b"", "macros"),
        ("pictures.zip", zipped("a.jpg", "b/run.exe"), "executable in an archive"),
        ("pictures.zip", zipped("a.jpg", "b.jpg"), None),
        ("report\u202efdp.exe", b"", "misleading name"),
    ],
)  # fmt: skip
def test_what_is_risky_is_told_by_content_first_and_by_name_second(
    name: str, content: bytes, danger: str | None
) -> None:
    assert danger_of(name, content) == danger


def test_what_lies_across_two_chunks_is_found() -> None:
    content = zipped("a.jpg", "run.exe", filler=300_000)
    for cut in range(len(content) - 200, len(content)):
        assert danger_of("x.zip", (content[:cut], content[cut:])) == "executable in an archive"


@given(st.text(), st.binary(max_size=200), st.sampled_from([b"", b"PK\x03\x04", b"PK\x03\x04PK\x01\x02"]))
def test_no_name_and_no_content_makes_it_stumble(name: str, content: bytes, magic: bytes) -> None:
    danger_of(name, magic + content)


def test_what_is_over_a_limit_is_withheld_with_its_reason_and_nothing_is_lost() -> None:
    files = [AttachmentContent(name=f"{size}", content=bytes(size)) for size in (1_000, 1_001, 900, 700, 600)]
    found = judged(files, LIMITS)
    assert [file.withheld for file in found] == [
        None,
        "too large: 1,001 bytes, at most 1,000 are kept of a file",
        None,
        "too much: at most 2,500 bytes are kept of a message's files",
        None,
    ]
    assert [file.content for file in found] == [file.content for file in files]
    assert judged(found, LIMITS) == found


def test_dangerous_files_are_kept_marked_or_refused_as_the_policy_says() -> None:
    files = [AttachmentContent(name="a.exe", content=b"MZ"), AttachmentContent(name="a.pdf", content=b"%PDF")]
    told = {
        policy: [(file.danger, file.withheld) for file in judged(files, LIMITS._replace(dangerous=policy))]
        for policy in ("keep", "mark", "refuse")
    }
    assert told == {
        "keep": [(None, None), (None, None)],
        "mark": [("executable", None), (None, None)],
        "refuse": [("executable", "refused: executable"), (None, None)],
    }


def test_a_judgement_is_no_part_of_the_command_so_a_repeat_under_other_limits_is_the_same() -> None:
    file = AttachmentContent(name="a.exe", content=b"MZ")
    for limits in (LIMITS, Limits(1, 1, "refuse")):
        assert judged([file], limits)[0].model_dump_json() == file.model_dump_json()
    assert file.model_dump_json() == '{"name":"a.exe","media_type":"application/octet-stream","content":"TVo="}'

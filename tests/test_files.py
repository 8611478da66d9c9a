"""A file that is read again and again, a mebibyte at a time."""

from __future__ import annotations

import gc
import hashlib
import io
import os
from pathlib import Path

import pytest

from tests.sealing.test_on_disk import forms, unheard_of_words
from ticketcore import AttachmentContent, FileSource
from ticketcore.errors import InvalidCommand
from ticketcore.files import CHUNK

CONTENT = os.urandom(2 * CHUNK + 7)


def sources(folder: Path, content: bytes) -> dict[str, FileSource]:
    path = folder / "scan"
    path.write_bytes(content)
    behind = io.BytesIO(b"head" + content)
    behind.seek(4)
    chunks = (content[at : at + 1_000_003] for at in range(0, len(content), 1_000_003))
    return {
        "path": FileSource.of_path(path),
        "file": FileSource.of_file(behind),
        "chunks": FileSource.of_chunks(chunks),
    }


@pytest.mark.parametrize("content", [CONTENT, b"", b"x"])
def test_a_source_gives_its_content_any_number_of_times(tmp_path: Path, content: bytes) -> None:
    for source in sources(tmp_path, content).values():
        assert (source.size, len(source), source.sha256) == (
            len(content),
            len(content),
            hashlib.sha256(content).hexdigest(),
        )
        assert b"".join(source) == b"".join(source) == content
        assert all(source)
    gc.collect()


def test_a_source_counts_in_a_command_by_digest_and_size(tmp_path: Path) -> None:
    told = {AttachmentContent(name="a", content=one).model_dump_json() for one in sources(tmp_path, CONTENT).values()}
    assert len(told) == 1
    assert hashlib.sha256(CONTENT).hexdigest() in told.pop()
    with pytest.raises(InvalidCommand, match="content is a value of 4 characters"):
        AttachmentContent(name="a", content="text")  # type: ignore[arg-type]


def test_what_is_kept_of_a_stream_is_unreadable_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    word = unheard_of_words(1)[0]
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    source = FileSource.of_chunks([f"Von {word} ".encode() * 1_000, b"x" * CHUNK])
    kept = [os.pread(fd, 10_000_000, 0) for fd in _deleted_files(tmp_path)]
    assert sum(map(len, kept)) > CHUNK
    assert not any(form in content for content in kept for form in forms(word))
    assert word.encode() in next(iter(source))
    assert list(tmp_path.iterdir()) == []


def _deleted_files(folder: Path) -> list[int]:
    """Descriptors of this process' files that had a name in *folder*."""
    found = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            target = link.readlink()
        except FileNotFoundError:
            continue
        if str(target).startswith(str(folder)):
            found.append(int(link.name))
    return found

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.sealing.builders import ring_of
from ticketcore.errors import KeyMissing, SealBroken
from ticketcore.sealing import Keyring
from ticketcore.settings import Settings

GOOD = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


def ring_json(active: object, name: str) -> str:
    return json.dumps({"active": active, "keys": {name: GOOD}})


@given(st.binary(max_size=64), st.binary(max_size=64))
def test_what_was_wrapped_is_unwrapped_for_its_owner_only(plain: bytes, aad: bytes) -> None:
    ring = ring_of("2026-10", "2026-11")
    key_id, wrapped = ring.wrap(plain, aad)
    assert key_id == "2026-11"
    assert ring.unwrap(wrapped, aad) == ring.unwrap(wrapped, aad, key_id) == plain
    with pytest.raises(SealBroken, match="belongs to something else"):
        ring.unwrap(wrapped, aad + b"x")
    with pytest.raises(SealBroken, match="names the key '2026-11', expected '2026-10'"):
        ring.unwrap(wrapped, aad, "2026-10")


@given(st.data())
def test_no_changed_bit_goes_unnoticed(data: st.DataObject) -> None:
    ring = ring_of("k")
    wrapped = bytearray(ring.wrap(b"p" * 32, b"a")[1])
    wrapped[data.draw(st.integers(0, len(wrapped) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((SealBroken, KeyMissing)):
        ring.unwrap(bytes(wrapped), b"a")


@given(st.binary(max_size=80))
def test_bytes_that_were_never_wrapped_are_refused(junk: bytes) -> None:
    with pytest.raises((SealBroken, KeyMissing)):
        ring_of("k").unwrap(junk, b"a")


def test_a_missing_key_is_named_with_what_is_there_and_the_remedy() -> None:
    _, wrapped = ring_of("2025-01").wrap(b"p", b"a")
    with pytest.raises(KeyMissing, match=r"'2025-01' is missing: .*TICKETCORE_KEYS holds a, b \(put the key .* back"):
        ring_of("a", "b").unwrap(wrapped, b"a")


def test_another_key_of_the_same_id_is_noticed() -> None:
    _, wrapped = ring_of("k").wrap(b"p", b"a")
    with pytest.raises(SealBroken, match="holds another key of that id"):
        ring_of("k").unwrap(wrapped, b"a")


def test_a_new_file_is_for_its_owner_only_and_is_never_replaced(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    old = os.umask(0)
    try:
        ring = Keyring.create(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(KeyMissing, match="there is one already, expected none"):
        Keyring.create(path)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["keys.json"]
    assert Keyring.open(path).unwrap(ring.wrap(b"p", b"a")[1], b"a") == b"p"


def test_a_file_that_others_can_read_gives_a_warning(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    Keyring.create(path)
    path.chmod(0o640)
    with pytest.warns(UserWarning, match=r"has mode 0640, expected 0600: others can use it \(chmod 600\)"):
        Keyring.open(path)


def test_settings_name_the_ring_and_the_variable_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    in_file = Keyring.create(path)
    variable = SecretStr(ring_json("v", "v"))
    assert Keyring.load(Settings(key_file=path)).ids == in_file.ids
    assert Keyring.load(Settings(key_file=path, keys=variable)).ids == ("v",)
    with pytest.raises(KeyMissing, match=r"expected TICKETCORE_KEY_FILE or TICKETCORE_KEYS .*ticketcore keys init"):
        Keyring.load(Settings())
    with pytest.raises(KeyMissing, match=r"no key file .*ticketcore keys init.*restore it from its backup"):
        Keyring.load(Settings(key_file=tmp_path / "none.json"))
    with pytest.raises(KeyMissing, match="cannot read the key file"):
        Keyring.load(Settings(key_file=tmp_path))


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("", "not valid JSON at character 0"),
        ('{"active": "k", "keys"', "not valid JSON at character 22"),
        ("[]", "malformed"),
        ("{}", "malformed"),
        ('{"active": "k", "keys": {"k": 5}}', "malformed"),
        ('{"active": "k", "keys": {"k": "&&&&"}}', "malformed"),
        ('{"active": "k", "keys": {"k": "c2VjcmV0"}}', "key 'k' of .* has 6 bytes, expected 32"),
        ('{"active": "k", "keys": {}}', r"active key 'k' is not among its keys \(none\)"),
        (ring_json("x", "k"), "active key 'x' is not among its keys k"),
        (ring_json("", ""), "an id of 1 to 60 bytes"),
        (ring_json([], "k"), r"active key '\[\]' is not among its keys k"),
    ],
)
def test_what_is_no_ring_is_refused_without_showing_a_key(content: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    path.touch(0o600)
    path.write_text(content)
    with pytest.raises(KeyMissing, match=problem) as caught:
        Keyring.open(path)
    assert str(path) in str(caught.value)
    assert GOOD not in str(caught.value)
    assert "c2VjcmV0" not in str(caught.value)
    with pytest.raises(KeyMissing, match="TICKETCORE_KEYS"):
        Keyring.from_json(content)


def test_a_running_service_sees_a_key_that_another_process_added(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    service, operator = Keyring.create(path), Keyring.open(path)
    before = service.wrap(b"p", b"a")[1]
    new = operator.add()
    assert service.unwrap(operator.wrap(b"q", b"a")[1], b"a") == b"q"
    assert service.wrap(b"p", b"a")[0] == new
    assert service.unwrap(before, b"a") == operator.unwrap(before, b"a") == b"p"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.unlink()
    assert service.wrap(b"p", b"a")[0] == new


def test_only_a_known_key_that_is_not_active_is_removed(tmp_path: Path) -> None:
    ring = Keyring.create(tmp_path / "keys.json")
    old = ring.active
    with pytest.raises(KeyMissing, match=r"it is the active one, expected another \(none: rotate first\)"):
        ring.remove(old)
    new = ring.add()
    with pytest.raises(KeyMissing, match=f"it is not there, expected another .{old}"):
        ring.remove("never")
    ring.remove(old)
    assert ring.ids == (new,)
    with pytest.raises(KeyMissing, match="expected a file"):
        ring_of("a", "b").remove("a")

"""The key-encryption keys: a small ring of AES-256 keys in a file or a variable, one of them active.

As JSON: ``{"active": "2026-11", "keys": {"2026-11": "<base64 of 32 bytes>", ...}}``. All keys unwrap, the active one
wraps. What is wrapped names its key, and its AES-GCM tag also covers what it belongs to (``aad``).
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import json
import os
import secrets
import stat
import warnings
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ticketcore.errors import KeyMissing, SealBroken

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ticketcore.settings import Settings

__all__ = ["KEY_BYTES", "Keyring"]

KEY_BYTES = 32
NONCE_BYTES = 12
_FORMAT = 1
_MAX_ID = 60
_SHAPE = '{"active": "ID", "keys": {"ID": "<base64 of 32 bytes>"}}'


class _Ring(NamedTuple):
    """What a file or variable holds; ``stamp``: which state of the file it is."""

    active: str
    keys: Mapping[str, bytes]
    ciphers: Mapping[str, AESGCM]
    stamp: tuple[int, int, int] | None


class Keyring:
    """Key-encryption keys. Thread-safe; usable after fork.

    A ring from a file follows the file: another process may rotate it. One from a variable is fixed.
    """

    def __init__(self, ring: _Ring, path: Path | None = None) -> None:
        self._ring = ring
        self.path = path

    @classmethod
    def load(cls, settings: Settings) -> Keyring:
        """Return the ring of ``settings.keys``, else of ``settings.key_file``.

        Raises:
            KeyMissing: neither is set, the file is missing, or its content is no ring.
        """
        if settings.keys is not None:
            return cls.from_json(settings.keys.get_secret_value())
        if settings.key_file is None:
            raise KeyMissing(
                "no key-encryption key is named: expected TICKETCORE_KEY_FILE or TICKETCORE_KEYS"
                " (make a file: ticketcore keys init)"
            )
        return cls.open(settings.key_file)

    @classmethod
    def open(cls, path: Path) -> Keyring:
        """Return the ring of a file. A file that others can read gives a :class:`UserWarning`.

        Raises:
            KeyMissing: there is no such file, it can't be read, or its content is no ring.
        """
        return cls(_read(path), path)

    @classmethod
    def from_json(cls, text: str) -> Keyring:
        """Return the ring that *text* holds.

        Raises:
            KeyMissing: it is no ring.
        """
        return cls(_parse(text, "the variable TICKETCORE_KEYS"))

    @classmethod
    def create(cls, path: Path) -> Keyring:
        """Make a file (mode 0600) with one new active key, and return its ring.

        Raises:
            KeyMissing: there is a file already; it is left as it is.
        """
        key_id = _new_id()
        ring = _Ring(key_id, {key_id: secrets.token_bytes(KEY_BYTES)}, {}, None)
        try:
            _write(path, ring, replace=False)
        except FileExistsError:
            raise KeyMissing(
                f"cannot make the key file {path}: there is one already, expected none"
                " (use it, or add a key to it: ticketcore keys rotate)"
            ) from None
        except OSError as error:
            _cannot("make", path, error)
        return cls.open(path)

    @property
    def active(self) -> str:
        """The id of the key that wraps."""
        return self._fresh().active

    @property
    def ids(self) -> tuple[str, ...]:
        """The ids of all keys, sorted."""
        return tuple(sorted(self._fresh().keys))

    def wrap(self, plain: bytes, aad: bytes) -> tuple[str, bytes]:
        """Return the active key's id and *plain* wrapped by it; *aad* names what it belongs to."""
        ring = self._fresh()
        name = ring.active.encode()
        header = bytes((_FORMAT, len(name))) + name
        nonce = os.urandom(NONCE_BYTES)
        return ring.active, header + nonce + ring.ciphers[ring.active].encrypt(nonce, plain, header + aad)

    def unwrap(self, wrapped: bytes, aad: bytes, key_id: str | None = None) -> bytes:
        """Return what was wrapped for *aad*.

        Args:
            wrapped: as :meth:`wrap` made it; it carries its key's id.
            aad: what it belongs to, as given to :meth:`wrap`.
            key_id: the id it is expected to carry, where that is known.
        Raises:
            KeyMissing: its key is not in the ring.
            SealBroken: it was changed, belongs to something else, or the key of that id is another one.
        """
        end = 2 + (wrapped[1] if len(wrapped) > 1 else 0)
        if len(wrapped) < end + NONCE_BYTES or wrapped[0] != _FORMAT:
            raise SealBroken(f"a wrapped key has {len(wrapped)} bytes of no known format (restore the key store)")
        name = wrapped[2:end].decode(errors="replace")
        if key_id is not None and name != key_id:
            raise SealBroken(f"a wrapped key names the key {name!r}, expected {key_id!r} (restore the key store)")
        ring = self._ring
        if name not in ring.ciphers:
            ring = self._fresh()
        if name not in ring.ciphers:
            raise KeyMissing(
                f"key-encryption key {name!r} is missing: {self._origin} holds {', '.join(sorted(ring.keys))}"
                " (put the key of that id back from its backup)"
            )
        nonce = wrapped[end : end + NONCE_BYTES]
        try:
            return ring.ciphers[name].decrypt(nonce, wrapped[end + NONCE_BYTES :], wrapped[:end] + aad)
        except InvalidTag:
            raise SealBroken(
                f"a key wrapped by {name!r} can't be unwrapped: it was changed, belongs to something else,"
                f" or {self._origin} holds another key of that id (restore the right one)"
            ) from None

    def add(self) -> str:
        """Add a new key to the file, make it the active one and return its id.

        Raises:
            KeyMissing: the ring comes from a variable, or the file can't be written.
        """
        with self._changing("add a key to") as (path, ring):
            key_id = _new_id()
            keys = {**ring.keys, key_id: secrets.token_bytes(KEY_BYTES)}
            _write(path, _Ring(key_id, keys, {}, None), replace=True)
        self._ring = _read(path)
        return key_id

    def remove(self, key_id: str) -> None:
        """Remove a key from the file; :func:`ticketcore.sealing.retire` asks first whether it is needed.

        Raises:
            KeyMissing: it is the active one or there is none of that id, or as for :meth:`add`.
        """
        with self._changing(f"remove key {key_id!r} from") as (path, ring):
            if key_id == ring.active or key_id not in ring.keys:
                what = "it is the active one" if key_id == ring.active else "it is not there"
                others = ", ".join(sorted(ring.keys.keys() - {ring.active})) or "none: rotate first"
                raise KeyMissing(f"cannot remove key {key_id!r} from {path}: {what}, expected another ({others})")
            keys = {name: key for name, key in ring.keys.items() if name != key_id}
            _write(path, _Ring(ring.active, keys, {}, None), replace=True)
        self._ring = _read(path)

    @property
    def _origin(self) -> str:
        return str(self.path) if self.path else "the variable TICKETCORE_KEYS"

    def _fresh(self) -> _Ring:
        """Return the ring as the file has it now; as last read where the file is gone for the moment."""
        if self.path is not None:
            try:
                changed = _stamp(os.stat(self.path)) != self._ring.stamp  # noqa: PTH116 -- half the time of Path.stat
            except OSError:
                changed = False
            if changed:
                self._ring = _read(self.path)
        return self._ring

    @contextmanager
    def _changing(self, what: str) -> Iterator[tuple[Path, _Ring]]:
        """Give the ring as it stands in the file; no other process changes the file meanwhile."""
        if self.path is None:
            raise KeyMissing(
                f"cannot {what} {self._origin}: expected a file (edit the variable, or use TICKETCORE_KEY_FILE)"
            )
        try:
            folder = os.open(self.path.parent, os.O_RDONLY)
            try:
                fcntl.flock(folder, fcntl.LOCK_EX)
                yield self.path, _read(self.path)
            finally:
                os.close(folder)
        except OSError as error:
            _cannot("change", self.path, error)


def _parse(text: str, origin: str, stamp: tuple[int, int, int] | None = None) -> _Ring:
    """Return the ring of a text; no error shows any of it."""
    try:
        content = json.loads(text)
        active, encoded = str(content["active"]), content["keys"]
        keys = {str(name): base64.b64decode(value, validate=True) for name, value in encoded.items()}
    except (ValueError, TypeError, KeyError, AttributeError, binascii.Error) as error:
        problem = f"not valid JSON at character {error.pos}" if isinstance(error, json.JSONDecodeError) else "malformed"
        raise KeyMissing(
            f"cannot read key-encryption keys from {origin}: {problem}, expected {_SHAPE} (restore it from its backup)"
        ) from None
    for name, key in keys.items():
        if len(key) != KEY_BYTES:
            raise KeyMissing(
                f"cannot use key {name!r} of {origin}: it has {len(key)} bytes, expected {KEY_BYTES}"
                " (restore it from its backup)"
            )
        if not 1 <= len(name.encode()) <= _MAX_ID:
            raise KeyMissing(f"cannot use key {name!r} of {origin}: expected an id of 1 to {_MAX_ID} bytes (rename it)")
    if active not in keys:
        raise KeyMissing(
            f"cannot use {origin}: its active key {active!r} is not among its keys {', '.join(sorted(keys)) or '(none)'}"
            " (name one of them)"
        )
    return _Ring(active, keys, {name: AESGCM(key) for name, key in keys.items()}, stamp)


def _read(path: Path) -> _Ring:
    try:
        with path.open(encoding="utf-8") as file:
            status = os.fstat(file.fileno())
            text = file.read()
    except FileNotFoundError:
        raise KeyMissing(
            f"no key file {path}: expected the key-encryption keys there (make it: ticketcore keys init;"
            " where there was one, restore it from its backup)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        _cannot("read", path, error)
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        warnings.warn(
            f"key file {path} has mode {stat.S_IMODE(status.st_mode):04o}, expected 0600: others can use it (chmod 600)",
            stacklevel=4,
        )
    return _parse(text, str(path), _stamp(status))


def _write(path: Path, ring: _Ring, *, replace: bool) -> None:
    """Write a ring so that a reader, or a crash, finds the old file or the new one whole."""
    content = {"active": ring.active, "keys": {k: base64.b64encode(v).decode() for k, v in ring.keys.items()}}
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(content, file, indent=2)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        if replace:
            if os.geteuid() == 0:
                owner = path.stat()
                os.chown(draft, owner.st_uid, owner.st_gid)  # root may rotate for a service's user
            draft.replace(path)
        else:
            path.hardlink_to(draft)  # unlike a rename it fails where there is a file
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        draft.unlink(missing_ok=True)


def _new_id() -> str:
    """Return the day with a random tail: an id must never come back with another key behind it."""
    return f"{datetime.now(UTC).date().isoformat()}-{secrets.token_hex(3)}"


def _stamp(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _cannot(verb: str, path: Path, error: Exception) -> NoReturn:
    raise KeyMissing(f"cannot {verb} the key file {path}: {error} (check its folder and modes)") from error

"""Seals the personal fields of events, and opens them for as long as their keys exist.

Every sealed event has a random key of its own. That is wrapped by the key of the one person whose data it holds, and
the person's by a key-encryption key. All of it is AES-256-GCM with random 12-byte nonces; what each ciphertext
belongs to is covered by its tag, so it can't be moved:

========================  ==============================================  ===================
what                      covered beside it                               made as
========================  ==============================================  ===================
an event's content        aggregate id, version, topic                    base64(nonce + ciphertext)
a blob                    its index (its key is its event's alone)        nonce + ciphertext
an event's overflow       as a blob's, with an index of its own           nonce + ciphertext
a file                    its content's digest, by its key                see :mod:`.files`
an event's key            person, aggregate id, version                   nonce + ciphertext
a person's key, a secret  the person's id, the secret's name              see :mod:`.keyring`
========================  ==============================================  ===================

The plain content is preceded by a byte: 0, as it is; 1, deflated (RFC 1951). Ciphertexts tell how long the content is,
and nothing else about it.
"""

from __future__ import annotations

import hmac
import os
import zlib
from base64 import b64decode
from binascii import b2a_base64
from collections import OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ticketcore.errors import Forgotten, SealBroken
from ticketcore.ids import kind_of, number_of
from ticketcore.sealing.files import FileCipher
from ticketcore.sealing.keyring import KEY_BYTES, NONCE_BYTES
from ticketcore.store.port import EventKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from ticketcore.domain.base import Event
    from ticketcore.sealing.keyring import Keyring
    from ticketcore.store.codec import Codec
    from ticketcore.store.port import KeyStore, WrappedKey

__all__ = ["WHOLE", "PendingKey", "Sealer", "owner_aad"]

WHOLE = 2**64 - 1
"""The index under which the blob is sealed that holds an event's whole personal content, its overflow."""

_EventRef = tuple[UUID, int, bytes]
_SAMPLE = 4096


class PendingKey:
    """An event's key before the event is sealed, so that its blobs can be sealed and stored first.

    It belongs to a person, and to no event until :meth:`Sealer.seal` binds it; that may be done again with another
    version, aggregate or person when a command is decided again.
    """

    __slots__ = ("_cipher", "_has_blobs", "_key", "person_id")

    def __init__(self, person_id: UUID) -> None:
        self.person_id = person_id
        self._key = os.urandom(KEY_BYTES)
        self._cipher = AESGCM(self._key)
        self._has_blobs = False

    def seal_blob(self, index: int, content: bytes) -> bytes:
        """Return what is stored of a blob; *index*: its place in the event's ``blobs``."""
        self._has_blobs = True
        return _encrypt(self._cipher, _pack(content), _blob_aad(index))


class Sealer:
    """Seals and opens events. Thread-safe; usable after fork.

    Args:
        cache_size: how many persons' unwrapped keys are kept for writing, 0 for none. Reading always asks the store.
    """

    def __init__(self, keyring: Keyring, store: KeyStore, codec: Codec, *, cache_size: int = 10_000) -> None:
        self._keyring = keyring
        self._store = store
        self._codec = codec
        self._cache_size = cache_size
        self._persons: OrderedDict[UUID, AESGCM] = OrderedDict()
        self._secrets: dict[str, bytes] = {}

    def new_event_key(self, person_id: UUID) -> PendingKey:
        """Return a new key for an event with blobs; nothing is stored yet."""
        return PendingKey(person_id)

    def seal(self, event: Event, key: UUID | PendingKey) -> tuple[Event, EventKey | None]:
        """Return the event as it is stored, and the key to store with it; see :meth:`seal_many`."""
        return self.seal_many([(event, key)])[0]

    def seal_content(self, event: Event, plain: bytes | None, key: UUID | PendingKey) -> tuple[str, EventKey] | None:
        """Return an event's personal content as its ``sealed`` holds it, and the key to store with it.

        ``None`` where it has none. The event itself stays open; *plain*: what :meth:`personal` says of it. Raises as
        :meth:`seal_many`.
        """
        pending = key if isinstance(key, PendingKey) else PendingKey(key)
        if plain is None:
            if not pending._has_blobs:
                return None
            plain = b"{}"
        person_id = pending.person_id
        return _closed(event, plain, pending, self._writing_keys({person_id})[person_id])

    def seal_many(self, items: Sequence[tuple[Event, UUID | PendingKey]]) -> list[tuple[Event, EventKey | None]]:
        """Return events with ``sealed`` set and personal fields ``None``, and their keys.

        An event without personal content stays as it is and has no key. A person without a key gets one at once, in
        the key store; the events' keys are the caller's to store.

        Args:
            items: each event with the person it is about, or with its pending key.
        Raises:
            Forgotten: a person's key was destroyed.
            KeyMissing: the key-encryption key is not there.
        """
        work: list[tuple[Event, bytes | None, PendingKey]] = []
        for event, key in items:
            plain = self._codec.personal(event)
            pending = key if isinstance(key, PendingKey) else PendingKey(key)
            if plain is None and pending._has_blobs:
                plain = b"{}"
            work.append((event, plain, pending))
        persons = self._writing_keys({pending.person_id for _, plain, pending in work if plain is not None})
        sealed: list[tuple[Event, EventKey | None]] = []
        for event, plain, pending in work:
            if plain is None:
                sealed.append((event, None))
                continue
            text, event_key = _closed(event, plain, pending, persons[pending.person_id])
            sealed.append((event.model_copy(update=dict.fromkeys(event.PERSONAL) | {"sealed": text}), event_key))
        return sealed

    def open(self, event: Event) -> Event:
        """Return one event with its personal fields; see :meth:`open_many`."""
        return self.open_many([event])[0]

    def open_many(self, events: Iterable[Event]) -> list[Event]:
        """Return the events with their personal fields; ``None`` in those that were redacted or forgotten.

        The keys of all are looked up at once. What the store holds no key for any more is unreadable at once,
        whatever was cached.

        Raises:
            SealBroken: a ciphertext or its key was changed, or moved from another event.
            KeyMissing: the key-encryption key of a person's key is not there.
        """
        events = list(events)
        contents = [None if event.sealed is None else _content_of(event) for event in events]
        refs = {
            (event.originator_id, event.originator_version, content[:NONCE_BYTES]): None
            for event, content in zip(events, contents, strict=True)
            if content is not None
        }
        found = self._store.event_keys(list(refs)) if refs else {}
        persons: dict[UUID, AESGCM] = {}
        opened = []
        for event, content in zip(events, contents, strict=True):
            plain = None
            if content is not None:
                wrapped = found.get((event.originator_id, event.originator_version, content[:NONCE_BYTES]))
                if wrapped is not None:
                    plain = _unpack(
                        _decrypt(self._event_cipher(event, wrapped, persons), content, _event_aad(event), event)
                    )
            opened.append(event if content is None else self._codec.with_personal(event, plain))
        return opened

    def open_blobs(self, event: Event, blobs: Mapping[int, bytes]) -> dict[int, bytes | None]:
        """Return an event's blobs, index -> content; ``None`` for all where it was redacted or forgotten.

        Args:
            event: as loaded, with ``sealed``.
            blobs: index -> what was stored.
        Raises:
            SealBroken: a blob was changed or is another's.
            KeyMissing: as for :meth:`open_many`.
        """
        if event.sealed is None or not blobs:
            return dict.fromkeys(blobs)
        ref = (event.originator_id, event.originator_version, _content_of(event)[:NONCE_BYTES])
        wrapped = self._store.event_keys([ref]).get(ref)
        if wrapped is None:
            return dict.fromkeys(blobs)
        cipher = self._event_cipher(event, wrapped, {})
        return {
            index: _unpack(_decrypt(cipher, stored, _blob_aad(index), event, f"{_blob_name(index)} of "))
            for index, stored in blobs.items()
        }

    def file_cipher(self, person_id: UUID, sha256: str) -> FileCipher:
        """Return what seals the file of that digest (SHA-256 of its content, hex) for a person.

        Raises:
            Forgotten: the person's key was destroyed.
            KeyMissing: the key-encryption key is not there.
        """
        self._writing_keys({person_id})
        wrapped = self._store.persons([person_id]).get(person_id)
        if wrapped is None:
            raise Forgotten(_name_of(person_id), person_id)
        return FileCipher(self._keyring.unwrap(wrapped, owner_aad(person_id)), bytes.fromhex(sha256))

    def open_file(self, event: Event, sha256: str, parts: Iterable[bytes]) -> Iterator[bytes] | None:
        """Return the content of an event's file, a part at a time; ``None`` where it was redacted or forgotten.

        Args:
            event: as loaded, with ``sealed``.
            sha256: of the file's content, hex, as the opened event tells.
            parts: what was stored.
        Raises:
            SealBroken: a part was changed or is another file's; while it is read.
            KeyMissing: as for :meth:`open_many`.
        """
        if event.sealed is None:
            return None
        ref = (event.originator_id, event.originator_version, _content_of(event)[:NONCE_BYTES])
        key = self._store.event_keys([ref]).get(ref)
        if key is None:
            return None
        person_key = self._keyring.unwrap(key.person_wrapped, owner_aad(key.person_id))
        return _opened_file(FileCipher(person_key, bytes.fromhex(sha256)), parts, event)

    def personal(self, event: Event) -> bytes | None:
        """Return the personal content of an open event as it is sealed, ``None`` where there is none."""
        return self._codec.personal(event)

    def open_overflow(self, event: Event, stored: bytes) -> Event:
        """Return the event with its whole personal content; unchanged where it was redacted or forgotten.

        Args:
            event: as opened, with ``sealed``.
            stored: the blob that ``overflow`` names.
        Raises:
            SealBroken: the blob was changed or is another's.
            KeyMissing: as for :meth:`open_many`.
        """
        plain = self.open_blobs(event, {WHOLE: stored})[WHOLE]
        return event if plain is None else self._codec.with_personal(event, plain)

    def evict(self, person_id: UUID) -> None:
        """Drop a person's cached key; called where the log or the store says that the person was forgotten."""
        self._persons.pop(person_id, None)

    def evict_all(self) -> None:
        """Drop all cached keys: the store may have been put back to before it had them."""
        self._persons = OrderedDict()

    def secret(self, name: str) -> bytes:
        """Return the 32-byte secret of a name; it is made at its first use and never changes.

        Raises:
            KeyMissing: its key-encryption key is not there.
        """
        known = self._secrets.get(name)
        if known is None:
            wrapped = self._store.secret(name)
            if wrapped is None:
                key_id, new = self._keyring.wrap(os.urandom(KEY_BYTES), owner_aad(name))
                wrapped = self._store.secret(name, new, key_id) or new
            known = self._secrets[name] = self._keyring.unwrap(wrapped, owner_aad(name))
        return known

    def identity_digest(self, kind: str, normalised: str) -> bytes:
        """Return the 32-byte keyed digest by which an identity is looked up: HMAC-SHA256 over kind and value."""
        return hmac.digest(self.secret("identity"), f"{kind}\0{normalised}".encode(), sha256)

    def command_digest(self, content: bytes) -> bytes:
        """Return the 16-byte keyed digest of a command's content."""
        return hmac.digest(self.secret("command"), content, sha256)[:16]

    def _writing_keys(self, ids: set[UUID]) -> dict[UUID, AESGCM]:
        """Return the persons' keys; those who have none get one."""
        keys: dict[UUID, AESGCM] = {}
        known = self._persons  # what is read from the store before evict_all() must not be kept after it
        for id_ in ids:
            # A pop and a set, each atomic, and no lock: a forked child would inherit a held one.
            cached = known.pop(id_, None)
            if cached is not None:
                known[id_] = keys[id_] = cached
        missing = sorted(ids - keys.keys())
        if not missing:
            return keys
        stored = self._store.persons(missing)
        new = [id_ for id_ in missing if id_ not in stored]
        if new:
            made: dict[str, dict[UUID, bytes]] = {}
            for id_ in new:
                key_id, wrapped = self._keyring.wrap(os.urandom(KEY_BYTES), owner_aad(id_))
                made.setdefault(key_id, {})[id_] = wrapped
            for key_id, batch in made.items():
                self._store.put_persons(batch, key_id)
            stored |= self._store.persons(new)  # another writer may have been first: the stored key counts
        for id_ in missing:
            person_wrapped = stored.get(id_)
            if person_wrapped is None:
                raise Forgotten(_name_of(id_), id_)
            keys[id_] = AESGCM(self._keyring.unwrap(person_wrapped, owner_aad(id_)))
            self._keep(known, id_, keys[id_])
        return keys

    def _keep(self, known: OrderedDict[UUID, AESGCM], id_: UUID, cipher: AESGCM) -> None:
        known[id_] = cipher
        while len(known) > self._cache_size:
            try:
                known.popitem(last=False)
            except KeyError:  # another thread was faster
                break

    def _event_cipher(self, event: Event, key: WrappedKey, persons: dict[UUID, AESGCM]) -> AESGCM:
        person = persons.get(key.person_id)
        if person is None:
            person = AESGCM(self._keyring.unwrap(key.person_wrapped, owner_aad(key.person_id)))
            persons[key.person_id] = person
        aad = _key_aad(key.person_id, event.originator_id, event.originator_version)
        return AESGCM(_decrypt(person, key.wrapped, aad, event, "the key of "))


def owner_aad(owner: UUID | str) -> bytes:
    """Return what a person's key (by id) or a secret (by name) is bound to when it is wrapped."""
    return b"person\0" + owner.bytes if isinstance(owner, UUID) else b"secret\0" + owner.encode()


def _closed(event: Event, plain: bytes, pending: PendingKey, person: AESGCM) -> tuple[str, EventKey]:
    """Return the event's content under its own key, and that under its person's."""
    person_id, id_, version = pending.person_id, event.originator_id, event.originator_version
    content = _encrypt(pending._cipher, _pack(plain), _event_aad(event))
    wrapped = _encrypt(person, pending._key, _key_aad(person_id, id_, version))
    return b2a_base64(content, newline=False).decode("ascii"), EventKey(
        id_, version, content[:NONCE_BYTES], person_id, wrapped
    )


def _event_aad(event: Event) -> bytes:
    version = event.originator_version.to_bytes(8, "big")
    return b"event\0" + event.originator_id.bytes + version + event.TOPIC.encode()


def _key_aad(person_id: UUID, originator_id: UUID, version: int) -> bytes:
    return b"key\0" + person_id.bytes + originator_id.bytes + version.to_bytes(8, "big")


def _blob_aad(index: int) -> bytes:
    return b"blob\0" + index.to_bytes(8, "big")


def _blob_name(index: int) -> str:
    return "the overflow" if index == WHOLE else f"blob {index}"


def _encrypt(cipher: AESGCM, plain: bytes, aad: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + cipher.encrypt(nonce, plain, aad)


def _decrypt(cipher: AESGCM, stored: bytes, aad: bytes, event: Event, part: str = "") -> bytes:
    try:
        return cipher.decrypt(stored[:NONCE_BYTES], stored[NONCE_BYTES:], aad)
    except (InvalidTag, ValueError):
        raise _broken(event, part) from None


def _opened_file(cipher: FileCipher, parts: Iterable[bytes], event: Event) -> Iterator[bytes]:
    try:
        yield from cipher.open(parts)
    except (InvalidTag, ValueError):
        raise _broken(event, "a file of ") from None


def _broken(event: Event, part: str) -> SealBroken:
    return SealBroken(
        f"cannot open {part}event {event.TOPIC!r} version {event.originator_version}"
        f" of {_name_of(event.originator_id)}: it was changed or belongs elsewhere, expected what was sealed"
        " (compare log, blobs and keys with their backups)"
    )


def _content_of(event: Event) -> bytes:
    try:
        content = b64decode(event.sealed or "", validate=True)
    except ValueError:
        content = b""
    if len(content) <= NONCE_BYTES:
        raise SealBroken(
            f"cannot open event {event.TOPIC!r} version {event.originator_version} of {_name_of(event.originator_id)}:"
            " its sealed content is malformed, expected base64 of nonce and ciphertext (compare the log with its backup)"
        )
    return content


def _pack(plain: bytes) -> bytes:
    """Return *plain* with its leading byte, deflated where that makes it shorter; a sample decides for long content."""
    sample = plain[:_SAMPLE]
    if len(plain) <= _SAMPLE or len(zlib.compress(sample, 1)) < len(sample):
        deflated = zlib.compress(plain, wbits=-zlib.MAX_WBITS)
        if len(deflated) < len(plain):
            return b"\1" + deflated
    return b"\0" + plain


def _unpack(packed: bytes) -> bytes:
    return zlib.decompress(packed[1:], wbits=-zlib.MAX_WBITS) if packed[:1] == b"\1" else packed[1:]


def _name_of(id_: UUID) -> str:
    kind = kind_of(id_)
    return f"person {id_}" if kind is None else f"{kind.name.lower()} {number_of(id_)}"

"""Changing the key-encryption key while services run.

:func:`rotate` adds a key and wraps every person's key and secret with it; events stay as they are. Both keys stay in
the ring until nothing is wrapped by the old one, so a kill at any moment loses nothing, and the next :func:`rotate`
goes on where it ended. Services that read the key file notice its change; those that have the keys in a variable need
the new value, and a restart, before the old key is retired.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ticketcore.errors import KeyMissing, SealBroken
from ticketcore.sealing.sealer import owner_aad

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from ticketcore.sealing.keyring import Keyring
    from ticketcore.store.port import KeyStore

__all__ = ["check_ring", "retire", "rotate"]

SECRETS = ("command", "identity")
"""Names of the secrets that the first command makes."""


def check_ring(keyring: Keyring, store: KeyStore) -> None:
    """Return where the ring opens what the store holds; asked of its secrets, which a rotation wraps last.

    Raises:
        KeyMissing: the ring lacks the key, or has another one of that id. An empty store takes any ring.
    """
    for name in SECRETS:
        wrapped = store.secret(name)
        if wrapped is not None:
            try:
                keyring.unwrap(wrapped, owner_aad(name))
            except SealBroken as error:
                raise KeyMissing(f"the key-encryption keys are not those of the stored keys: {error}") from error


def rotate(
    keyring: Keyring, store: KeyStore, *, batch: int = 1_000, progress: Callable[[int], None] | None = None
) -> tuple[str, int]:
    """Wrap everything with a new active key; return its id and how many keys were wrapped anew.

    Where an earlier rotation did not end, that one is finished and no key is added.

    Args:
        keyring: from a file.
        store: of the keys.
        batch: keys in one transaction.
        progress: told after each batch how many are done.
    Raises:
        KeyMissing: the ring comes from a variable, or lacks a key that something is wrapped by.
    """
    old = sorted(store.key_ids().keys() - {keyring.active})
    if not old:
        new = keyring.add()
        old = sorted(store.key_ids().keys() - {new})
    if missing := sorted(set(old) - set(keyring.ids)):
        raise KeyMissing(
            f"cannot rotate: keys are wrapped by {', '.join(missing)}, which the ring lacks;"
            f" it holds {', '.join(keyring.ids)} (put the missing ones back from their backup)"
        )
    count = 0

    def again(owner: UUID | str, wrapped: bytes) -> tuple[str, bytes]:
        aad = owner_aad(owner)
        return keyring.wrap(keyring.unwrap(wrapped, aad), aad)

    for key_id in old:
        while done := store.rewrap(key_id, again, batch):
            count += done
            if progress is not None:
                progress(count)
    return keyring.active, count


def retire(keyring: Keyring, store: KeyStore, key_id: str) -> None:
    """Remove a key from the key file once nothing is wrapped by it.

    After that, and once every copy of the old key is destroyed, what backups and the server's own log files still
    hold of forgotten persons' wrapped keys is unreadable for good.

    Raises:
        KeyMissing: something is wrapped by it still, it is the active key, or it is not in the file.
    """
    left = store.key_ids().get(key_id, 0)
    if left:
        raise KeyMissing(
            f"cannot retire key {key_id!r}: {left:,} keys are wrapped by it, expected 0 (run: ticketcore keys rotate)"
        )
    keyring.remove(key_id)

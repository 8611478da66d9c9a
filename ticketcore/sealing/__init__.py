"""Personal data, sealed inside events: who holds the keys reads it, and destroying a key forgets it everywhere."""

from ticketcore.sealing.keyring import Keyring
from ticketcore.sealing.rotation import retire, rotate
from ticketcore.sealing.sealer import PendingKey, Sealer

__all__ = ["Keyring", "PendingKey", "Sealer", "retire", "rotate"]

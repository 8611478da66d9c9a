"""A service with its own data base beside ticketcore, as docs/embedding.md shows it. Run: host_service.py DB DSN KEYS [CRASH_AT]."""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from pathlib import Path
from uuid import UUID, uuid5

from ticketcore import Actor, Settings, TicketCore

SHOP = UUID("6a3f2d0e-53a1-5d6b-9d1e-0d7a4f3c2b1a")
SERVICE = Actor.system("shop")
STEPS = ("order committed", "ticket opened", "order updated", "done")


def step(name: str, crash_at: str | None) -> None:
    if name == crash_at:
        os.kill(os.getpid(), signal.SIGKILL)


def main(database: str, dsn: str, keys: str, crash_at: str | None = None) -> None:
    orders = sqlite3.connect(database)
    orders.execute("CREATE TABLE IF NOT EXISTS orders (id TEXT PRIMARY KEY, text TEXT, ticket TEXT)")
    orders.execute("CREATE TABLE IF NOT EXISTS outbox (order_id TEXT PRIMARY KEY, command_id TEXT)")
    order_id, text = "A-1", "One teapot, please"
    if not orders.execute("SELECT 1 FROM orders WHERE id = ?", (order_id,)).fetchone():
        orders.execute("INSERT INTO orders (id, text) VALUES (?, ?)", (order_id, text))
        orders.execute(
            "INSERT INTO outbox (order_id, command_id) VALUES (?, ?)", (order_id, str(uuid5(SHOP, order_id)))
        )
        orders.commit()
    step("order committed", crash_at)

    with TicketCore.open(Settings(dsn=dsn, key_file=Path(keys))) as core:
        pending = "SELECT o.id, b.command_id, o.text FROM outbox b JOIN orders o ON o.id = b.order_id"
        for id_, command_id, body in orders.execute(pending).fetchall():
            opened = core.open_ticket(
                channel="form", subject=f"Order {id_}", body=body, by=SERVICE, command_id=UUID(command_id)
            )
            step("ticket opened", crash_at)
            orders.execute("UPDATE orders SET ticket = ? WHERE id = ?", (opened.number, id_))
            step("order updated", crash_at)
            orders.execute("DELETE FROM outbox WHERE order_id = ?", (id_,))
            orders.commit()
    step("done", crash_at)


if __name__ == "__main__":
    main(*sys.argv[1:])

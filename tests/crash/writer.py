"""A service that writes: ``python -m tests.crash.writer FOLDER NAME SEED [PAUSE]``, to be killed and started again.

Every command has an id and is in the journal before it is given; after a kill it is given again with the same id.
A thread rests up to PAUSE seconds after each. It ends once there is a file ``stop`` in FOLDER.
"""

from __future__ import annotations

import faulthandler
import os
import random
import re
import signal
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

from tests.crash.journal import Answer, Journal, Wish, read_journal
from ticketcore import Actor, Identity, IdentityKind, TicketCore
from ticketcore.errors import ClaimTaken, Conflict, StoreUnavailable, WrongState

THREADS = 3
ANA = Actor.agent("ana")
WEIGHTS = {
    "open_ticket": 12, "comment": 30, "assign": 14, "pend": 6, "solve": 12, "reopen": 8, "close_ticket": 4, "merge": 4,
    "register_customer": 5, "identify": 5,
}  # fmt: skip


_NUMBER = re.compile(rb'"number": "([TC][^"]+)"')


class Names:
    """Numbers of tickets and customers: this process's own at once, the others' from their journals now and then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._found: dict[str, dict[str, None]] = {"T": {}, "C": {}}
        self._read: dict[Path, int] = {}
        self.look_around()

    def look_around(self) -> None:
        for path in sorted(self._folder.glob("*.journal")):
            with path.open("rb") as file:
                file.seek(self._read.get(path, 0))
                new = file.read().rpartition(b"\n")[0]
            self._read[path] = self._read.get(path, 0) + len(new)
            for found in _NUMBER.findall(new):
                self.learn(found.decode())

    def learn(self, number: str) -> None:
        with self._lock:
            if number:
                self._found[number[0]][number] = None

    def some(self, kind: str, dice: random.Random) -> str | None:
        """One of the newest mostly, so that threads and processes meet on the same tickets."""
        with self._lock:
            known = self._found[kind]
            newest = list(islice(reversed(known), 15 if dice.random() < 0.8 else None))
            return dice.choice(newest) if newest else None


def wish(thread: int, dice: random.Random, names: Names) -> Wish:
    method = dice.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    command_id = UUID(int=dice.getrandbits(128), version=4)
    ticket, customer = names.some("T", dice), names.some("C", dice)
    if ticket is None and method not in {"open_ticket", "register_customer"}:
        method = "open_ticket"
    if customer is None and method == "identify":
        method = "register_customer"
    other = names.some("T", dice)
    if method == "merge" and other == ticket:
        method = "solve"
    arguments: dict[str, Any] = {"name": ticket}
    if method == "open_ticket":
        requester = customer if dice.random() < 0.6 else None
        arguments = {"channel": "form", "requester": requester, "subject": "Hello", "body": f"opened by {command_id}"}
    elif method == "comment":
        direction = dice.choice(["inbound", "outbound", "internal"])
        arguments |= {"direction": direction, "channel": "mail", "body": f"written by {command_id}"}
    elif method == "assign":
        arguments |= {"team_id": dice.choice(["a", "b"]), "agent_id": dice.choice(["ana", "bob", None])}
    elif method == "merge":
        arguments |= {"into": other}
    elif method == "register_customer":
        arguments = {"mail": f"person{dice.randrange(400)}@example.org"}
    elif method == "identify":
        arguments = {"name": customer, "kind": "mail", "value": f"person{dice.randrange(400)}@example.org"}
    return Wish(command_id, thread, method, arguments)


def give(core: TicketCore, wish: Wish) -> Answer:
    """Give a command until there is an answer, and return that."""
    arguments = dict(wish.arguments)
    name, mail = arguments.pop("name", None), arguments.pop("mail", None)
    if mail is not None:
        arguments["identities"] = [Identity(kind=IdentityKind.MAIL, value=mail)]
    call = getattr(core, wish.method)
    while True:
        try:
            done = call(*([name] if name else []), by=ANA, command_id=wish.command_id, **arguments)
        except StoreUnavailable:
            time.sleep(0.2)
        except (WrongState, Conflict, ClaimTaken) as error:
            return Answer(wish.command_id, refused=error.code)
        else:
            return Answer(wish.command_id, done.number, done.position, done.version, done.repeated)


class Writer:
    def __init__(self, folder: Path, name: str, seed: str, pause: float) -> None:
        self._stop, self._seed, self._pause = folder / "stop", seed, pause
        wishes, answers = read_journal(folder / f"{name}.journal")
        self._open_wishes = {w.thread: w for w in wishes.values() if w.command_id not in answers}
        self._given = len(wishes)
        self._journal = Journal(folder / f"{name}.journal")
        self._names = Names(folder)
        self._core = _opened()

    def run(self) -> None:
        threads = [threading.Thread(target=self._guarded, args=(number,)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._core.close()

    def _guarded(self, thread: int) -> None:
        try:
            self._write(thread, self._open_wishes)
        except BaseException:  # noqa: BLE001 -- an error in any thread ends the process, visibly
            traceback.print_exc()
            os._exit(70)

    def _write(self, thread: int, open_wishes: Mapping[int, Wish]) -> None:
        dice = random.Random(f"{self._seed}/{self._given}/{thread}")
        before = open_wishes.get(thread)
        if before is not None:
            self._answer(before)
        count = 0
        while not self._stop.exists():
            count += 1
            if count % 40 == 0:
                self._names.look_around()
            new = wish(thread, dice, self._names)
            self._journal.write(new)
            self._answer(new)
            time.sleep(dice.uniform(0, self._pause))

    def _answer(self, wish: Wish) -> None:
        answer = give(self._core, wish)
        self._journal.write(answer)
        self._names.learn(answer.number)


def _opened() -> TicketCore:
    while True:
        try:
            return TicketCore.open()
        except StoreUnavailable:
            time.sleep(0.2)


if __name__ == "__main__":
    faulthandler.register(signal.SIGUSR1)  # where does it hang?
    Writer(Path(sys.argv[1]), sys.argv[2], sys.argv[3], float((sys.argv[4:] or ["0.06"])[0])).run()

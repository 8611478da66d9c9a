from collections.abc import Iterator

import pytest

from tests.outgoing.given import MAIL, SENDERS
from tests.support.smtp import Mailserver, mailserver
from ticketcore import TicketCore


@pytest.fixture
def core() -> Iterator[TicketCore]:
    with TicketCore.in_memory(settings=MAIL) as core:
        yield core


@pytest.fixture
def server() -> Iterator[Mailserver]:
    with mailserver() as server:
        yield server
        while SENDERS:
            SENDERS.pop().close()

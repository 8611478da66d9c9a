"""What waits for a server that is away: for ever, and never long between two attempts."""

import pytest

from projections.runner import pause_after


@pytest.mark.parametrize("attempt", [8, 10, 1_024, 10_000])
def test_the_pause_is_seconds_however_often_a_server_was_away(attempt: int) -> None:
    assert 2.5 <= pause_after(attempt) <= 5


def test_the_first_pauses_are_short_and_grow() -> None:
    assert 0.05 <= pause_after(1) <= 0.1 <= pause_after(2) <= 0.2

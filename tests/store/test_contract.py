"""Every outcome and guarantee of the port, for every backend."""

import os
from datetime import UTC, datetime, timedelta
from threading import Thread
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import StoredEvent

from tests.store.building import append, claim, events, key
from ticketcore.errors import EventTooLarge
from ticketcore.ids import Kind, Number, aggregate_id
from ticketcore.store.port import (
    MAX_EVENT_BYTES,
    Append,
    Appended,
    Claim,
    ClaimConflict,
    EventLog,
    Fact,
    KeyStore,
    PersonGone,
    Receipt,
    Release,
    Repeated,
    Reused,
    VersionConflict,
)


def position(outcome: object) -> int:
    assert isinstance(outcome, Appended), outcome
    assert outcome.position is not None
    return outcome.position


class TestAppending:
    def test_a_new_log_is_empty(self, log: EventLog) -> None:
        assert (log.head(), log.read(0, 10), log.name) == (0, [], "main")
        assert isinstance(log.epoch(), UUID)
        assert log.epoch() == log.epoch()
        assert log.append([]) == []

    def test_events_get_contiguous_positions_and_one_record_time(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        before = datetime.now(UTC) - timedelta(seconds=5)
        assert [position(o) for o in log.append([append(a, 0, 2), append(b, 0, 3)])] == [2, 5]
        records = log.read(0, 10)
        assert [r.position for r in records] == [1, 2, 3, 4, 5]
        assert [(r.originator_id, r.originator_version) for r in records] == [(a, 1), (a, 2), (b, 1), (b, 2), (b, 3)]
        assert (records[0].topic, records[0].state) == ("ticket.tested", b'{"a":1}')
        assert all(r.recorded_at.utcoffset() == timedelta(0) for r in records)
        assert before < records[0].recorded_at <= records[-1].recorded_at
        assert log.head() == 5

    def test_one_append_may_write_several_streams(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        both = Append(uuid4(), b"d", ((a, 0), (b, 0)), events(a, 0) + events(b, 0, 2) + events(a, 1))
        assert position(log.append([both])[0]) == 4
        streams = log.load([a, b]).streams
        assert [r.position for r in streams[a]] == [1, 4]
        assert [r.position for r in streams[b]] == [2, 3]

    def test_all_streams_are_refused_where_one_has_moved_on(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        log.append([append(b, 0, 3)])
        both = Append(uuid4(), b"d", ((a, 0), (b, 2)), events(a, 0) + events(b, 2))
        assert log.append([both]) == [VersionConflict(b, 2, 3)]
        assert log.load([a], both.command_id) == ({a: []}, None)
        assert log.head() == 3

    def test_a_stream_that_was_only_read_must_not_have_moved_either(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        log.append([append(b)])
        assert log.append([Append(uuid4(), b"d", ((a, 0), (b, 0)), events(a, 0))]) == [VersionConflict(b, 0, 1)]

    def test_a_stale_version_and_a_version_from_the_future_are_conflicts(self, log: EventLog) -> None:
        a = uuid4()
        log.append([append(a, 0, 2)])
        assert log.append([append(a, 1)]) == [VersionConflict(a, 1, 2)]
        assert log.append([append(a, 3)]) == [VersionConflict(a, 3, 2)]
        assert position(log.append([append(a, 2)])[0]) == 3

    def test_a_conflict_fails_only_its_own_command(self, log: EventLog) -> None:
        a = uuid4()
        log.append([append(a)])
        first, conflict, last = log.append([append(), append(a, 0), append()])
        assert (position(first), position(last)) == (2, 3)
        assert conflict == VersionConflict(a, 0, 1)

    def test_of_two_in_a_batch_for_one_stream_the_later_meets_the_first(self, log: EventLog) -> None:
        a = uuid4()
        first, rival, follower = log.append([append(a, 0, 2), append(a, 0), append(a, 2)])
        assert (position(first), position(follower)) == (2, 3)
        assert rival == VersionConflict(a, 0, 2)

    def test_a_command_without_events_leaves_a_receipt(self, log: EventLog) -> None:
        a = uuid4()
        log.append([append(a)])
        idle = append(a, 1, 0)
        [outcome] = log.append([idle])
        assert isinstance(outcome, Appended)
        assert outcome.position is None
        assert log.load([], idle.command_id).receipt == Receipt(idle.command_id, idle.digest, a, None, 0)
        assert log.head() == 1

    def test_record_times_never_go_back(self, log: EventLog) -> None:
        for _ in range(20):
            log.append([append()])
        times = [r.recorded_at for r in log.read(0, 100)]
        assert times == sorted(times)

    def test_an_event_may_have_the_most_bytes_and_not_one_more(self, log: EventLog) -> None:
        a = uuid4()
        most = Append(uuid4(), b"d", ((a, 0),), events(a, 0, state=bytes(MAX_EVENT_BYTES)))
        assert position(log.append([most])[0]) == 1
        more = Append(uuid4(), b"d", ((a, 1),), events(a, 1, state=bytes(MAX_EVENT_BYTES + 1)))
        for attempt in (lambda: log.append([append(), more]), lambda: log.append_bulk(more)):
            with pytest.raises(EventTooLarge, match="has 262,145 bytes, expected at most 262,144"):
                attempt()
        assert log.head() == 1

    def test_versions_with_a_hole_are_refused(self, log: EventLog) -> None:
        a = uuid4()
        with pytest.raises(ValueError, match=f"cannot append version 3 of stream {a}: expected 2"):
            log.append([Append(uuid4(), b"d", ((a, 0),), events(a, 0) + events(a, 2))])


class TestReceipts:
    def test_the_same_command_again_gives_its_first_receipt(self, log: EventLog) -> None:
        a = uuid4()
        once = append(a, 0, 2)
        log.append([once])
        receipt = Receipt(once.command_id, once.digest, a, 2, 2)
        assert log.append([once]) == [Repeated(receipt)]
        assert log.append_bulk(once) == Repeated(receipt)
        assert log.load([a], once.command_id).receipt == receipt
        assert log.head() == 2

    def test_the_same_command_twice_in_a_batch_is_recorded_once(self, log: EventLog) -> None:
        once = append()
        first, second = log.append([once, once])
        assert position(first) == 1
        assert isinstance(second, Repeated)

    def test_a_command_id_with_other_content_is_told(self, log: EventLog) -> None:
        once = append()
        log.append([once])
        other = append(command_id=once.command_id, digest=b"fedcba9876543210")
        [outcome] = log.append([other])
        assert isinstance(outcome, Reused)
        assert outcome.receipt.digest == once.digest
        assert log.append_bulk(other) == outcome
        assert log.head() == 1

    def test_a_refused_command_leaves_no_receipt(self, log: EventLog) -> None:
        a = uuid4()
        log.append([append(a)])
        refused = append(a, 0)
        log.append([refused])
        assert log.load([], refused.command_id).receipt is None

    def test_a_receipt_names_the_aggregate_that_the_command_made(self, log: EventLog) -> None:
        old, new = uuid4(), uuid4()
        log.append([append(old)])
        follow_up = Append(uuid4(), b"d", ((old, 1), (new, 0)), events(new, 0) + events(old, 1))
        log.append([follow_up])
        assert log.load([], follow_up.command_id).receipt == Receipt(follow_up.command_id, b"d", new, 3, 2)


class TestClaims:
    def test_a_value_belongs_to_the_first_who_claims_it(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        log.append([append(a, claims=[claim(a)])])
        assert log.append([append(b, claims=[claim(b)])]) == [ClaimConflict(claim(b), a)]
        assert log.owner("identity:mail", b"ana@example.org") == claim(a)
        assert log.owner("identity:mail", b"bob@example.org") is None
        assert log.owner("identity:phone", b"ana@example.org") is None
        assert log.owners("identity:mail") == {b"ana@example.org": a}
        assert log.load([b]).streams[b] == []

    def test_in_one_batch_the_later_claim_loses(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        first, second = log.append([append(a, claims=[claim(a)]), append(b, claims=[claim(b)])])
        assert position(first) == 1
        assert second == ClaimConflict(claim(b), a)

    def test_claiming_again_what_one_has_changes_nothing(self, log: EventLog) -> None:
        a = uuid4()
        log.append([append(a, claims=[claim(a)])])
        assert position(log.append([append(a, 1, claims=[claim(a, ref=2)])])[0]) == 2
        assert log.owner("identity:mail", b"ana@example.org") == claim(a, ref=1)

    def test_one_command_can_not_claim_a_value_for_two(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        both = append(a, claims=[claim(a), claim(b)])
        assert log.append([both]) == [ClaimConflict(claim(b), a)]
        assert log.append_bulk(both) == ClaimConflict(claim(b), a)
        assert (log.owners("identity:mail"), log.head()) == ({}, 0)

    def test_the_conflict_names_the_claim_that_lost(self, log: EventLog) -> None:
        a, b, c = uuid4(), uuid4(), uuid4()
        log.append([append(a, claims=[claim(a, b"1")])])
        batch = [append(b, claims=[claim(b, b"2")]), append(c, claims=[claim(c, b"3"), claim(c, b"1")])]
        assert log.append(batch)[1] == ClaimConflict(claim(c, b"1"), a)
        assert log.owners("identity:mail") == {b"1": a, b"2": b}

    def test_claims_are_released_by_the_version_that_made_them(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        log.append([append(a, claims=[claim(a, b"1", 1), claim(a, b"2", 2)])])
        log.append([append(a, 1, releases=[Release(a, 2)])])
        assert log.owners("identity:mail") == {b"1": a}
        assert position(log.append([append(b, claims=[claim(b, b"2")])])[0]) == 3

    def test_all_claims_of_an_owner_are_released_at_once(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        log.append([append(a, claims=[claim(a, b"1", 1), claim(a, b"2", 2)]), append(b, claims=[claim(b, b"3")])])
        log.append([append(a, 1, releases=[Release(a)])])
        assert log.owners("identity:mail") == {b"3": b}

    def test_a_merge_moves_claims_within_one_append(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        log.append([append(a, claims=[claim(a)])])
        merge = Append(
            uuid4(), b"d", ((a, 1), (b, 0)), events(a, 1) + events(b, 0), (), (claim(b, ref=1),), (Release(a, 1),)
        )
        assert position(log.append([merge])[0]) == 3
        assert log.owner("identity:mail", b"ana@example.org") == claim(b)

    def test_in_one_batch_a_value_that_was_released_can_be_claimed(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        log.append([append(a, claims=[claim(a)])])
        outcomes = log.append([append(a, 1, releases=[Release(a)]), append(b, claims=[claim(b)])])
        assert [position(o) for o in outcomes] == [2, 3]
        assert log.owners("identity:mail") == {b"ana@example.org": b}

    def test_an_owner_can_release_a_value_and_claim_it_anew_in_one_append(self, log: EventLog) -> None:
        a = uuid4()
        log.append([append(a, claims=[claim(a, b"1", -4)])])
        log.append([append(a, 1, claims=[claim(a, b"1", -4), claim(a, b"2", -4)], releases=[Release(a, -4)])])
        assert log.claims_of(a) == [claim(a, b"1", -4), claim(a, b"2", -4)]

    def test_claims_below_a_value_come_in_its_order(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        log.append([append(a, claims=[claim(a, value) for value in (b"\x02", b"\x00\x01", b"\x03", b"\x01")])])
        log.append([append(b, claims=[Claim("identity:phone", b"\x00", b, 1)])])
        assert [c.value for c in log.claims_below("identity:mail", b"\x03", 10)] == [b"\x00\x01", b"\x01", b"\x02"]
        assert log.claims_below("identity:mail", b"\x03", 1) == [claim(a, b"\x00\x01")]
        assert log.claims_below("identity:mail", b"\x00", 10) == []

    def test_a_refused_command_neither_claims_nor_releases(self, log: EventLog) -> None:
        a = uuid4()
        log.append([append(a, claims=[claim(a, b"1")])])
        log.append([append(a, 0, claims=[claim(a, b"2")], releases=[Release(a)])])
        assert log.owners("identity:mail") == {b"1": a}


class TestKeys:
    def test_keys_come_with_their_events(self, log: EventLog, keys: KeyStore) -> None:
        a, person = uuid4(), uuid4()
        keys.put_persons({person: b"person"}, "k1")
        sealed = key(a, 1, person)
        log.append([append(a, keys=[sealed])])
        [found] = keys.event_keys([sealed[:3]]).values()
        assert found == (person, b"wrapped", b"person")

    def test_nothing_is_appended_for_somebody_forgotten(self, log: EventLog, keys: KeyStore) -> None:
        a, b, person, other = uuid4(), uuid4(), uuid4(), uuid4()
        keys.put_persons({person: b"person", other: b"other"}, "k1")
        keys.destroy([], [person])
        lost, kept = key(a, 1, person), key(b, 1, other)
        gone, done = log.append([append(a, keys=[lost]), append(b, keys=[kept])])
        assert gone == PersonGone(person)
        assert position(done) == 1
        assert set(keys.event_keys([lost[:3], kept[:3]])) == {kept[:3]}
        assert log.append_bulk(append(a, keys=[lost])) == PersonGone(person)

    def test_nothing_is_appended_for_somebody_unknown(self, log: EventLog) -> None:
        a, person = uuid4(), uuid4()
        assert log.append([append(a, keys=[key(a, 1, person)])]) == [PersonGone(person)]
        assert log.head() == 0

    def test_a_refused_command_leaves_no_keys(self, log: EventLog, keys: KeyStore) -> None:
        a, person = uuid4(), uuid4()
        keys.put_persons({person: b"person"}, "k1")
        log.append([append(a)])
        rival = key(a, 1, person)
        log.append([append(a, 0, keys=[rival])])
        assert keys.event_keys([rival[:3]]) == {}

    def test_redaction_destroys_the_events_keys(self, log: EventLog, keys: KeyStore) -> None:
        a, person = uuid4(), uuid4()
        keys.put_persons({person: b"person"}, "k1")
        sealed = [key(a, 1, person), key(a, 2, person)]
        log.append([append(a, 0, 2, keys=sealed)])
        log.append([append(a, 2, destroy_events=[(a, 1)])])
        assert set(keys.event_keys([k[:3] for k in sealed])) == {sealed[1][:3]}

    @pytest.mark.parametrize("bulk", [False, True])
    def test_forgetting_destroys_the_persons_key(self, log: EventLog, keys: KeyStore, bulk: bool) -> None:
        a, person, unknown = uuid4(), uuid4(), uuid4()
        keys.put_persons({person: b"person"}, "k1")
        log.append([append(a, keys=[key(a, 1, person)])])
        forget = append(a, 1, destroy_persons=[person, unknown, person])
        position(log.append_bulk(forget) if bulk else log.append([forget])[0])
        keys.put_persons({unknown: b"too late", person: b"too late"}, "k1")
        assert keys.persons([person, unknown]) == {person: None, unknown: None}
        assert log.append([append(a, 2, keys=[key(a, 3, person)])]) == [PersonGone(person)]

    def test_in_one_batch_what_comes_after_forgetting_is_refused(self, log: EventLog, keys: KeyStore) -> None:
        a, b, person = uuid4(), uuid4(), uuid4()
        keys.put_persons({person: b"person"}, "k1")
        first, second = log.append([append(a, destroy_persons=[person]), append(b, keys=[key(b, 1, person)])])
        assert position(first) == 1
        assert second == PersonGone(person)


class TestBulk:
    def test_many_events_lie_in_the_log_as_others_do(self, log: EventLog, keys: KeyStore) -> None:
        person = uuid4()
        keys.put_persons({person: b"person"}, "k1")
        log.append([append()])
        streams = [uuid4() for _ in range(400)]
        many = Append(
            uuid4(),
            b"d",
            tuple((s, 0) for s in streams),
            tuple(StoredEvent(s, v, f"t.n{v}", os.urandom(900)) for s in streams for v in (1, 2, 3)),
            tuple(key(s, 1, person) for s in streams),
            tuple(Claim("number", s.bytes, s, 1) for s in streams),
        )
        assert position(log.append_bulk(many)) == 1201
        records = log.read(1, 2_000)
        assert [r.position for r in records] == list(range(2, 1202))
        assert [r[2:] for r in records] == [_plain(event) for event in many.events]
        assert log.owners("number") == {s.bytes: s for s in streams}
        assert len(keys.event_keys([k[:3] for k in many.keys])) == 400
        assert log.load([], many.command_id).receipt == Receipt(many.command_id, b"d", streams[0], 1201, 1200)
        assert position(log.append([append(streams[7], 3)])[0]) == 1202

    def test_a_bulk_is_refused_whole(self, log: EventLog) -> None:
        a, b = uuid4(), uuid4()
        log.append([append(a, claims=[claim(a)])])
        assert log.append_bulk(append(a, 0, 50)) == VersionConflict(a, 0, 1)
        assert log.append_bulk(append(b, 0, 50, claims=[claim(b)])) == ClaimConflict(claim(b), a)
        assert log.head() == 1

    def test_keys_of_events_that_it_redacts_itself_are_not_stored(self, log: EventLog, keys: KeyStore) -> None:
        a, person = uuid4(), uuid4()
        keys.put_persons({person: b"person"}, "k1")
        sealed = [key(a, 1, person), key(a, 2, person)]
        log.append_bulk(append(a, 0, 2, keys=sealed, destroy_events=[(a, 1)]))
        assert set(keys.event_keys([k[:3] for k in sealed])) == {sealed[1][:3]}


class TestReading:
    def test_pages_follow_each_other_without_gap(self, log: EventLog) -> None:
        log.append([append(count=25)])
        pages, after = [], 0
        while page := log.read(after, 10):
            pages.append(len(page))
            after = page[-1].position
        assert (pages, after) == ([10, 10, 5], 25)

    def test_a_page_has_about_the_bytes_it_may_have_and_at_least_one_record(self, log: EventLog) -> None:
        a = uuid4()
        log.append([Append(uuid4(), b"d", ((a, 0),), events(a, 0, 10, state=bytes(10_000)))])
        assert len(log.read(0, 100, max_bytes=35_000)) in (3, 4)
        assert len(log.read(0, 100, max_bytes=1)) == 1
        assert len(log.read(0, 100)) == 10

    def test_unknown_streams_and_receipts_are_empty(self, log: EventLog) -> None:
        a = uuid4()
        assert log.load([a], uuid4()) == ({a: []}, None)
        assert log.load([]) == ({}, None)

    def test_the_streams_of_a_kind_are_named_page_by_page_in_their_order(self, log: EventLog) -> None:
        kinds = (Kind.TICKET, Kind.CUSTOMER, Kind.POLICY)
        ids = {kind: [aggregate_id(Number(kind, 2026, counter), "main") for counter in range(1, 8)] for kind in kinds}
        for some in ids.values():
            log.append([append(id_, count=2) for id_ in reversed(some)])
        log.append([append(uuid4())])
        for kind, expected in ids.items():
            found, after = [], None
            while page := log.stream_ids(kind, after, 3):
                found += page
                after = page[-1]
            assert found == expected
        assert log.stream_ids(Kind.AGENT, None, 3) == []


class TestNumbers:
    def test_numbers_are_never_given_twice(self, log: EventLog) -> None:
        taken: list[int] = []
        threads = [Thread(target=lambda: taken.extend(log.allocate(Kind.TICKET, 50))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(taken) == list(range(1, 201))
        assert log.allocate(Kind.CUSTOMER, 2) == [1, 2]


def _plain(event: StoredEvent | Fact) -> tuple[object, int, str, bytes]:
    return event.originator_id, event.originator_version, event.topic, event.state


def test_many_commands_are_loaded_as_each_would_be(log: EventLog) -> None:
    a, b = uuid4(), uuid4()
    first, second = append(a, count=2), append(b)
    log.append([first, second])
    wanted = [((a,), first.command_id), ((b, a), None), ((), second.command_id), ((uuid4(),), uuid4()), ((a,), None)]
    assert log.load_many(wanted) == [log.load(*one) for one in wanted]
    assert [len(loaded.streams) for loaded in log.load_many(wanted)] == [1, 2, 0, 1, 1]
    assert [loaded.receipt is not None for loaded in log.load_many(wanted)] == [True, False, True, False, False]

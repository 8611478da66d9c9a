-- How far each topic holds the log. Written by the relay only; a lost update makes messages come twice, never not at all.
-- Undo: DROP TABLE log.relays;

CREATE TABLE log.relays (
    position bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
    term bigint NOT NULL DEFAULT 0,
    seen_at timestamptz NOT NULL DEFAULT '-infinity',
    epoch uuid NOT NULL,
    topic text PRIMARY KEY,
    leader text NOT NULL DEFAULT '',
    previous bigint[] NOT NULL CHECK (cardinality(previous) > 0)
) WITH (fillfactor = 50);
COMMENT ON TABLE log.relays IS 'How far each topic holds the log, and which relay leads.';
COMMENT ON COLUMN log.relays.position IS 'Position of the last event that Kafka has confirmed; 0 for none.';
COMMENT ON COLUMN log.relays.term IS 'Grows by one with every leader; a leader of an older term can move nothing.';
COMMENT ON COLUMN log.relays.seen_at IS 'When the leader last said that it lives, by this server''s clock.';
COMMENT ON COLUMN log.relays.epoch IS 'Epoch of the log that the position belongs to.';
COMMENT ON COLUMN log.relays.leader IS 'The leader, as host:process; for people.';
COMMENT ON COLUMN log.relays.previous IS 'Position of the last event of each partition, from partition 0; 0 for none.';
REVOKE ALL ON log.relays FROM PUBLIC;

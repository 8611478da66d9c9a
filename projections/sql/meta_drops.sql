-- Dead letters that an operator gave up, and how long the others wait. Run with search_path at read_meta.
-- Undo: DROP TABLE dropped; ALTER TABLE dead_letters DROP COLUMN parked_at, DROP COLUMN tries, DROP COLUMN tried_at;

SET LOCAL lock_timeout = '5s';

ALTER TABLE dead_letters
    ADD COLUMN IF NOT EXISTS parked_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS tries integer NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS tried_at timestamptz NOT NULL DEFAULT now();
COMMENT ON COLUMN dead_letters.parked_at IS 'When it was parked; of those parked by a version before this column, when the column was made.';
COMMENT ON COLUMN dead_letters.tries IS 'How often it was tried, the first time included; what waits behind another is tried with it.';
COMMENT ON COLUMN dead_letters.tried_at IS 'When it was tried last.';

CREATE TABLE dropped (
    model text NOT NULL,
    log text NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    topic text NOT NULL,
    cause text NOT NULL,
    reason text NOT NULL,
    dropped_by text NOT NULL,
    dropped_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model, aggregate_id, version)
);
COMMENT ON TABLE dropped IS 'Events that a read model leaves out for good, on an operator''s word. They stay in the log, and count for every generation.';
COMMENT ON COLUMN dropped.model IS 'The read model that leaves the event out.';
COMMENT ON COLUMN dropped.log IS 'Name of the log.';
COMMENT ON COLUMN dropped.aggregate_id IS 'The ticket or customer. Where its first event is left out, it has no row at all.';
COMMENT ON COLUMN dropped.version IS 'Version of the event within it.';
COMMENT ON COLUMN dropped.position IS 'Position of the event in the log, where it can be read.';
COMMENT ON COLUMN dropped.recorded_at IS 'When the event was recorded; a rebuild forgets the drop where a restored log holds another event there.';
COMMENT ON COLUMN dropped.topic IS 'Type of the event.';
COMMENT ON COLUMN dropped.cause IS 'Why it could not be folded.';
COMMENT ON COLUMN dropped.reason IS 'Why it was dropped, in the operator''s words.';
COMMENT ON COLUMN dropped.dropped_by IS 'Who dropped it, as role:id.';
COMMENT ON COLUMN dropped.dropped_at IS 'When.';

-- How often a ticket that policies gave up was tried, since when it waits, and who asked for the last try.
-- Undo: ALTER TABLE log.policy_dead_letters DROP COLUMN since, DROP COLUMN tries, DROP COLUMN retried_by;

SET LOCAL lock_timeout = '5s';
ALTER TABLE log.policy_dead_letters
    ADD COLUMN since timestamptz,
    ADD COLUMN tries int NOT NULL DEFAULT 1 CHECK (tries >= 1),
    ADD COLUMN retried_by text;
COMMENT ON COLUMN log.policy_dead_letters.since IS 'When it failed first; NULL in rows older than this column.';
COMMENT ON COLUMN log.policy_dead_letters.tries IS 'How often it failed in a row.';
COMMENT ON COLUMN log.policy_dead_letters.retried_by IS 'Who asked for the last try, as role:id.';

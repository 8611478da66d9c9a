-- Which epochs the log had before: messages of these in a topic are old; those of any other are of a log that was lost.
-- Undo: ALTER TABLE log.meta DROP COLUMN former;

ALTER TABLE log.meta ADD COLUMN former uuid[] NOT NULL DEFAULT '{}';
COMMENT ON COLUMN log.meta.former IS 'Epochs before this one, each ended by a recovery.';

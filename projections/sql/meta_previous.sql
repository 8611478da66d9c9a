-- The tables that a rebuild replaced can be put back, and a generation says what made it. Run with search_path at read_meta.
-- Undo: DROP INDEX models_generation; ALTER TABLE models DROP COLUMN release, DROP COLUMN digest;
--       DELETE FROM models WHERE role = 'prev';

SET LOCAL lock_timeout = '5s';

ALTER TABLE models
    DROP CONSTRAINT IF EXISTS models_role_check,
    ADD CONSTRAINT models_role_check CHECK (role IN ('live', 'next', 'prev')),
    ADD COLUMN IF NOT EXISTS release text,
    ADD COLUMN IF NOT EXISTS digest text;
CREATE UNIQUE INDEX models_generation ON models (model, generation);
COMMENT ON TABLE models IS 'Which generation of each read model is live, which one is being built beside it, and which one was live before.';
COMMENT ON COLUMN models.role IS 'live: in the schema of the model''s name; next: being built in the schema with the suffix _next; prev: replaced by the last swap, in the schema with the suffix _prev.';
COMMENT ON COLUMN models.generation IS 'Grows by one with every swap; that of replaced tables is negative, so that no worker of theirs finds its checkpoint.';
COMMENT ON COLUMN models.release IS 'Release of ticketcore that made the tables; null where they were made before this column.';
COMMENT ON COLUMN models.digest IS 'SHA-256 of the SQL that made the tables and views, in hexadecimal digits; null where they were made before this column.';

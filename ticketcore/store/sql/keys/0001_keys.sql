-- Keys live outside the log, so that a backup of the log holds none. All of them are wrapped.
-- Undo: DROP SCHEMA keys CASCADE;  (nothing personal can be read afterwards)
CREATE SCHEMA IF NOT EXISTS keys;

CREATE TABLE keys.persons (
    person_id    uuid PRIMARY KEY,
    key_id       text NOT NULL,
    wrapped      bytea,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp(),
    destroyed_at timestamptz
);
COMMENT ON TABLE keys.persons IS 'One key a person. A forgotten person keeps the row as a tombstone.';
COMMENT ON COLUMN keys.persons.key_id IS 'Which key-encryption key it is wrapped by; of a tombstone, was.';
COMMENT ON COLUMN keys.persons.wrapped IS 'The wrapped key; NULL once the person was forgotten.';
COMMENT ON COLUMN keys.persons.destroyed_at IS 'When the person was forgotten.';
-- Rotation looks for what the old key-encryption key still wraps.
CREATE INDEX persons_by_key ON keys.persons (key_id, person_id) WHERE wrapped IS NOT NULL;

CREATE TABLE keys.event_keys (
    originator_id      uuid NOT NULL,
    originator_version int NOT NULL,
    nonce              bytea NOT NULL,
    person_id          uuid NOT NULL,
    wrapped            bytea NOT NULL,
    PRIMARY KEY (originator_id, originator_version, nonce)
);
COMMENT ON TABLE keys.event_keys IS 'One key a sealed event, wrapped by its person''s. A redacted event has no row.';
COMMENT ON COLUMN keys.event_keys.nonce IS 'The 12 bytes that the sealed content begins with; tells rival attempts apart.';

CREATE TABLE keys.secrets (
    name    text PRIMARY KEY,
    key_id  text NOT NULL,
    wrapped bytea NOT NULL
);
COMMENT ON TABLE keys.secrets IS 'Secrets of keyed digests, by name, wrapped by a key-encryption key.';

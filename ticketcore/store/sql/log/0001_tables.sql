-- The log and what is written in the same transaction with it.
-- Undo: DROP SCHEMA log CASCADE;  (this destroys the log)

CREATE SCHEMA log;
REVOKE ALL ON SCHEMA log FROM PUBLIC;

-- Columns go from wide fixed ones to variable ones, so that no row has padding.
CREATE TABLE log.events (
    position bigint NOT NULL,
    recorded_at timestamptz NOT NULL,
    originator_id uuid NOT NULL,
    originator_version int NOT NULL,
    topic text NOT NULL,
    state bytea NOT NULL,
    CONSTRAINT events_stream PRIMARY KEY (originator_id, originator_version)
) WITH (fillfactor = 100);
CREATE UNIQUE INDEX events_position ON log.events (position) WITH (fillfactor = 100);
COMMENT ON TABLE log.events IS 'The ordered log: positions 1, 2, 3, ... in commit order. Append only.';
COMMENT ON COLUMN log.events.recorded_at IS 'Set under the append lock; never before that of the position before it.';
COMMENT ON COLUMN log.events.state IS 'JSON in UTF-8; what is personal in it is sealed.';

CREATE TABLE log.receipts (
    position bigint,
    count int NOT NULL,
    command_id uuid PRIMARY KEY,
    originator_id uuid NOT NULL,
    digest bytea NOT NULL
) WITH (fillfactor = 100);
COMMENT ON TABLE log.receipts IS 'What each command recorded: count events that end at position, NULL where none.';

CREATE TABLE log.claims (
    owner uuid NOT NULL,
    ref int NOT NULL,
    kind text NOT NULL,
    value bytea NOT NULL,
    PRIMARY KEY (kind, value)
);
CREATE INDEX claims_owner ON log.claims (owner);
COMMENT ON TABLE log.claims IS 'Values that belong to one aggregate only; ref is the version of the event that claimed.';

CREATE TABLE log.blobs (
    digest bytea NOT NULL,
    part int NOT NULL CHECK (part >= 0),
    data bytea NOT NULL CHECK (octet_length(data) <= 1048576),
    PRIMARY KEY (digest, part)
);
ALTER TABLE log.blobs ALTER COLUMN data SET STORAGE EXTERNAL; -- ciphertext does not compress
COMMENT ON TABLE log.blobs IS 'Sealed long texts and attachments by the SHA-256 of their bytes, in parts of 1 MiB.';

CREATE TABLE log.meta (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    name text NOT NULL,
    epoch uuid NOT NULL DEFAULT gen_random_uuid(),
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE log.meta IS 'One row: whose log this is. The epoch changes with a restore.';

CREATE SEQUENCE log.ticket_numbers;
CREATE SEQUENCE log.customer_numbers;
REVOKE ALL ON ALL TABLES IN SCHEMA log FROM PUBLIC;
REVOKE ALL ON ALL SEQUENCES IN SCHEMA log FROM PUBLIC;

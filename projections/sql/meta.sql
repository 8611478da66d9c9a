-- How far each read model is. Run with search_path at read_meta. Undo: DROP SCHEMA read_meta CASCADE;

CREATE TABLE models (
    model text NOT NULL,
    role text NOT NULL CHECK (role IN ('live', 'next')),
    generation integer NOT NULL,
    version integer NOT NULL,
    PRIMARY KEY (model, role)
);
COMMENT ON TABLE models IS 'Which generation of each read model is live, and which one is being built beside it.';
COMMENT ON COLUMN models.model IS 'The read model: queues, history or performance.';
COMMENT ON COLUMN models.role IS 'live: in the schema of the model''s name; next: being built in the schema with the suffix _next.';
COMMENT ON COLUMN models.generation IS 'Grows by one with every rebuild.';
COMMENT ON COLUMN models.version IS 'Version of the fold and the tables; where the code has another one, the model must be rebuilt.';

CREATE TABLE checkpoints (
    model text NOT NULL,
    generation integer NOT NULL,
    log text NOT NULL,
    partition integer NOT NULL,
    "offset" bigint,
    position bigint NOT NULL,
    epoch uuid NOT NULL,
    PRIMARY KEY (model, generation, log, partition)
);
COMMENT ON TABLE checkpoints IS 'Up to where a generation of a read model holds the log; moved in the transaction that writes the rows.';
COMMENT ON COLUMN checkpoints.model IS 'The read model.';
COMMENT ON COLUMN checkpoints.generation IS 'The generation; a worker of an older one finds no row and stops.';
COMMENT ON COLUMN checkpoints.log IS 'Name of the log.';
COMMENT ON COLUMN checkpoints.partition IS 'Partition of the topic; -1 where the log itself is read.';
COMMENT ON COLUMN checkpoints."offset" IS 'Offset of the last message in the partition; null where the log itself is read.';
COMMENT ON COLUMN checkpoints.position IS 'Position in the log of the last event folded; 0 for none.';
COMMENT ON COLUMN checkpoints.epoch IS 'Epoch of the log that the position belongs to.';

CREATE TABLE dead_letters (
    model text NOT NULL,
    generation integer NOT NULL,
    log text NOT NULL,
    position bigint NOT NULL,
    aggregate_id uuid NOT NULL,
    version integer NOT NULL,
    topic text NOT NULL,
    cause text NOT NULL,
    PRIMARY KEY (model, generation, log, position)
);
CREATE INDEX dead_letters_aggregate ON dead_letters (model, generation, aggregate_id);
COMMENT ON TABLE dead_letters IS 'Events that a read model could not fold, and the later ones of the same aggregate, which wait behind them.';
COMMENT ON COLUMN dead_letters.model IS 'The read model.';
COMMENT ON COLUMN dead_letters.generation IS 'Its generation.';
COMMENT ON COLUMN dead_letters.log IS 'Name of the log.';
COMMENT ON COLUMN dead_letters.position IS 'Position of the event in the log, where it can be read again.';
COMMENT ON COLUMN dead_letters.aggregate_id IS 'The ticket or customer that is parked.';
COMMENT ON COLUMN dead_letters.version IS 'Version of the event within it.';
COMMENT ON COLUMN dead_letters.topic IS 'Type of the event.';
COMMENT ON COLUMN dead_letters.cause IS 'Why it could not be folded, or behind which event it waits.';

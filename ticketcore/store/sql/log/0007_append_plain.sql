-- Appends a batch of commands that release and destroy nothing, and claim each value once: most of all commands. One call, one transaction.
-- Undo: DROP FUNCTION log.append_plain;
--
-- It does what log.append does where nothing stands in the way, with fewer statements and arguments, and no row for each
-- command: all of them are appended, the events at head + 1, head + 2, ... in the order given. Where anything stands in the
-- way of any of them it writes nothing and returns NULL: the caller asks log.append, which tells what and for whom.
-- Where a person's key is gone, it raises no_data_found instead, since that is found last.
--
-- c_last: which event (from 1) is the command's last one, NULL where it has none. e_nonce, e_person and e_wrapped: the
-- event's key, NULL where it has none; empty where no event has one, or keys are elsewhere.
--
-- The function is volatile and runs in READ COMMITTED: every statement after the lock sees what was committed before.

CREATE FUNCTION log.append_plain(
    c_id uuid[], c_digest bytea[], c_main uuid[], c_count int[], c_last int[],
    x_stream uuid[], x_version int[],
    e_stream uuid[], e_version int[], e_topic text[], e_state bytea[], e_nonce bytea[], e_person uuid[], e_wrapped bytea[],
    cl_kind text[], cl_value bytea[], cl_owner uuid[], cl_ref int[],
    OUT head bigint, OUT stamp timestamptz
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    clear boolean;
    stored int;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'cannot append in a transaction that is %, expected read committed',
            current_setting('transaction_isolation') USING ERRCODE = 'invalid_transaction_state';
    END IF;
    IF NOT pg_try_advisory_xact_lock(8388345093869010946) THEN -- an expression costs less than a statement
        PERFORM pg_advisory_xact_lock(8388345093869010946);
    END IF;

    -- Sets from the list of columns are not kept anywhere, unlike those in FROM. OFFSET 0 keeps each probe an index scan.
    SELECT coalesce(max(last.position), 0), greatest(max(last.recorded_at), clock_timestamp()),
        NOT EXISTS (
            SELECT FROM (SELECT unnest(c_id) AS id OFFSET 0) c,
                LATERAL (SELECT FROM log.receipts r WHERE r.command_id = c.id OFFSET 0) r)
        AND NOT EXISTS (
            SELECT FROM (SELECT unnest(x_stream) AS stream, unnest(x_version) AS version OFFSET 0) x
            WHERE x.version <> coalesce((
                SELECT e.originator_version FROM log.events e WHERE e.originator_id = x.stream
                ORDER BY e.originator_version DESC LIMIT 1), 0))
        AND (cardinality(cl_kind) = 0 OR NOT EXISTS (
            SELECT FROM (SELECT unnest(cl_kind) AS kind, unnest(cl_value) AS value, unnest(cl_owner) AS owner OFFSET 0) cl,
                LATERAL (SELECT h.owner FROM log.claims h WHERE h.kind = cl.kind AND h.value = cl.value OFFSET 0) held
            WHERE held.owner <> cl.owner))
    INTO head, stamp, clear
    FROM (SELECT e.position, e.recorded_at FROM log.events e ORDER BY e.position DESC LIMIT 1) last;
    IF NOT clear THEN
        head := NULL;
        RETURN;
    END IF;

    WITH receipted AS (
        INSERT INTO log.receipts (position, count, command_id, originator_id, digest)
        SELECT head + unnest(c_last), unnest(c_count), unnest(c_id), unnest(c_main), unnest(c_digest)
    )
    INSERT INTO log.events (position, recorded_at, originator_id, originator_version, topic, state)
    SELECT head + generate_subscripts(e_stream, 1), stamp,
        unnest(e_stream), unnest(e_version), unnest(e_topic), unnest(e_state);

    IF cardinality(cl_kind) > 0 THEN
        INSERT INTO log.claims (owner, ref, kind, value)
        SELECT unnest(cl_owner), unnest(cl_ref), unnest(cl_kind), unnest(cl_value)
        ON CONFLICT (kind, value) DO NOTHING; -- its own already
    END IF;

    IF cardinality(e_nonce) > 0 THEN
        INSERT INTO keys.event_keys (originator_id, originator_version, nonce, person_id, wrapped)
        SELECT k.stream, k.version, k.nonce, k.person, k.wrapped
        FROM (SELECT unnest(e_stream) AS stream, unnest(e_version) AS version, unnest(e_nonce) AS nonce,
                unnest(e_person) AS person, unnest(e_wrapped) AS wrapped OFFSET 0) k,
            LATERAL (SELECT FROM keys.persons p WHERE p.person_id = k.person AND p.wrapped IS NOT NULL OFFSET 0) p;
        GET DIAGNOSTICS stored = ROW_COUNT;
        IF stored < cardinality(e_nonce) - cardinality(array_positions(e_nonce, NULL)) THEN
            RAISE EXCEPTION 'cannot append: a person''s key is gone' USING ERRCODE = 'no_data_found';
        END IF;
    END IF;
END $$;

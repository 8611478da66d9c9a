-- Appends a batch of commands: one call, one transaction, one row out for each command.
-- Undo: DROP FUNCTION log.append;
--
-- Arrays are parallel; `*_cmd` says to which command (from 1) an entry belongs. `c_count` events of each command follow
-- one another in the e_ arrays; a bulk append gives the counts only, and copies the events itself in this transaction.
-- Commands of one call must not depend on each other: the caller puts those that do into a later call.
--
-- The function is volatile and runs in READ COMMITTED: every statement after the lock sees what was committed before.
--
-- Rows: 'appended' (o_at position, o_recorded), 'receipt' (o_at position, o_n count, o_id stream, o_digest),
-- 'version' (o_id stream, o_n expected, o_m actual), 'claim' (o_n index in the cl_ arrays, o_id owner), 'person' (o_id).

CREATE FUNCTION log.append(
    keys_here boolean,
    c_id uuid[], c_digest bytea[], c_main uuid[], c_count int[],
    x_cmd int[], x_stream uuid[], x_version int[],
    e_cmd int[], e_stream uuid[], e_version int[], e_topic text[], e_state bytea[],
    cl_cmd int[], cl_kind text[], cl_value bytea[], cl_owner uuid[], cl_ref int[],
    r_cmd int[], r_owner uuid[], r_ref int[],
    s_cmd int[], s_person uuid[],
    k_cmd int[], k_stream uuid[], k_version int[], k_nonce bytea[], k_person uuid[], k_wrapped bytea[],
    de_cmd int[], de_stream uuid[], de_version int[],
    dp_cmd int[], dp_person uuid[]
) RETURNS TABLE (
    o_cmd int, o_what text, o_at bigint, o_recorded timestamptz, o_id uuid, o_digest bytea, o_n int, o_m int
) LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    dead int[] := '{}';
    found_here int[];
    stale int[];
    head bigint;
    stamp timestamptz;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'cannot append in a transaction that is %, expected read committed',
            current_setting('transaction_isolation') USING ERRCODE = 'invalid_transaction_state';
    END IF;
    PERFORM pg_advisory_xact_lock(8388345093869010946);

    SELECT
        (SELECT array_agg(c.i::int) FROM unnest(c_id) WITH ORDINALITY AS c (id, i)
         WHERE EXISTS (SELECT FROM log.receipts r WHERE r.command_id = c.id OFFSET 0)),
        (SELECT array_agg(x.cmd) FROM unnest(x_cmd, x_stream, x_version) AS x (cmd, stream, version)
         WHERE x.version <> coalesce((
            SELECT e.originator_version FROM log.events e WHERE e.originator_id = x.stream
            ORDER BY e.originator_version DESC LIMIT 1), 0)),
        coalesce(last.position, 0), greatest(last.recorded_at, clock_timestamp())
    INTO found_here, stale, head, stamp
    FROM (SELECT) AS always
        LEFT JOIN LATERAL (
            SELECT e.position, e.recorded_at FROM log.events e ORDER BY e.position DESC LIMIT 1) last ON true;

    IF found_here IS NOT NULL THEN
        RETURN QUERY
        SELECT c.i::int, 'receipt', r.position, NULL::timestamptz, r.originator_id, r.digest, r.count, NULL::int
        FROM unnest(c_id) WITH ORDINALITY AS c (id, i),
            LATERAL (SELECT * FROM log.receipts r WHERE r.command_id = c.id OFFSET 0) r;
        dead := dead || found_here;
    END IF;

    IF stale IS NOT NULL THEN
        RETURN QUERY
        SELECT DISTINCT ON (x.cmd)
            x.cmd, 'version', NULL::bigint, NULL::timestamptz, x.stream, NULL::bytea, x.version, a.version
        FROM unnest(x_cmd, x_stream, x_version) WITH ORDINALITY AS x (cmd, stream, version, i),
            LATERAL (SELECT coalesce((
                SELECT e.originator_version FROM log.events e WHERE e.originator_id = x.stream
                ORDER BY e.originator_version DESC LIMIT 1), 0) AS version) a
        WHERE x.cmd = ANY (stale) AND x.cmd <> ALL (dead) AND x.version <> a.version
        ORDER BY x.cmd, x.i;
        dead := dead || stale;
    END IF;

    IF cardinality(cl_cmd) > 0 THEN
        -- A command's own releases come first: a merge moves identities from one customer to the other.
        SELECT array_agg(cl.cmd) INTO found_here
        FROM unnest(cl_cmd, cl_kind, cl_value, cl_owner) AS cl (cmd, kind, value, owner),
            LATERAL (SELECT h.owner, h.ref FROM log.claims h
                     WHERE h.kind = cl.kind AND h.value = cl.value OFFSET 0) held
        WHERE cl.cmd <> ALL (dead) AND held.owner <> cl.owner AND NOT EXISTS (
            SELECT FROM unnest(r_cmd, r_owner, r_ref) AS r (cmd, owner, ref)
            WHERE r.cmd = cl.cmd AND r.owner = held.owner AND (r.ref IS NULL OR r.ref = held.ref));
        IF found_here IS NOT NULL THEN
            RETURN QUERY
            SELECT DISTINCT ON (cl.cmd)
                cl.cmd, 'claim', NULL::bigint, NULL::timestamptz, held.owner, NULL::bytea, cl.i::int, NULL::int
            FROM unnest(cl_cmd, cl_kind, cl_value, cl_owner) WITH ORDINALITY AS cl (cmd, kind, value, owner, i),
                LATERAL (SELECT h.owner, h.ref FROM log.claims h
                         WHERE h.kind = cl.kind AND h.value = cl.value OFFSET 0) held
            WHERE cl.cmd = ANY (found_here) AND held.owner <> cl.owner AND NOT EXISTS (
                SELECT FROM unnest(r_cmd, r_owner, r_ref) AS r (cmd, owner, ref)
                WHERE r.cmd = cl.cmd AND r.owner = held.owner AND (r.ref IS NULL OR r.ref = held.ref))
            ORDER BY cl.cmd, cl.i;
            dead := dead || found_here;
        END IF;
    END IF;

    IF keys_here AND cardinality(s_cmd) > 0 THEN
        SELECT array_agg(s.cmd) INTO found_here
        FROM unnest(s_cmd, s_person) AS s (cmd, person)
        WHERE s.cmd <> ALL (dead) AND NOT EXISTS (
            SELECT FROM keys.persons p WHERE p.person_id = s.person AND p.wrapped IS NOT NULL OFFSET 0);
        IF found_here IS NOT NULL THEN
            RETURN QUERY
            SELECT DISTINCT ON (s.cmd)
                s.cmd, 'person', NULL::bigint, NULL::timestamptz, s.person, NULL::bytea, NULL::int, NULL::int
            FROM unnest(s_cmd, s_person) WITH ORDINALITY AS s (cmd, person, i)
            WHERE s.cmd = ANY (found_here) AND NOT EXISTS (
                SELECT FROM keys.persons p WHERE p.person_id = s.person AND p.wrapped IS NOT NULL OFFSET 0)
            ORDER BY s.cmd, s.i;
            dead := dead || found_here;
        END IF;
    END IF;

    IF cardinality(e_cmd) > 0 THEN
        INSERT INTO log.events (position, recorded_at, originator_id, originator_version, topic, state)
        SELECT head + row_number() OVER (ORDER BY e.i), stamp, e.stream, e.version, e.topic, e.state
        FROM unnest(e_cmd, e_stream, e_version, e_topic, e_state)
            WITH ORDINALITY AS e (cmd, stream, version, topic, state, i)
        WHERE e.cmd <> ALL (dead);
    END IF;

    IF cardinality(r_cmd) > 0 THEN
        DELETE FROM log.claims h USING unnest(r_cmd, r_owner, r_ref) AS r (cmd, owner, ref)
        WHERE r.cmd <> ALL (dead) AND h.owner = r.owner AND (r.ref IS NULL OR r.ref = h.ref);
    END IF;
    IF cardinality(cl_cmd) > 0 THEN
        INSERT INTO log.claims (owner, ref, kind, value)
        SELECT cl.owner, cl.ref, cl.kind, cl.value
        FROM unnest(cl_cmd, cl_kind, cl_value, cl_owner, cl_ref) AS cl (cmd, kind, value, owner, ref)
        WHERE cl.cmd <> ALL (dead)
        ON CONFLICT (kind, value) DO NOTHING; -- its own already
    END IF;

    IF keys_here THEN
        IF cardinality(k_cmd) > 0 THEN
            INSERT INTO keys.event_keys (originator_id, originator_version, nonce, person_id, wrapped)
            SELECT k.stream, k.version, k.nonce, k.person, k.wrapped
            FROM unnest(k_cmd, k_stream, k_version, k_nonce, k_person, k_wrapped)
                AS k (cmd, stream, version, nonce, person, wrapped)
            WHERE k.cmd <> ALL (dead);
        END IF;
        IF cardinality(de_cmd) > 0 THEN
            DELETE FROM keys.event_keys h USING unnest(de_cmd, de_stream, de_version) AS d (cmd, stream, version)
            WHERE d.cmd <> ALL (dead) AND h.originator_id = d.stream AND h.originator_version = d.version;
        END IF;
        IF cardinality(dp_cmd) > 0 THEN
            -- Somebody unknown gets a tombstone too: a writer that is about to make a key finds it and stops.
            INSERT INTO keys.persons AS p (person_id, key_id, wrapped, destroyed_at)
            SELECT DISTINCT d.person, '', NULL::bytea, stamp FROM unnest(dp_cmd, dp_person) AS d (cmd, person)
            WHERE d.cmd <> ALL (dead)
            ON CONFLICT (person_id) DO UPDATE SET wrapped = NULL, destroyed_at = excluded.destroyed_at
            WHERE p.wrapped IS NOT NULL;
        END IF;
    END IF;

    RETURN QUERY
    WITH alive AS (
        SELECT c.i::int AS i, c.id, c.digest, c.main, c.count,
            CASE WHEN c.count > 0 THEN head + sum(c.count) OVER (ORDER BY c.i) END::bigint AS last
        FROM unnest(c_id, c_digest, c_main, c_count) WITH ORDINALITY AS c (id, digest, main, count, i)
        WHERE c.i <> ALL (dead)
    ), receipted AS (
        INSERT INTO log.receipts (position, count, command_id, originator_id, digest)
        SELECT a.last, a.count, a.id, a.main, a.digest FROM alive a
    )
    SELECT a.i, 'appended', a.last, stamp, NULL::uuid, NULL::bytea, NULL::int, NULL::int FROM alive a;
END $$;

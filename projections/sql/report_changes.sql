-- Every change of status, source state, team or agent, with the value before it. Each interval follows the one with the
-- number before, so that a question about a period or a ticket finds its rows by an index.
SELECT
    i.ticket_id, i.started_version AS version, i.started_at AS at, i.status, i.source_state, i.team_id, i.agent_id,
    i.seq = 1 AS first,
    b.status AS status_before, b.source_state AS source_before, b.team_id AS team_before, b.agent_id AS agent_before,
    i.seq = 1 OR i.status IS DISTINCT FROM b.status AS moved,
    i.seq > 1 AND i.team_id IS DISTINCT FROM b.team_id AS team_changed,
    i.seq > 1 AND i.agent_id IS DISTINCT FROM b.agent_id AS agent_changed,
    i.seq = 1 OR i.source_state IS DISTINCT FROM b.source_state AS source_changed
FROM performance.intervals i LEFT JOIN performance.intervals b ON b.ticket_id = i.ticket_id AND b.seq = i.seq - 1

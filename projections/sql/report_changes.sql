-- Every change of status, source state, team or agent, with the value before it.
SELECT
    c.*,
    c.first OR c.status IS DISTINCT FROM c.status_before AS moved,
    NOT c.first AND c.team_id IS DISTINCT FROM c.team_before AS team_changed,
    NOT c.first AND c.agent_id IS DISTINCT FROM c.agent_before AS agent_changed,
    c.first OR c.source_state IS DISTINCT FROM c.source_before AS source_changed
FROM (
    SELECT
        i.ticket_id, i.started_version AS version, i.started_at AS at, i.status, i.source_state, i.team_id, i.agent_id,
        i.seq = 1 AS first,
        lag(i.status) OVER w AS status_before, lag(i.source_state) OVER w AS source_before,
        lag(i.team_id) OVER w AS team_before, lag(i.agent_id) OVER w AS agent_before
    FROM performance.intervals i
    WINDOW w AS (PARTITION BY i.ticket_id ORDER BY i.seq)
) c

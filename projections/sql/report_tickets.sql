-- The tickets of a report, with durations in seconds. Running waits are counted up to %(now)s.
SELECT
    t.*,
    t.opened_at AT TIME ZONE %(zone)s AS opened_local,
    extract(epoch FROM t.first_reply_at - t.opened_at) AS first_reply_s,
    extract(epoch FROM t.first_solved_at - t.opened_at) AS first_solved_s,
    extract(epoch FROM t.last_solved_at - t.opened_at) AS last_solved_s,
    extract(epoch FROM t.closed_at - t.opened_at) AS closed_s,
    extract(epoch FROM t.stated_closed_at - t.opened_at) AS stated_closed_s,
    extract(epoch FROM t.stated_resolved_at - t.opened_at) AS stated_resolved_s,
    (t.requester_wait_seconds
        + CASE WHEN t.status IN ('new', 'open', 'on_hold')
            THEN greatest(extract(epoch FROM %(now)s::timestamptz - t.status_since), 0)::double precision ELSE 0 END
    )::numeric AS requester_wait_s,
    (t.agent_wait_seconds
        + CASE WHEN t.status = 'pending'
            THEN greatest(extract(epoch FROM %(now)s::timestamptz - t.status_since), 0)::double precision ELSE 0 END
    )::numeric AS agent_wait_s
FROM performance.tickets t
WHERE (%(since)s::timestamptz IS NULL OR t.opened_at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR t.opened_at < %(until)s)
    AND (%(team)s::text IS NULL OR t.team_id = %(team)s)

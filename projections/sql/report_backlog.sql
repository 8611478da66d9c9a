-- How many tickets were new, open, pending or on hold at each instant, and how old they were then. Of one team, those
-- that were its own at that instant.
SELECT
    p.at,
    count(i.ticket_id) AS tickets,
    (avg(extract(epoch FROM p.at - t.opened_at)) / 86400)::double precision AS mean_age_days,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM p.at - t.opened_at)::double precision) / 86400
        AS median_age_days,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM p.at - t.opened_at)::double precision) / 86400
        AS p90_age_days,
    count(i.ticket_id) FILTER (WHERE i.status = 'pending') AS pending,
    count(i.ticket_id) FILTER (WHERE i.status = 'on_hold') AS on_hold
FROM unnest(%(instants)s::timestamptz[]) AS p (at)
LEFT JOIN (
    performance.intervals i JOIN performance.tickets t USING (ticket_id)
) ON i.started_at <= p.at AND (i.ended_at > p.at OR i.ended_at IS NULL)
    AND i.status IN ('new', 'open', 'pending', 'on_hold')
    AND (%(team)s::text IS NULL OR i.team_id = %(team)s)
GROUP BY p.at
ORDER BY p.at

-- How many tickets were new, open, pending or on hold at each instant, and how old they were then. Of one team, those
-- that were its own at that instant. Each interval is given the numbers of the instants that it holds, found by bisection,
-- so that not every interval is compared with every instant; and only tickets are looked at whose life, which the index
-- tickets_life knows, meets the time between the first instant and the last. (Times have microseconds: less than x is at most x - 1 us.)
WITH given AS MATERIALIZED (
    SELECT coalesce(array_agg(DISTINCT p.at ORDER BY p.at), '{}') AS instants
    FROM unnest(%(instants)s::timestamptz[]) AS p (at)
), held AS (
    SELECT
        t.opened_at, i.status, width_bucket(i.started_at - interval '1 microsecond', instants) + 1 AS first,
        CASE WHEN i.ended_at IS NULL THEN cardinality(instants)
            ELSE width_bucket(i.ended_at - interval '1 microsecond', instants) END AS last
    FROM given
    JOIN performance.tickets t ON tstzrange(
        t.opened_at,
        CASE WHEN t.status IN ('new', 'open', 'pending', 'on_hold') THEN NULL ELSE greatest(t.status_since, t.opened_at) END
    ) && tstzrange(instants[1], instants[cardinality(instants)], '[]')
    JOIN performance.intervals i USING (ticket_id)
    WHERE i.status IN ('new', 'open', 'pending', 'on_hold') AND (%(team)s::text IS NULL OR i.team_id = %(team)s)
), waiting AS (
    SELECT n, h.status, h.opened_at
    FROM held h, generate_series(h.first, h.last) AS n
    WHERE h.first <= h.last
)
SELECT
    p.at,
    count(w.n) AS tickets,
    (avg(extract(epoch FROM p.at - w.opened_at)) / 86400)::double precision AS mean_age_days,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM p.at - w.opened_at)::double precision) / 86400
        AS median_age_days,
    percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM p.at - w.opened_at)::double precision) / 86400
        AS p90_age_days,
    count(w.n) FILTER (WHERE w.status = 'pending') AS pending,
    count(w.n) FILTER (WHERE w.status = 'on_hold') AS on_hold
FROM given, unnest(given.instants) WITH ORDINALITY AS p (at, n)
LEFT JOIN waiting w ON w.n = p.n
GROUP BY p.at
ORDER BY p.at

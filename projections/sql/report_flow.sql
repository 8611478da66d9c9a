-- Openings, solutions, closings and reopenings by the period in which they happened, of whatever tickets; of one team,
-- those that were its own at that moment.
SELECT
    to_char(c.at AT TIME ZONE %(zone)s, %(format)s) AS key,
    count(*) FILTER (WHERE c.first) AS opened,
    count(*) FILTER (WHERE c.moved AND c.status = 'solved' AND c.status_before IS DISTINCT FROM 'merged') AS solved,
    count(*) FILTER (WHERE c.moved AND c.status = 'closed' AND c.status_before IS DISTINCT FROM 'merged') AS closed,
    count(*) FILTER (
        WHERE c.moved AND c.status_before IN ('solved', 'closed') AND c.status IN ('new', 'open', 'pending', 'on_hold')
    ) AS reopened
FROM changes c
WHERE (%(since)s::timestamptz IS NULL OR c.at >= %(since)s)
    AND (%(until)s::timestamptz IS NULL OR c.at < %(until)s)
    AND (%(team)s::text IS NULL OR c.team_id = %(team)s)
GROUP BY 1
ORDER BY 1

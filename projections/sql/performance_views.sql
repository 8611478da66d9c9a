-- Views and functions over performance.tickets and performance.intervals. Bodies are bound when created (BEGIN ATOMIC),
-- so they follow their tables when a rebuilt schema is renamed. Undo: DROP SCHEMA performance CASCADE;

CREATE VIEW ticket_figures AS
SELECT
    ticket_id, number, external, channel, category, subcategory, priority, team_id, agent_id, status,
    opened_at, first_reply_at, first_solved_at, last_solved_at, closed_at,
    extract(epoch FROM first_reply_at - opened_at)::double precision AS first_reply_seconds,
    extract(epoch FROM first_solved_at - opened_at)::double precision AS first_solved_seconds,
    extract(epoch FROM last_solved_at - opened_at)::double precision AS last_solved_seconds,
    extract(epoch FROM closed_at - opened_at)::double precision AS closed_seconds,
    extract(epoch FROM stated_resolved_at - opened_at)::double precision AS stated_resolved_seconds,
    extract(epoch FROM stated_closed_at - opened_at)::double precision AS stated_closed_seconds,
    requester_wait_seconds
        + CASE WHEN status IN ('new', 'open', 'on_hold') THEN greatest(extract(epoch FROM now() - status_since), 0)::double precision
               ELSE 0 END AS requester_wait_seconds,
    agent_wait_seconds
        + CASE WHEN status = 'pending' THEN greatest(extract(epoch FROM now() - status_since), 0)::double precision
               ELSE 0 END AS agent_wait_seconds,
    reopens, team_changes, team_reassignments, agent_changes, agent_reassignments, public_replies, inbound_messages,
    one_touch, sla_attained, sla_breached, score, seconds_logged, irregular_events, merged_into
FROM tickets;

COMMENT ON VIEW ticket_figures IS 'One row per ticket: its facts as durations in seconds of calendar time; running waits are counted up to now.';
COMMENT ON COLUMN ticket_figures.ticket_id IS 'The ticket''s id.';
COMMENT ON COLUMN ticket_figures.number IS 'The ticket''s number.';
COMMENT ON COLUMN ticket_figures.external IS 'Its number in the system it was imported from.';
COMMENT ON COLUMN ticket_figures.channel IS 'Channel of the opening.';
COMMENT ON COLUMN ticket_figures.category IS 'Category now.';
COMMENT ON COLUMN ticket_figures.subcategory IS 'Subcategory now.';
COMMENT ON COLUMN ticket_figures.priority IS 'Priority now.';
COMMENT ON COLUMN ticket_figures.team_id IS 'Team now.';
COMMENT ON COLUMN ticket_figures.agent_id IS 'Agent now.';
COMMENT ON COLUMN ticket_figures.status IS 'Status now.';
COMMENT ON COLUMN ticket_figures.opened_at IS 'When it was opened.';
COMMENT ON COLUMN ticket_figures.first_reply_at IS 'First public reply by an agent.';
COMMENT ON COLUMN ticket_figures.first_solved_at IS 'First entry into solved.';
COMMENT ON COLUMN ticket_figures.last_solved_at IS 'Last entry into solved.';
COMMENT ON COLUMN ticket_figures.closed_at IS 'Last entry into closed.';
COMMENT ON COLUMN ticket_figures.first_reply_seconds IS 'Seconds from the opening to the first reply.';
COMMENT ON COLUMN ticket_figures.first_solved_seconds IS 'Seconds from the opening to the first entry into solved.';
COMMENT ON COLUMN ticket_figures.last_solved_seconds IS 'Seconds from the opening to the last entry into solved.';
COMMENT ON COLUMN ticket_figures.closed_seconds IS 'Seconds from the opening to the last entry into closed.';
COMMENT ON COLUMN ticket_figures.stated_resolved_seconds IS 'Seconds from the opening to the resolution that the source states (imports).';
COMMENT ON COLUMN ticket_figures.stated_closed_seconds IS 'Seconds from the opening to the closing that the source states (imports).';
COMMENT ON COLUMN ticket_figures.requester_wait_seconds IS 'Seconds in new, open and on_hold, up to now.';
COMMENT ON COLUMN ticket_figures.agent_wait_seconds IS 'Seconds in pending, up to now.';
COMMENT ON COLUMN ticket_figures.reopens IS 'How often it was reopened.';
COMMENT ON COLUMN ticket_figures.team_changes IS 'Changes of the team, from and to none counted.';
COMMENT ON COLUMN ticket_figures.team_reassignments IS 'Changes from one team to another.';
COMMENT ON COLUMN ticket_figures.agent_changes IS 'Changes of the agent, from and to none counted.';
COMMENT ON COLUMN ticket_figures.agent_reassignments IS 'Changes from one agent to another.';
COMMENT ON COLUMN ticket_figures.public_replies IS 'Public replies by agents.';
COMMENT ON COLUMN ticket_figures.inbound_messages IS 'Inbound messages, an inbound opening counted.';
COMMENT ON COLUMN ticket_figures.one_touch IS 'Solved with exactly one public reply and never reopened.';
COMMENT ON COLUMN ticket_figures.sla_attained IS 'Promises kept.';
COMMENT ON COLUMN ticket_figures.sla_breached IS 'Promises broken.';
COMMENT ON COLUMN ticket_figures.score IS 'Last rating, 1 to 5.';
COMMENT ON COLUMN ticket_figures.seconds_logged IS 'Seconds of work logged.';
COMMENT ON COLUMN ticket_figures.irregular_events IS 'Imported events that the transition table would have refused.';
COMMENT ON COLUMN ticket_figures.merged_into IS 'The ticket it was merged into.';

-- A condition on the argument alone is checked once, also where there is no ticket.
CREATE FUNCTION known_dimension(dimension text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF dimension IN ('day', 'week', 'month', 'team', 'category', 'subcategory', 'channel', 'priority', 'status', 'all') THEN
        RETURN true;
    END IF;
    RAISE EXCEPTION 'no figures by %: expected one of day, week, month, team, category, subcategory, channel, priority, status, all',
        coalesce(quote_literal(dimension), 'null') USING ERRCODE = 'invalid_parameter_value';
END $$;
COMMENT ON FUNCTION known_dimension IS 'True where figures() knows the dimension; else an error that names those it knows.';

CREATE FUNCTION figures(
    dimension text, zone text DEFAULT 'UTC', since timestamptz DEFAULT '-infinity', until timestamptz DEFAULT 'infinity'
) RETURNS TABLE (
    key text, tickets bigint, solved bigint, closed bigint, reopened bigint, reopens bigint, team_changes bigint,
    team_reassignments bigint, agent_changes bigint, agent_reassignments bigint, public_replies bigint,
    inbound_messages bigint, one_touch bigint, sla_breached bigint, seconds_logged bigint, mean_score double precision,
    first_reply_mean double precision, first_reply_p50 double precision, first_reply_p90 double precision,
    first_reply_p95 double precision,
    first_solved_mean double precision, first_solved_p50 double precision, first_solved_p90 double precision,
    first_solved_p95 double precision,
    last_solved_mean double precision, last_solved_p50 double precision, last_solved_p90 double precision,
    last_solved_p95 double precision,
    closed_mean double precision, closed_p50 double precision, closed_p90 double precision, closed_p95 double precision,
    requester_wait_mean double precision, requester_wait_p50 double precision, agent_wait_mean double precision,
    agent_wait_p50 double precision
) LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT
    CASE dimension
        WHEN 'day' THEN to_char(f.opened_at AT TIME ZONE zone, 'YYYY-MM-DD')
        WHEN 'week' THEN to_char(f.opened_at AT TIME ZONE zone, 'IYYY-"W"IW')
        WHEN 'month' THEN to_char(f.opened_at AT TIME ZONE zone, 'YYYY-MM')
        WHEN 'team' THEN f.team_id
        WHEN 'category' THEN f.category
        WHEN 'subcategory' THEN f.subcategory
        WHEN 'channel' THEN f.channel
        WHEN 'priority' THEN f.priority
        WHEN 'status' THEN f.status
        WHEN 'all' THEN 'all'
    END,
    count(*), count(f.first_solved_at), count(f.closed_at), count(*) FILTER (WHERE f.reopens > 0), sum(f.reopens),
    sum(f.team_changes), sum(f.team_reassignments), sum(f.agent_changes), sum(f.agent_reassignments),
    sum(f.public_replies), sum(f.inbound_messages), count(*) FILTER (WHERE f.one_touch),
    count(*) FILTER (WHERE f.sla_breached > 0), sum(f.seconds_logged)::bigint, avg(f.score)::double precision,
    avg(f.first_reply_seconds), percentile_cont(0.5) WITHIN GROUP (ORDER BY f.first_reply_seconds),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY f.first_reply_seconds),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY f.first_reply_seconds),
    avg(f.first_solved_seconds), percentile_cont(0.5) WITHIN GROUP (ORDER BY f.first_solved_seconds),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY f.first_solved_seconds),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY f.first_solved_seconds),
    avg(f.last_solved_seconds), percentile_cont(0.5) WITHIN GROUP (ORDER BY f.last_solved_seconds),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY f.last_solved_seconds),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY f.last_solved_seconds),
    avg(f.closed_seconds), percentile_cont(0.5) WITHIN GROUP (ORDER BY f.closed_seconds),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY f.closed_seconds),
    percentile_cont(0.95) WITHIN GROUP (ORDER BY f.closed_seconds),
    avg(f.requester_wait_seconds), percentile_cont(0.5) WITHIN GROUP (ORDER BY f.requester_wait_seconds),
    avg(f.agent_wait_seconds), percentile_cont(0.5) WITHIN GROUP (ORDER BY f.agent_wait_seconds)
FROM ticket_figures f
WHERE known_dimension(dimension) AND f.opened_at >= since AND f.opened_at < until
GROUP BY 1
ORDER BY 1;
END;

COMMENT ON FUNCTION figures IS 'Counts, means and percentiles (seconds) of tickets opened in [since, until). solved, closed, reopened, one_touch and sla_breached count tickets.
dimension: day, week, month (of the opening, in the zone), team, category, subcategory, channel, priority, status or all; anything else is an error.
zone: IANA zone of days, weeks and months.
since: tickets opened at or after it.
until: tickets opened before it.';

CREATE VIEW by_day AS SELECT * FROM figures('day');
CREATE VIEW by_team AS SELECT * FROM figures('team');
CREATE VIEW by_category AS SELECT * FROM figures('category');
CREATE VIEW by_channel AS SELECT * FROM figures('channel');
CREATE VIEW by_priority AS SELECT * FROM figures('priority');
COMMENT ON VIEW by_day IS 'figures() by the UTC day of the opening; for another zone call figures(''day'', ''Europe/Berlin'').';
COMMENT ON VIEW by_team IS 'figures() by the team responsible now.';
COMMENT ON VIEW by_category IS 'figures() by the category now.';
COMMENT ON VIEW by_channel IS 'figures() by the channel of the opening.';
COMMENT ON VIEW by_priority IS 'figures() by the priority now.';
DO $$
DECLARE
    view_name text;
    shown record;
BEGIN
    FOREACH view_name IN ARRAY ARRAY['by_day', 'by_team', 'by_category', 'by_channel', 'by_priority'] LOOP
        FOR shown IN SELECT * FROM (VALUES
            ('key', 'What the row is about; null for tickets that have none.'),
            ('tickets', 'Tickets.'),
            ('solved', 'Tickets that were ever solved.'),
            ('closed', 'Tickets that were ever closed.'),
            ('reopened', 'Tickets that were ever reopened.'),
            ('reopens', 'Reopenings.'),
            ('team_changes', 'Changes of the team, from and to none counted.'),
            ('team_reassignments', 'Changes from one team to another.'),
            ('agent_changes', 'Changes of the agent, from and to none counted.'),
            ('agent_reassignments', 'Changes from one agent to another.'),
            ('public_replies', 'Public replies by agents.'),
            ('inbound_messages', 'Inbound messages, inbound openings counted.'),
            ('one_touch', 'Tickets solved with exactly one public reply and never reopened.'),
            ('sla_breached', 'Tickets of which a promise was broken.'),
            ('seconds_logged', 'Seconds of work logged.'),
            ('mean_score', 'Mean of the last ratings, 1 to 5.'),
            ('first_reply_mean', 'Mean seconds from opening to first reply.'),
            ('first_reply_p50', 'Median seconds from opening to first reply.'),
            ('first_reply_p90', '90th percentile of seconds from opening to first reply.'),
            ('first_reply_p95', '95th percentile of seconds from opening to first reply.'),
            ('first_solved_mean', 'Mean seconds from opening to first solved.'),
            ('first_solved_p50', 'Median seconds from opening to first solved.'),
            ('first_solved_p90', '90th percentile of seconds from opening to first solved.'),
            ('first_solved_p95', '95th percentile of seconds from opening to first solved.'),
            ('last_solved_mean', 'Mean seconds from opening to last solved.'),
            ('last_solved_p50', 'Median seconds from opening to last solved.'),
            ('last_solved_p90', '90th percentile of seconds from opening to last solved.'),
            ('last_solved_p95', '95th percentile of seconds from opening to last solved.'),
            ('closed_mean', 'Mean seconds from opening to the last entry into closed.'),
            ('closed_p50', 'Median seconds from opening to the last entry into closed.'),
            ('closed_p90', '90th percentile of seconds from opening to the last entry into closed.'),
            ('closed_p95', '95th percentile of seconds from opening to the last entry into closed.'),
            ('requester_wait_mean', 'Mean seconds of requester wait, up to now.'),
            ('requester_wait_p50', 'Median seconds of requester wait, up to now.'),
            ('agent_wait_mean', 'Mean seconds of agent wait, up to now.'),
            ('agent_wait_p50', 'Median seconds of agent wait, up to now.')
        ) AS columns (name, meaning) LOOP
            EXECUTE format('COMMENT ON COLUMN %I.%I IS %L', view_name, shown.name, shown.meaning);
        END LOOP;
    END LOOP;
END $$;

CREATE FUNCTION backlog_at(instant timestamptz) RETURNS TABLE (
    ticket_id uuid, number text, status text, source_state text, team_id text, agent_id text, channel text,
    category text, priority text, opened_at timestamptz, age_seconds double precision, state_seconds double precision
) LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT i.ticket_id, t.number, i.status, i.source_state, i.team_id, i.agent_id, t.channel, t.category, t.priority,
    t.opened_at, extract(epoch FROM instant - t.opened_at)::double precision,
    extract(epoch FROM instant - i.started_at)::double precision
FROM intervals i JOIN tickets t USING (ticket_id)
WHERE tstzrange( -- as the index tickets_life has it
        t.opened_at,
        CASE WHEN t.status IN ('new', 'open', 'pending', 'on_hold') THEN NULL ELSE greatest(t.status_since, t.opened_at) END
    ) @> instant
    AND i.started_at <= instant AND (i.ended_at > instant OR i.ended_at IS NULL)
    AND i.status IN ('new', 'open', 'pending', 'on_hold');
END;
COMMENT ON FUNCTION backlog_at IS 'The tickets that were new, open, pending or on hold at the instant, with status, team and agent of that instant, age since the opening and seconds in that interval.
instant: any; nothing later shows but category and priority, which are those of now.
status: The status at the instant: new, open, pending or on_hold.
source_state: The imported state''s name at the instant.
team_id: The team responsible at the instant; null for none.
agent_id: The agent responsible at the instant; null for none.
category: Category now.
priority: Priority now.
age_seconds: Seconds from the opening to the instant.
state_seconds: Seconds since status, source state, team or agent last changed before the instant.';

CREATE FUNCTION backlog_by_day(first_day date, last_day date, zone text DEFAULT 'UTC') RETURNS TABLE (
    day date, team_id text, tickets bigint, mean_age_seconds double precision, p50_age_seconds double precision,
    p90_age_seconds double precision
) LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT d.day::date, i.team_id, count(*),
    avg(extract(epoch FROM d.ends - t.opened_at))::double precision,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM d.ends - t.opened_at)::double precision),
    percentile_cont(0.9) WITHIN GROUP (ORDER BY extract(epoch FROM d.ends - t.opened_at)::double precision)
FROM (
    SELECT s AS day, (s + interval '1 day') AT TIME ZONE zone AS ends
    FROM generate_series(first_day::timestamp, last_day::timestamp, interval '1 day') AS s
) AS d
JOIN tickets t ON tstzrange( -- as the index tickets_life has it
        t.opened_at,
        CASE WHEN t.status IN ('new', 'open', 'pending', 'on_hold') THEN NULL ELSE greatest(t.status_since, t.opened_at) END
    ) && tstzrange(d.ends - interval '1 microsecond', d.ends)
JOIN intervals i ON i.ticket_id = t.ticket_id AND i.started_at < d.ends AND (i.ended_at >= d.ends OR i.ended_at IS NULL)
WHERE i.status IN ('new', 'open', 'pending', 'on_hold')
GROUP BY 1, 2
ORDER BY 1, 2;
END;
COMMENT ON FUNCTION backlog_by_day IS 'Tickets that were new, open, pending or on hold at the end of each day of the zone, by the team of that instant, with their age in seconds.
first_day: the first day, included.
last_day: the last day, included.
zone: IANA zone of the days.
day: The day; the row is of its end.
team_id: The team responsible at that instant; null for none.
tickets: Tickets that waited.
mean_age_seconds: Mean seconds from their opening to that instant.
p50_age_seconds: Median of these seconds.
p90_age_seconds: 90th percentile of these seconds.';

CREATE FUNCTION flow_by_day(zone text DEFAULT 'UTC') RETURNS TABLE (
    day date, opened bigint, solved bigint, closed bigint, reopened bigint
) LANGUAGE sql STABLE
BEGIN ATOMIC
SELECT (c.started_at AT TIME ZONE zone)::date,
    count(*) FILTER (WHERE c.before IS NULL),
    count(*) FILTER (WHERE c.status = 'solved' AND c.before IS DISTINCT FROM 'merged'),
    count(*) FILTER (WHERE c.status = 'closed' AND c.before IS DISTINCT FROM 'merged'),
    count(*) FILTER (WHERE c.before IN ('solved', 'closed') AND c.status IN ('new', 'open', 'pending', 'on_hold'))
FROM (
    SELECT started_at, status, lag(status) OVER (PARTITION BY ticket_id ORDER BY seq) AS before FROM intervals
) AS c
WHERE c.before IS DISTINCT FROM c.status
GROUP BY 1
ORDER BY 1;
END;
COMMENT ON FUNCTION flow_by_day IS 'How many openings, and entries into solved, closed and from these back, happened on each day of the zone.
zone: IANA zone of the days.
day: The day; days on which nothing happened have no row.
opened: Openings.
solved: Entries into solved.
closed: Entries into closed.
reopened: Moves from solved or closed back to work.';

CREATE VIEW paths AS
SELECT ticket_id,
    string_agg(status, ' > ' ORDER BY seq) FILTER (WHERE status IS DISTINCT FROM status_before) AS status_path,
    string_agg(source_state, ' > ' ORDER BY seq) FILTER (WHERE source_state IS DISTINCT FROM source_before) AS source_path
FROM (
    SELECT ticket_id, seq, status, source_state,
        lag(status) OVER (PARTITION BY ticket_id ORDER BY seq) AS status_before,
        lag(source_state) OVER (PARTITION BY ticket_id ORDER BY seq) AS source_before
    FROM intervals
) AS steps
GROUP BY ticket_id;
COMMENT ON VIEW paths IS 'One row per ticket: the way it went through the states, repeats collapsed.';
COMMENT ON COLUMN paths.ticket_id IS 'The ticket''s id.';
COMMENT ON COLUMN paths.status_path IS 'Statuses in order, joined by " > ".';
COMMENT ON COLUMN paths.source_path IS 'States'' names of the system it was imported from, in order, joined by " > "; null where it was opened here.';

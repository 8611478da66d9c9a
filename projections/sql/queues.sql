-- Queues: what waits, for whom and how long. Run with search_path at the model's schema.
-- Undo: DROP SCHEMA queues CASCADE;

CREATE TABLE tickets (
    ticket_id uuid PRIMARY KEY,
    version integer NOT NULL,
    number text NOT NULL,
    external text,
    channel text NOT NULL,
    requester_id uuid,
    status text NOT NULL,
    source_state text,
    status_before_merge text,
    team_id text,
    agent_id text,
    category text,
    subcategory text,
    priority text,
    impact text,
    urgency text,
    merged_into uuid,
    opened_at timestamptz NOT NULL,
    last_event_at timestamptz NOT NULL,
    status_since timestamptz NOT NULL,
    unanswered_since timestamptz,
    waiting_since timestamptz NOT NULL,
    first_reply_due_at timestamptz,
    next_reply_due_at timestamptz,
    resolution_due_at timestamptz,
    due_at timestamptz,
    reopened_at timestamptz
);
CREATE INDEX tickets_team ON tickets (team_id) WHERE status IN ('new', 'open', 'pending', 'on_hold');
CREATE INDEX tickets_agent ON tickets (agent_id) WHERE status IN ('new', 'open', 'pending', 'on_hold');

COMMENT ON TABLE tickets IS 'One row per ticket, whatever its status: what orders the queues.';
COMMENT ON COLUMN tickets.ticket_id IS 'The ticket''s id (UUIDv8 that holds its number).';
COMMENT ON COLUMN tickets.version IS 'How many events of the ticket the row holds.';
COMMENT ON COLUMN tickets.number IS 'The ticket''s number as people write it.';
COMMENT ON COLUMN tickets.external IS 'Its number in the system it was imported from.';
COMMENT ON COLUMN tickets.channel IS 'Where its first message came in.';
COMMENT ON COLUMN tickets.requester_id IS 'The customer it belongs to.';
COMMENT ON COLUMN tickets.status IS 'new, open, pending, on_hold, solved, closed or merged.';
COMMENT ON COLUMN tickets.source_state IS 'The state''s name in the system it was imported from.';
COMMENT ON COLUMN tickets.status_before_merge IS 'The status that unmerging brings back; null unless merged.';
COMMENT ON COLUMN tickets.team_id IS 'The team responsible; null for none.';
COMMENT ON COLUMN tickets.agent_id IS 'The agent responsible; null for none.';
COMMENT ON COLUMN tickets.category IS 'Category.';
COMMENT ON COLUMN tickets.subcategory IS 'Subcategory.';
COMMENT ON COLUMN tickets.priority IS 'critical, high, normal or low; null where never set.';
COMMENT ON COLUMN tickets.impact IS 'high, medium or low.';
COMMENT ON COLUMN tickets.urgency IS 'high, medium or low.';
COMMENT ON COLUMN tickets.merged_into IS 'The ticket it was merged into; null unless merged.';
COMMENT ON COLUMN tickets.opened_at IS 'When it was opened.';
COMMENT ON COLUMN tickets.last_event_at IS 'When its newest event occurred.';
COMMENT ON COLUMN tickets.status_since IS 'When the status last changed; the opening where it never did.';
COMMENT ON COLUMN tickets.unanswered_since IS 'The first inbound message that no public reply by an agent followed; null where all are answered.';
COMMENT ON COLUMN tickets.waiting_since IS 'unanswered_since, else status_since.';
COMMENT ON COLUMN tickets.first_reply_due_at IS 'Deadline of the first reply; null where none is promised, while its clock stands still, and once replied or solved.';
COMMENT ON COLUMN tickets.next_reply_due_at IS 'Deadline of the next reply; null where none is promised, while its clock stands still, and once replied or solved.';
COMMENT ON COLUMN tickets.resolution_due_at IS 'Deadline of the resolution; null where none is promised, while its clock stands still, and once solved.';
COMMENT ON COLUMN tickets.due_at IS 'The nearest of the deadlines, also where it has passed; null where there is none.';
COMMENT ON COLUMN tickets.reopened_at IS 'When it last became work again after it was solved or closed; null where it never did.';

CREATE VIEW waiting AS
SELECT
    ticket_id, number, version, status, priority, channel, category, team_id, agent_id, requester_id, opened_at,
    waiting_since, due_at,
    status IN ('new', 'open') AS to_take,
    CASE priority WHEN 'critical' THEN 1 WHEN 'high' THEN 2 WHEN 'normal' THEN 3 WHEN 'low' THEN 4 ELSE 5 END AS priority_rank,
    greatest(extract(epoch FROM now() - waiting_since), 0)::double precision AS waiting_seconds,
    greatest(extract(epoch FROM now() - opened_at), 0)::double precision AS age_seconds
FROM tickets
WHERE status IN ('new', 'open', 'pending', 'on_hold')
ORDER BY to_take DESC, due_at NULLS LAST, priority_rank, waiting_since, number;

COMMENT ON VIEW waiting IS 'Tickets that are neither solved, closed nor merged, next to take first: by to_take, due_at, priority_rank, waiting_since, number. A join or an ORDER BY of your own gives another order.';
COMMENT ON COLUMN waiting.ticket_id IS 'The ticket''s id.';
COMMENT ON COLUMN waiting.number IS 'The ticket''s number.';
COMMENT ON COLUMN waiting.version IS 'How many events of the ticket the row holds.';
COMMENT ON COLUMN waiting.status IS 'new, open, pending or on_hold.';
COMMENT ON COLUMN waiting.priority IS 'critical, high, normal, low or null.';
COMMENT ON COLUMN waiting.channel IS 'Channel of the opening.';
COMMENT ON COLUMN waiting.category IS 'Category.';
COMMENT ON COLUMN waiting.team_id IS 'The team responsible; null for none.';
COMMENT ON COLUMN waiting.agent_id IS 'The agent responsible; null for none.';
COMMENT ON COLUMN waiting.requester_id IS 'The customer it belongs to.';
COMMENT ON COLUMN waiting.opened_at IS 'When it was opened.';
COMMENT ON COLUMN waiting.waiting_since IS 'Since when the customer is without an answer, else since when it has its status.';
COMMENT ON COLUMN waiting.due_at IS 'The nearest deadline, also where it has passed; null where there is none.';
COMMENT ON COLUMN waiting.to_take IS 'Whether it waits for us (new, open) rather than for the customer or somebody else (pending, on_hold).';
COMMENT ON COLUMN waiting.priority_rank IS '1 critical, 2 high, 3 normal, 4 low, 5 none.';
COMMENT ON COLUMN waiting.waiting_seconds IS 'Seconds from waiting_since to now.';
COMMENT ON COLUMN waiting.age_seconds IS 'Seconds from the opening to now.';

CREATE VIEW by_team AS
SELECT
    team_id, count(*) AS tickets, count(*) FILTER (WHERE to_take) AS to_take, count(*) FILTER (WHERE agent_id IS NULL) AS unassigned,
    count(*) FILTER (WHERE due_at < now()) AS overdue, min(waiting_since) FILTER (WHERE to_take) AS waiting_since,
    max(waiting_seconds) FILTER (WHERE to_take) AS longest_seconds, avg(waiting_seconds) FILTER (WHERE to_take) AS mean_seconds
FROM waiting
GROUP BY team_id;
COMMENT ON VIEW by_team IS 'What waits per team; team_id is null for tickets without one.';
COMMENT ON COLUMN by_team.team_id IS 'The team.';
COMMENT ON COLUMN by_team.tickets IS 'Tickets that are new, open, pending or on hold.';
COMMENT ON COLUMN by_team.to_take IS 'Those that are new or open.';
COMMENT ON COLUMN by_team.unassigned IS 'Those without an agent.';
COMMENT ON COLUMN by_team.overdue IS 'Those past their deadline.';
COMMENT ON COLUMN by_team.waiting_since IS 'The longest wait''s beginning, of those to take.';
COMMENT ON COLUMN by_team.longest_seconds IS 'The longest wait up to now in seconds, of those to take.';
COMMENT ON COLUMN by_team.mean_seconds IS 'The mean wait up to now in seconds, of those to take.';

CREATE VIEW by_agent AS
SELECT
    agent_id, count(*) AS tickets, count(*) FILTER (WHERE to_take) AS to_take,
    count(*) FILTER (WHERE due_at < now()) AS overdue, min(waiting_since) FILTER (WHERE to_take) AS waiting_since,
    max(waiting_seconds) FILTER (WHERE to_take) AS longest_seconds, avg(waiting_seconds) FILTER (WHERE to_take) AS mean_seconds
FROM waiting
GROUP BY agent_id;
COMMENT ON VIEW by_agent IS 'What waits per agent; agent_id is null for tickets without one.';
COMMENT ON COLUMN by_agent.agent_id IS 'The agent.';
COMMENT ON COLUMN by_agent.tickets IS 'Tickets that are new, open, pending or on hold.';
COMMENT ON COLUMN by_agent.to_take IS 'Those that are new or open.';
COMMENT ON COLUMN by_agent.overdue IS 'Those past their deadline.';
COMMENT ON COLUMN by_agent.waiting_since IS 'The longest wait''s beginning, of those to take.';
COMMENT ON COLUMN by_agent.longest_seconds IS 'The longest wait up to now in seconds, of those to take.';
COMMENT ON COLUMN by_agent.mean_seconds IS 'The mean wait up to now in seconds, of those to take.';

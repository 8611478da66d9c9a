-- Intake: every message that came in and what became of it. Run with search_path at the model's schema.
-- Undo: DROP SCHEMA intake CASCADE;

CREATE TABLE messages (
    message_id uuid PRIMARY KEY,
    version integer NOT NULL,
    number text NOT NULL,
    channel text NOT NULL,
    received_at timestamptz NOT NULL,
    customer_id uuid,
    assurance text NOT NULL,
    automatic text NOT NULL,
    bytes bigint NOT NULL,
    outcome text,
    reason text,
    rule text,
    rules_version text,
    decided_by text,
    decided_at timestamptz,
    decisions integer NOT NULL,
    ticket_id uuid,
    acknowledged boolean NOT NULL,
    created boolean NOT NULL,
    filed_at timestamptz
);
CREATE INDEX messages_received ON messages (received_at);
CREATE INDEX messages_ticket ON messages (ticket_id) WHERE ticket_id IS NOT NULL;
CREATE INDEX messages_held ON messages (received_at) WHERE outcome = 'held';

COMMENT ON TABLE messages IS 'One row per message that came in, whatever became of it.';
COMMENT ON COLUMN messages.message_id IS 'The message''s id (UUIDv8 that holds its number).';
COMMENT ON COLUMN messages.version IS 'How many events of the message the row holds.';
COMMENT ON COLUMN messages.number IS 'The message''s number as people write it.';
COMMENT ON COLUMN messages.channel IS 'Where it came in.';
COMMENT ON COLUMN messages.received_at IS 'When it came in.';
COMMENT ON COLUMN messages.customer_id IS 'Who sent it; null where nobody is known.';
COMMENT ON COLUMN messages.assurance IS 'How sure that is: logged_in, signed_link, verified or unverified.';
COMMENT ON COLUMN messages.automatic IS 'ordinary, or written by a machine: bulk, list, receipt, auto_reply or bounce.';
COMMENT ON COLUMN messages.bytes IS 'Its size as it came.';
COMMENT ON COLUMN messages.outcome IS 'new, comment, follow_up, ignored or held, as last decided.';
COMMENT ON COLUMN messages.reason IS 'Why it is ignored or held, or was decided again.';
COMMENT ON COLUMN messages.rule IS 'The rule that decided; by_hand where a person did.';
COMMENT ON COLUMN messages.rules_version IS 'Version of the rules.';
COMMENT ON COLUMN messages.decided_by IS 'The role of who decided last: system, agent or team_lead.';
COMMENT ON COLUMN messages.decided_at IS 'When it was last decided.';
COMMENT ON COLUMN messages.decisions IS 'How often it was decided.';
COMMENT ON COLUMN messages.ticket_id IS 'The ticket that it is in or about; null for none.';
COMMENT ON COLUMN messages.acknowledged IS 'Whether the sender is told the new ticket''s number.';
COMMENT ON COLUMN messages.created IS 'Whether the ticket was made for it.';
COMMENT ON COLUMN messages.filed_at IS 'When it got into its ticket; null before, and for what goes to none.';

CREATE VIEW held AS
SELECT
    message_id, number, channel, received_at, reason, customer_id, ticket_id, bytes,
    greatest(extract(epoch FROM now() - received_at), 0)::double precision AS waiting_seconds
FROM messages
WHERE outcome = 'held'
ORDER BY received_at, number;
COMMENT ON VIEW held IS 'The messages that wait for a person, the longest waiting first.';
COMMENT ON COLUMN held.message_id IS 'The message''s id.';
COMMENT ON COLUMN held.number IS 'The message''s number.';
COMMENT ON COLUMN held.channel IS 'Where it came in.';
COMMENT ON COLUMN held.received_at IS 'When it came in.';
COMMENT ON COLUMN held.reason IS 'Why it waits.';
COMMENT ON COLUMN held.customer_id IS 'Who sent it; null where nobody is known.';
COMMENT ON COLUMN held.ticket_id IS 'The ticket that it would have gone to; null for none.';
COMMENT ON COLUMN held.bytes IS 'Its size as it came.';
COMMENT ON COLUMN held.waiting_seconds IS 'Seconds from the reception to now.';

CREATE VIEW by_day AS
SELECT
    (received_at AT TIME ZONE 'UTC')::date AS day, channel, outcome, reason, count(*) AS messages, sum(bytes)::bigint AS bytes,
    count(*) FILTER (WHERE decided_by <> 'system') AS by_hand, count(DISTINCT customer_id) AS customers
FROM messages
GROUP BY 1, 2, 3, 4;
COMMENT ON VIEW by_day IS 'What came in per day (UTC), channel, outcome and reason.';
COMMENT ON COLUMN by_day.day IS 'The day of reception in UTC.';
COMMENT ON COLUMN by_day.channel IS 'Where it came in.';
COMMENT ON COLUMN by_day.outcome IS 'As last decided.';
COMMENT ON COLUMN by_day.reason IS 'Why it is ignored or held.';
COMMENT ON COLUMN by_day.messages IS 'How many.';
COMMENT ON COLUMN by_day.bytes IS 'Their sizes together.';
COMMENT ON COLUMN by_day.by_hand IS 'Those that a person decided last.';
COMMENT ON COLUMN by_day.customers IS 'How many customers sent them, as far as known.';

CREATE VIEW unfinished AS
SELECT message_id, number, received_at, outcome, reason
FROM messages
WHERE filed_at IS NULL
    AND (outcome IN ('new', 'comment', 'follow_up') OR (outcome = 'ignored' AND reason = 'bounce' AND ticket_id IS NOT NULL))
ORDER BY received_at, number;
COMMENT ON VIEW unfinished IS 'Messages on their way to a ticket; what stays here waits for `ticketcore intake sweep`.';
COMMENT ON COLUMN unfinished.message_id IS 'The message''s id.';
COMMENT ON COLUMN unfinished.number IS 'The message''s number.';
COMMENT ON COLUMN unfinished.received_at IS 'When it came in.';
COMMENT ON COLUMN unfinished.outcome IS 'Where it goes.';
COMMENT ON COLUMN unfinished.reason IS 'Why, where that is told.';

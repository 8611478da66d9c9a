-- Performance: facts per ticket, and the stretches of its life. Run with search_path at the model's schema.
-- Undo: DROP SCHEMA performance CASCADE;

CREATE TABLE tickets (
    ticket_id uuid PRIMARY KEY,
    version integer NOT NULL,
    number text NOT NULL,
    external text,
    channel text NOT NULL,
    language text,
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
    opening_team_id text,
    opening_agent_id text,
    opening_category text,
    opening_subcategory text,
    opening_priority text,
    follow_up_of uuid,
    split_from uuid,
    opened_at timestamptz NOT NULL,
    last_event_at timestamptz NOT NULL,
    status_since timestamptz NOT NULL,
    first_reply_at timestamptz,
    first_solved_at timestamptz,
    last_solved_at timestamptz,
    closed_at timestamptz,
    reopens integer NOT NULL,
    team_changes integer NOT NULL,
    team_reassignments integer NOT NULL,
    agent_changes integer NOT NULL,
    agent_reassignments integer NOT NULL,
    public_replies integer NOT NULL,
    inbound_messages integer NOT NULL,
    internal_notes integer NOT NULL,
    one_touch boolean NOT NULL,
    requester_wait_seconds double precision NOT NULL,
    on_hold_seconds double precision NOT NULL,
    agent_wait_seconds double precision NOT NULL,
    first_reply_business_seconds double precision,
    first_solved_business_seconds double precision,
    last_solved_business_seconds double precision,
    requester_wait_business_seconds double precision,
    agent_wait_business_seconds double precision,
    sla_first_reply text,
    sla_next_reply text,
    sla_resolution text,
    sla_attained integer NOT NULL,
    sla_breached integer NOT NULL,
    sla_breach_noticed_at timestamptz,
    score integer,
    seconds_logged bigint NOT NULL,
    irregular_events integer NOT NULL,
    stated_closed_at timestamptz,
    stated_resolved_at timestamptz,
    stated_reopens integer,
    stated_reassignments integer,
    interval_seq integer NOT NULL,
    interval_started_at timestamptz NOT NULL,
    interval_started_version integer NOT NULL
);
CREATE INDEX tickets_opened ON tickets (opened_at);
-- From the opening to where the ticket was over for good, as it is known now: finds the backlog of any instant.
CREATE INDEX tickets_life ON tickets USING gist (tstzrange(
    opened_at, CASE WHEN status IN ('new', 'open', 'pending', 'on_hold') THEN NULL ELSE greatest(status_since, opened_at) END
));

COMMENT ON TABLE tickets IS 'One row per ticket: the facts that every figure is computed from. Calendar time unless a name says business.';
COMMENT ON COLUMN tickets.ticket_id IS 'The ticket''s id (UUIDv8 that holds its number).';
COMMENT ON COLUMN tickets.version IS 'How many events of the ticket the row holds.';
COMMENT ON COLUMN tickets.number IS 'The ticket''s number as people write it.';
COMMENT ON COLUMN tickets.external IS 'Its number in the system it was imported from; null where it was opened here.';
COMMENT ON COLUMN tickets.channel IS 'Where its first message came in: mail, form, chat, phone, letter, social, api, internal.';
COMMENT ON COLUMN tickets.language IS 'Language of the first message, where known.';
COMMENT ON COLUMN tickets.requester_id IS 'The customer it belongs to now; see history.identities for merged customers.';
COMMENT ON COLUMN tickets.status IS 'new, open, pending, on_hold, solved, closed or merged.';
COMMENT ON COLUMN tickets.source_state IS 'The state''s name in the system it was imported from, as of the last event that gave one.';
COMMENT ON COLUMN tickets.status_before_merge IS 'The status that unmerging brings back; null unless merged.';
COMMENT ON COLUMN tickets.team_id IS 'The team responsible now; null for none.';
COMMENT ON COLUMN tickets.agent_id IS 'The agent responsible now; null for none.';
COMMENT ON COLUMN tickets.category IS 'Category now.';
COMMENT ON COLUMN tickets.subcategory IS 'Subcategory now.';
COMMENT ON COLUMN tickets.priority IS 'critical, high, normal or low, now; null where never set.';
COMMENT ON COLUMN tickets.impact IS 'high, medium or low, now.';
COMMENT ON COLUMN tickets.urgency IS 'high, medium or low, now.';
COMMENT ON COLUMN tickets.merged_into IS 'The ticket it was merged into; null unless merged.';
COMMENT ON COLUMN tickets.opening_team_id IS 'The team at the opening.';
COMMENT ON COLUMN tickets.opening_agent_id IS 'The agent at the opening.';
COMMENT ON COLUMN tickets.opening_category IS 'Category at the opening.';
COMMENT ON COLUMN tickets.opening_subcategory IS 'Subcategory at the opening.';
COMMENT ON COLUMN tickets.opening_priority IS 'Priority at the opening.';
COMMENT ON COLUMN tickets.follow_up_of IS 'The closed ticket that this one takes up.';
COMMENT ON COLUMN tickets.split_from IS 'The ticket that this one was split off.';
COMMENT ON COLUMN tickets.opened_at IS 'When it was opened.';
COMMENT ON COLUMN tickets.last_event_at IS 'When its newest event occurred.';
COMMENT ON COLUMN tickets.status_since IS 'When the status last changed; the opening where it never did.';
COMMENT ON COLUMN tickets.first_reply_at IS 'First public reply by an agent or team lead; null for none yet.';
COMMENT ON COLUMN tickets.first_solved_at IS 'First entry into solved.';
COMMENT ON COLUMN tickets.last_solved_at IS 'Last entry into solved; stays when the ticket is reopened.';
COMMENT ON COLUMN tickets.closed_at IS 'Last entry into closed; stays when the ticket is reopened.';
COMMENT ON COLUMN tickets.reopens IS 'Moves from solved or closed back to work.';
COMMENT ON COLUMN tickets.team_changes IS 'Changes of the team after the opening, from and to none counted.';
COMMENT ON COLUMN tickets.team_reassignments IS 'Changes from one team to another.';
COMMENT ON COLUMN tickets.agent_changes IS 'Changes of the agent after the opening, from and to none counted.';
COMMENT ON COLUMN tickets.agent_reassignments IS 'Changes from one agent to another.';
COMMENT ON COLUMN tickets.public_replies IS 'Outbound comments by agents and team leads.';
COMMENT ON COLUMN tickets.inbound_messages IS 'Inbound comments, the opening counted where it was inbound.';
COMMENT ON COLUMN tickets.internal_notes IS 'Notes among staff.';
COMMENT ON COLUMN tickets.one_touch IS 'Solved with exactly one public reply and never reopened.';
COMMENT ON COLUMN tickets.requester_wait_seconds IS 'Seconds in new, open and on_hold, up to status_since; the running stretch is not in it.';
COMMENT ON COLUMN tickets.on_hold_seconds IS 'Seconds in on_hold (part of the requester wait), up to status_since.';
COMMENT ON COLUMN tickets.agent_wait_seconds IS 'Seconds in pending, up to status_since.';
COMMENT ON COLUMN tickets.first_reply_business_seconds IS 'Opening to first reply in business seconds of the calendar in force for the ticket; null before it, and where no policy measured.';
COMMENT ON COLUMN tickets.first_solved_business_seconds IS 'Opening to first solved in business seconds of the calendar in force for the ticket; null before it, and where no policy measured.';
COMMENT ON COLUMN tickets.last_solved_business_seconds IS 'Opening to last solved in business seconds of the calendar in force for the ticket; null before it, and where no policy measured.';
COMMENT ON COLUMN tickets.requester_wait_business_seconds IS 'Requester wait in business seconds, up to when it was last solved, else first replied; null before that, and where no policy measured.';
COMMENT ON COLUMN tickets.agent_wait_business_seconds IS 'Agent wait in business seconds, up to when it was last solved, else first replied; null before that, and where no policy measured.';
COMMENT ON COLUMN tickets.sla_first_reply IS 'active, paused, attained, breached or withdrawn; once breached it stays so; null where nothing was promised.';
COMMENT ON COLUMN tickets.sla_next_reply IS 'As sla_first_reply, for replies after the first.';
COMMENT ON COLUMN tickets.sla_resolution IS 'As sla_first_reply, for the resolution. Imports without deadlines only know breached.';
COMMENT ON COLUMN tickets.sla_attained IS 'How many promises were kept. A reopened ticket''s resolution counts once it is solved again.';
COMMENT ON COLUMN tickets.sla_breached IS 'How many promises were broken.';
COMMENT ON COLUMN tickets.sla_breach_noticed_at IS 'When a breach was first recorded; it may have happened earlier. Null for none.';
COMMENT ON COLUMN tickets.score IS 'The last rating, 1 (bad) to 5 (good); null where never rated.';
COMMENT ON COLUMN tickets.seconds_logged IS 'Seconds of work that were logged.';
COMMENT ON COLUMN tickets.irregular_events IS 'Imported events that the transition table would have refused.';
COMMENT ON COLUMN tickets.stated_closed_at IS 'Time of closing as the source states it (imports).';
COMMENT ON COLUMN tickets.stated_resolved_at IS 'Time of resolution as the source states it (imports).';
COMMENT ON COLUMN tickets.stated_reopens IS 'Reopenings as the source states them (imports).';
COMMENT ON COLUMN tickets.stated_reassignments IS 'Reassignments as the source states them (imports).';
COMMENT ON COLUMN tickets.interval_seq IS 'seq of the running interval.';
COMMENT ON COLUMN tickets.interval_started_at IS 'When the running interval began.';
COMMENT ON COLUMN tickets.interval_started_version IS 'Version of the event that began the running interval.';

CREATE TABLE intervals (
    ticket_id uuid NOT NULL,
    seq integer NOT NULL,
    started_at timestamptz NOT NULL,
    ended_at timestamptz,
    status text NOT NULL,
    source_state text,
    team_id text,
    agent_id text,
    started_version integer NOT NULL,
    PRIMARY KEY (ticket_id, seq)
);
CREATE INDEX intervals_started ON intervals (started_at);

COMMENT ON TABLE intervals IS 'One row per stretch of a ticket in which status, source state, team and agent are unchanged; some last no time at all.';
COMMENT ON COLUMN intervals.ticket_id IS 'The ticket.';
COMMENT ON COLUMN intervals.seq IS 'Place among the ticket''s intervals, from 1.';
COMMENT ON COLUMN intervals.started_at IS 'When it began (inclusive).';
COMMENT ON COLUMN intervals.ended_at IS 'When it ended (exclusive); null while it runs.';
COMMENT ON COLUMN intervals.status IS 'The status during it.';
COMMENT ON COLUMN intervals.source_state IS 'The imported state''s name during it.';
COMMENT ON COLUMN intervals.team_id IS 'The team responsible during it; null for none.';
COMMENT ON COLUMN intervals.agent_id IS 'The agent responsible during it; null for none.';
COMMENT ON COLUMN intervals.started_version IS 'Version of the ticket''s event that began it.';

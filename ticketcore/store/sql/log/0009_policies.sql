-- What the policies' workers know: how far they read, each ticket and when to look at it next, and what they gave up.
-- All of it is made again from the log where it is emptied. Whoever may write events may write these.
-- Undo: DROP TABLE log.policy_checkpoint, log.policy_desk, log.policy_tickets, log.policy_turns, log.policy_dead_letters;

CREATE TABLE log.policy_checkpoint (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    position bigint NOT NULL DEFAULT 0 CHECK (position >= 0),
    epoch uuid
);
COMMENT ON TABLE log.policy_checkpoint IS 'Up to which position events were read for policies; one row. Who reads locks it.';
INSERT INTO log.policy_checkpoint DEFAULT VALUES;

CREATE TABLE log.policy_desk (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    changed boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE log.policy_desk IS 'One row. Who gives tickets to agents locks it, so that two see each other.';
COMMENT ON COLUMN log.policy_desk.changed IS 'Agents came, went or were described anew since waiting tickets were looked at.';
INSERT INTO log.policy_desk DEFAULT VALUES;

CREATE TABLE log.policy_tickets (
    due_at timestamptz,
    opened_at timestamptz,
    ticket_id uuid PRIMARY KEY,
    requester_id uuid,
    heard int NOT NULL DEFAULT 0,
    seen int NOT NULL DEFAULT 0,
    status text,
    priority text,
    agent_id text,
    wish jsonb
) WITH (fillfactor = 70);
COMMENT ON TABLE log.policy_tickets IS 'Every ticket as policies last saw it, and when they look at it next.';
COMMENT ON COLUMN log.policy_tickets.due_at IS 'When to look at it next; NULL where nothing is to be done until something happens.';
COMMENT ON COLUMN log.policy_tickets.heard IS 'Its newest version that the feed brought.';
COMMENT ON COLUMN log.policy_tickets.seen IS 'Its version when it was last looked at; 0 before.';
COMMENT ON COLUMN log.policy_tickets.wish IS 'Whom it waits for: team, skills, language; NULL where it waits for no agent.';
CREATE INDEX policy_tickets_due ON log.policy_tickets (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX policy_tickets_load ON log.policy_tickets (agent_id, status) WHERE agent_id IS NOT NULL;
CREATE INDEX policy_tickets_wish ON log.policy_tickets (opened_at) WHERE wish IS NOT NULL;
CREATE INDEX policy_tickets_requester ON log.policy_tickets (requester_id) WHERE requester_id IS NOT NULL;

CREATE TABLE log.policy_turns (
    position bigint NOT NULL,
    agent_id text PRIMARY KEY
);
COMMENT ON TABLE log.policy_turns IS 'Position of the last event that gave an agent a ticket.';

CREATE TABLE log.policy_dead_letters (
    failed_at timestamptz NOT NULL,
    ticket_id uuid PRIMARY KEY,
    version int NOT NULL,
    policy text,
    rules text[] NOT NULL DEFAULT '{}',
    error text NOT NULL
);
COMMENT ON TABLE log.policy_dead_letters IS 'Tickets for which nothing more is done until something happens to them, or they are tried again.';

REVOKE ALL ON log.policy_checkpoint, log.policy_desk, log.policy_tickets, log.policy_turns, log.policy_dead_letters FROM PUBLIC;

DO $$
DECLARE
    role name;
BEGIN
    FOR role IN
        SELECT r.rolname FROM pg_class c, LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
        WHERE c.oid = 'log.events'::regclass AND a.privilege_type = 'INSERT' AND a.grantee <> c.relowner
    LOOP
        EXECUTE format(
            'GRANT SELECT, INSERT, UPDATE, DELETE ON log.policy_checkpoint, log.policy_desk, log.policy_tickets,'
            ' log.policy_turns, log.policy_dead_letters TO %I', role);
    END LOOP;
END $$;

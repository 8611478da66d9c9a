-- Customer history: every correspondence over all channels and merged identities. Run with search_path at the schema.
-- Undo: DROP SCHEMA history CASCADE;

CREATE TABLE tickets (
    ticket_id uuid PRIMARY KEY,
    version integer NOT NULL,
    number text NOT NULL,
    channel text NOT NULL,
    requester_id uuid,
    opened_at timestamptz NOT NULL
);
CREATE INDEX tickets_requester ON tickets (requester_id);
COMMENT ON TABLE tickets IS 'One row per ticket: whose it is. A changed requester moves its correspondence at once.';
COMMENT ON COLUMN tickets.ticket_id IS 'The ticket''s id.';
COMMENT ON COLUMN tickets.version IS 'How many events of the ticket the row holds.';
COMMENT ON COLUMN tickets.number IS 'The ticket''s number.';
COMMENT ON COLUMN tickets.channel IS 'Channel of the opening.';
COMMENT ON COLUMN tickets.requester_id IS 'The customer it belongs to now; null for none.';
COMMENT ON COLUMN tickets.opened_at IS 'When it was opened.';

CREATE TABLE customers (
    customer_id uuid PRIMARY KEY,
    version integer NOT NULL,
    number text NOT NULL,
    external text,
    organisation_id text,
    language text,
    registered_at timestamptz NOT NULL,
    merged_into uuid,
    forgotten boolean NOT NULL
);
CREATE INDEX customers_merged ON customers (merged_into) WHERE merged_into IS NOT NULL;
COMMENT ON TABLE customers IS 'One row per customer record; nothing personal.';
COMMENT ON COLUMN customers.customer_id IS 'The customer''s id.';
COMMENT ON COLUMN customers.version IS 'How many events of the customer the row holds.';
COMMENT ON COLUMN customers.number IS 'The customer''s number.';
COMMENT ON COLUMN customers.external IS 'Its number in the system it was imported from.';
COMMENT ON COLUMN customers.organisation_id IS 'The organisation it belongs to now.';
COMMENT ON COLUMN customers.language IS 'Language, where known.';
COMMENT ON COLUMN customers.registered_at IS 'When it became known.';
COMMENT ON COLUMN customers.merged_into IS 'The record that stands for this one too; null unless merged.';
COMMENT ON COLUMN customers.forgotten IS 'Whether the person''s key was destroyed.';

CREATE TABLE correspondence (
    ticket_id uuid NOT NULL,
    version integer NOT NULL,
    occurred_at timestamptz NOT NULL,
    kind text NOT NULL,
    direction text,
    channel text,
    author_id uuid,
    actor text NOT NULL,
    corrects integer,
    sealed text,
    overflow text,
    blobs text[] NOT NULL,
    PRIMARY KEY (ticket_id, version)
);
CREATE INDEX correspondence_author ON correspondence (author_id) WHERE author_id IS NOT NULL;
COMMENT ON TABLE correspondence IS 'One row per message, contact or note of a ticket, and per correction of one.';
COMMENT ON COLUMN correspondence.ticket_id IS 'The ticket.';
COMMENT ON COLUMN correspondence.version IS 'Version of the ticket''s event: the message''s id within the ticket.';
COMMENT ON COLUMN correspondence.occurred_at IS 'When it was received or sent.';
COMMENT ON COLUMN correspondence.kind IS 'opened, commented or comment_corrected: the event''s type.';
COMMENT ON COLUMN correspondence.direction IS 'inbound, outbound or internal; null for corrections (as what they correct).';
COMMENT ON COLUMN correspondence.channel IS 'mail, form, chat, phone, letter, social, api or internal; null for corrections.';
COMMENT ON COLUMN correspondence.author_id IS 'The customer who wrote it, where known; of an opening the requester of that time; null for corrections (as what they correct).';
COMMENT ON COLUMN correspondence.actor IS 'Role and id of who recorded it.';
COMMENT ON COLUMN correspondence.corrects IS 'Version of the message that a correction replaces; null for messages.';
COMMENT ON COLUMN correspondence.sealed IS 'The personal content as stored (base64 of nonce and ciphertext); null where there is none.';
COMMENT ON COLUMN correspondence.overflow IS 'Digest (SHA-256, hex) of the sealed blob with the whole personal content, where that is too large for the event.';
COMMENT ON COLUMN correspondence.blobs IS 'Digests (SHA-256, hex) of the sealed blobs it refers to.';

CREATE TABLE redactions (
    ticket_id uuid NOT NULL,
    redacted integer NOT NULL,
    version integer NOT NULL,
    occurred_at timestamptz NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (ticket_id, redacted)
);
COMMENT ON TABLE redactions IS 'Which events'' personal content was made unreadable for ever.';
COMMENT ON COLUMN redactions.ticket_id IS 'The ticket.';
COMMENT ON COLUMN redactions.redacted IS 'Version of the event whose content is gone.';
COMMENT ON COLUMN redactions.version IS 'Version of the event that says so (the last one, where it was said again).';
COMMENT ON COLUMN redactions.occurred_at IS 'When.';
COMMENT ON COLUMN redactions.reason IS 'Why.';

CREATE VIEW identities AS
WITH RECURSIVE up AS (
    SELECT customer_id, merged_into AS at FROM customers WHERE merged_into IS NOT NULL
    UNION
    SELECT up.customer_id, c.merged_into FROM up JOIN customers c ON c.customer_id = up.at WHERE c.merged_into IS NOT NULL
), merged AS (
    SELECT up.customer_id, min(up.at::text)::uuid AS person_id
    FROM up LEFT JOIN customers c ON c.customer_id = up.at
    WHERE c.merged_into IS NULL
    GROUP BY up.customer_id
)
SELECT c.customer_id, coalesce(m.person_id, c.customer_id) AS person_id
FROM customers c LEFT JOIN merged m USING (customer_id);
COMMENT ON VIEW identities IS 'Which record stands for each customer after all merges: itself where it was never merged.';
COMMENT ON COLUMN identities.customer_id IS 'A customer.';
COMMENT ON COLUMN identities.person_id IS 'The record that stands for the person.';

CREATE VIEW customer_history AS
SELECT
    p.person_id, t.requester_id, c.ticket_id, t.number, c.version, c.occurred_at, c.kind,
    coalesce(c.direction, o.direction) AS direction, coalesce(c.channel, o.channel) AS channel,
    coalesce(c.author_id, o.author_id) AS author_id, c.actor, c.corrects,
    r.version IS NOT NULL AS redacted, c.sealed, c.overflow, c.blobs
FROM correspondence c
JOIN tickets t USING (ticket_id)
LEFT JOIN correspondence o ON o.ticket_id = c.ticket_id AND o.version = c.corrects
LEFT JOIN identities i ON i.customer_id = t.requester_id
LEFT JOIN identities a ON a.customer_id = coalesce(c.author_id, o.author_id)
CROSS JOIN LATERAL (
    SELECT coalesce(i.person_id, t.requester_id) AS person_id
    WHERE t.requester_id IS NOT NULL OR coalesce(c.author_id, o.author_id) IS NULL
    UNION
    SELECT coalesce(a.person_id, c.author_id, o.author_id) WHERE coalesce(c.author_id, o.author_id) IS NOT NULL
) AS p
LEFT JOIN redactions r ON r.ticket_id = c.ticket_id AND r.redacted = c.version
WHERE coalesce(c.direction, o.direction) IS DISTINCT FROM 'internal';
COMMENT ON VIEW customer_history IS 'Every correspondence of every person, notes among staff left out: the person''s whom the ticket belongs to now, and the author''s own (a row for each of them where they are two). For one person history_of(customer) is faster.';
COMMENT ON COLUMN customer_history.person_id IS 'The record that stands for the person after merges; null where ticket and message are nobody''s.';
COMMENT ON COLUMN customer_history.requester_id IS 'The customer record that the ticket belongs to.';
COMMENT ON COLUMN customer_history.ticket_id IS 'The ticket.';
COMMENT ON COLUMN customer_history.number IS 'The ticket''s number.';
COMMENT ON COLUMN customer_history.version IS 'The message''s id within the ticket.';
COMMENT ON COLUMN customer_history.occurred_at IS 'When it was received or sent.';
COMMENT ON COLUMN customer_history.kind IS 'opened, commented or comment_corrected: the event''s type.';
COMMENT ON COLUMN customer_history.direction IS 'inbound or outbound; a correction''s is that of what it corrects.';
COMMENT ON COLUMN customer_history.channel IS 'Where it came in or went out.';
COMMENT ON COLUMN customer_history.author_id IS 'The customer who wrote it, where known; of an opening the requester of that time, of a correction as of what it corrects.';
COMMENT ON COLUMN customer_history.actor IS 'Role and id of who recorded it.';
COMMENT ON COLUMN customer_history.corrects IS 'Version of the message that a correction replaces.';
COMMENT ON COLUMN customer_history.redacted IS 'Whether its content was made unreadable.';
COMMENT ON COLUMN customer_history.sealed IS 'The personal content as stored; opened by the query API for those who may.';
COMMENT ON COLUMN customer_history.overflow IS 'Digest of the sealed blob with the whole personal content, where that is too large for the event.';
COMMENT ON COLUMN customer_history.blobs IS 'Digests of the sealed blobs it refers to.';

CREATE FUNCTION same_person(customer uuid) RETURNS SETOF uuid LANGUAGE sql STABLE
BEGIN ATOMIC
WITH RECURSIVE known AS (
    SELECT customer AS id
    UNION
    SELECT link.other
    FROM known CROSS JOIN LATERAL (
        SELECT c.merged_into AS other FROM customers c WHERE c.customer_id = known.id AND c.merged_into IS NOT NULL
        UNION ALL
        SELECT c.customer_id FROM customers c WHERE c.merged_into = known.id
    ) AS link
)
SELECT id FROM known;
END;
COMMENT ON FUNCTION same_person IS 'The customer and every record merged with it, in either direction and over any number of steps.';

CREATE FUNCTION history_of(customer uuid) RETURNS TABLE (
    requester_id uuid, ticket_id uuid, number text, version integer, occurred_at timestamptz, kind text, direction text,
    channel text, author_id uuid, actor text, corrects integer, redacted boolean, sealed text, overflow text,
    blobs text[]
) LANGUAGE sql STABLE
BEGIN ATOMIC
WITH persons AS (
    SELECT id FROM same_person(customer) AS id
), wanted AS (
    SELECT c.ticket_id, c.version
    FROM tickets t JOIN correspondence c USING (ticket_id)
    WHERE t.requester_id IN (SELECT id FROM persons)
    UNION
    SELECT c.ticket_id, k.version
    FROM correspondence c JOIN correspondence k ON k.ticket_id = c.ticket_id AND (k.version = c.version OR k.corrects = c.version)
    WHERE c.author_id IN (SELECT id FROM persons)
)
SELECT
    t.requester_id, c.ticket_id, t.number, c.version, c.occurred_at, c.kind, coalesce(c.direction, o.direction),
    coalesce(c.channel, o.channel), coalesce(c.author_id, o.author_id), c.actor, c.corrects, r.version IS NOT NULL,
    c.sealed, c.overflow, c.blobs
FROM wanted
JOIN correspondence c USING (ticket_id, version)
JOIN tickets t USING (ticket_id)
LEFT JOIN correspondence o ON o.ticket_id = c.ticket_id AND o.version = c.corrects
LEFT JOIN redactions r ON r.ticket_id = c.ticket_id AND r.redacted = c.version
WHERE coalesce(c.direction, o.direction) IS DISTINCT FROM 'internal'
ORDER BY c.occurred_at, c.ticket_id, c.version;
END;
COMMENT ON FUNCTION history_of IS 'Every correspondence of one person over all channels and merged identities, oldest first, notes among staff left out: all of the tickets that are theirs now, and every message of their own in other tickets, with its corrections.';

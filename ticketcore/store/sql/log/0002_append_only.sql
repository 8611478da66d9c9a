-- What was recorded stays: statements that would change it are refused, also for the owner of the tables.
-- Undo: DROP FUNCTION log.refuse() CASCADE;

CREATE FUNCTION log.refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'cannot % log.%: what was recorded is never changed, expected INSERT only',
        lower(TG_OP), TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege',
              HINT = 'Record a new event that corrects it; redact or forget to make personal content unreadable.';
END $$;

CREATE TRIGGER events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON log.events
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse();
CREATE TRIGGER receipts_unchanged BEFORE UPDATE ON log.receipts
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse();
CREATE TRIGGER blobs_unchanged BEFORE UPDATE ON log.blobs
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse();

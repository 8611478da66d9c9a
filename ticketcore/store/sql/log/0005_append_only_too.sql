-- Receipts and blobs stay as events do: what commands recorded, and what events refer to.
-- Undo: DROP TRIGGER receipts_append_only ON log.receipts; DROP TRIGGER blobs_append_only ON log.blobs;

CREATE TRIGGER receipts_append_only BEFORE DELETE OR TRUNCATE ON log.receipts
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse();
CREATE TRIGGER blobs_append_only BEFORE DELETE OR TRUNCATE ON log.blobs
    FOR EACH STATEMENT EXECUTE FUNCTION log.refuse();

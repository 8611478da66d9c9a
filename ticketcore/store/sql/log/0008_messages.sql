-- Numbers of inbound messages. Whoever may take customers' numbers may take these.
-- Undo: DROP SEQUENCE log.message_numbers;

CREATE SEQUENCE log.message_numbers;
REVOKE ALL ON SEQUENCE log.message_numbers FROM PUBLIC;

DO $$
DECLARE
    role name;
BEGIN
    FOR role IN
        SELECT r.rolname FROM pg_class c, LATERAL aclexplode(c.relacl) a JOIN pg_roles r ON r.oid = a.grantee
        WHERE c.oid = 'log.customer_numbers'::regclass AND a.privilege_type = 'USAGE' AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT USAGE ON SEQUENCE log.message_numbers TO %I', role);
    END LOOP;
END $$;

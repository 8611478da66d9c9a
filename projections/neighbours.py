"""What others made around a read model's tables: objects that hang on them, rights on them, and whose they are."""

from __future__ import annotations

import psycopg
from psycopg import sql

from projections.schema import Connection
from ticketcore.errors import ConfigurationError

__all__ = ["copy_rights", "dependents", "lock_holder", "work_as_owner"]

_DEPENDENTS = """
WITH mine AS (
    SELECT oid FROM pg_namespace WHERE nspname IN (%(model)s::text, %(model)s::text || '_next', %(model)s::text || '_prev')
), held AS (
    SELECT 'pg_class'::regclass::oid AS kind, oid FROM pg_class WHERE relnamespace = to_regnamespace(%(schema)s::text)
    UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc WHERE pronamespace = to_regnamespace(%(schema)s::text)
    UNION ALL SELECT 'pg_type'::regclass, oid FROM pg_type WHERE typnamespace = to_regnamespace(%(schema)s::text)
), found AS (
    SELECT CASE WHEN r.oid IS NULL THEN d.classid ELSE 'pg_class'::regclass END AS kind, coalesce(r.ev_class, d.objid) AS oid
    FROM pg_depend d
    JOIN held ON (d.refclassid, d.refobjid) = (held.kind, held.oid)
    LEFT JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
    WHERE d.deptype IN ('n', 'a')
)
SELECT DISTINCT pg_describe_object(kind, oid, 0) FROM found
WHERE coalesce(
    CASE kind WHEN 'pg_class'::regclass THEN (SELECT relnamespace FROM pg_class c WHERE c.oid = found.oid)
        WHEN 'pg_proc'::regclass THEN (SELECT pronamespace FROM pg_proc p WHERE p.oid = found.oid)
        WHEN 'pg_constraint'::regclass THEN (SELECT connamespace FROM pg_constraint c WHERE c.oid = found.oid)
    END NOT IN (SELECT oid FROM mine), false)
ORDER BY 1
"""
_RIGHTS = """
WITH objects AS (
    SELECT nspname AS schema, '' AS name, '' AS part, nspowner AS owner, nspacl AS acl
    FROM pg_namespace WHERE nspname IN (%(old)s::text, %(new)s::text)
    UNION ALL
    SELECT nspname, relname, '', relowner, relacl FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname IN (%(old)s::text, %(new)s::text) AND relkind IN ('r', 'v')
    UNION ALL
    SELECT nspname, relname, attname, relowner, attacl
    FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
    WHERE nspname IN (%(old)s::text, %(new)s::text) AND relkind IN ('r', 'v') AND attnum > 0 AND NOT attisdropped
), shared AS (
    SELECT name, part FROM objects GROUP BY 1, 2 HAVING count(*) = 2
), rights AS (
    SELECT schema, name, part, a.privilege_type AS privilege, a.grantee, bool_or(a.is_grantable) AS passed_on
    FROM objects JOIN shared USING (name, part), aclexplode(acl) a WHERE a.grantee <> owner GROUP BY 1, 2, 3, 4, 5
), had AS (
    SELECT name, part, privilege, grantee, passed_on FROM rights WHERE schema = %(old)s::text
), has AS (
    SELECT name, part, privilege, grantee, passed_on FROM rights WHERE schema = %(new)s::text
), changes AS (
    SELECT 1 AS step, 'REVOKE' AS verb, 'FROM' AS whom, ' CASCADE' AS how, * FROM (TABLE has EXCEPT TABLE had) r
    UNION ALL
    SELECT 2, 'GRANT', 'TO', CASE WHEN passed_on THEN ' WITH GRANT OPTION' ELSE '' END, * FROM (TABLE had EXCEPT TABLE has) r
)
SELECT format(
    CASE WHEN name = '' THEN '%%1$s %%2$s ON SCHEMA %%4$I %%6$s %%7$s%%8$s'
        WHEN part = '' THEN '%%1$s %%2$s ON TABLE %%4$I.%%5$I %%6$s %%7$s%%8$s'
        ELSE '%%1$s %%2$s (%%3$I) ON TABLE %%4$I.%%5$I %%6$s %%7$s%%8$s' END,
    verb, privilege, part, %(new)s::text, name, whom, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, how)
FROM changes ORDER BY step, 1
"""
"""Statements that make the rights on what both schemas have equal."""


def dependents(connection: Connection, model: str, schema: str) -> list[str]:
    """Return what hangs on the tables, views and functions of *schema* and lies outside of the model's own schemas.

    Returns:
        As PostgreSQL describes it, such as ``view analyst.backlog``: views, functions with a checked body, tables that
        inherit, foreign keys. What only names a table in a text, as most functions do, does not hang on it.
    """
    rows = connection.execute(_DEPENDENTS, {"model": model, "schema": sql.Identifier(schema).as_string(connection)})
    return [found for (found,) in rows]


def work_as_owner(connection: Connection, model: str) -> None:
    """Act as the owner of the live schema from now on, so that what is made belongs to it too.

    Raises:
        ConfigurationError: this session's role may not.
    """
    [(owner, user)] = connection.execute(
        "SELECT rolname, session_user FROM pg_namespace JOIN pg_roles ON pg_roles.oid = nspowner WHERE nspname = %s",
        [model],
    ).fetchall()
    try:
        connection.execute(sql.SQL("SET ROLE {}").format(sql.Identifier(owner)))
    except psycopg.errors.InsufficientPrivilege as error:
        raise ConfigurationError(
            f"cannot rebuild read model {model!r} as {user!r}: its schema belongs to role {owner!r}, expected that role or a"
            f" member of it (name it in TICKETCORE_READ_DSN, or GRANT {owner} TO {user})"
        ) from error


def copy_rights(connection: Connection, old: str, new: str) -> None:
    """Give the schema *new*, and its tables, views and columns that *old* has too, the rights that others have there.

    Rights to call a function are as PostgreSQL gives them to new ones.
    """
    for (statement,) in connection.execute(_RIGHTS, {"old": old, "new": new}).fetchall():
        connection.execute(statement.encode())


def lock_holder(connection: Connection, name: str) -> int | None:
    """Return the process id of the server's session that has an advisory lock of this data base; ``None`` for none."""
    row = connection.execute(
        "SELECT pid FROM pg_locks, hashtextextended(%s, 0) AS wanted WHERE locktype = 'advisory' AND granted AND objsubid = 1"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND (classid::bigint << 32 | objid::bigint) = wanted",
        [name],
    ).fetchone()
    return None if row is None else int(row[0])

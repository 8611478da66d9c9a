"""The tables that a rebuild builds beside the live ones: begun, taken up again, or those that the last swap replaced."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from psycopg import sql

from projections.base import Model
from projections.checkpoints import Checkpoint
from projections.feed import Log
from projections.neighbours import dependents
from projections.projector import Projector
from projections.schema import RELEASE, Connection, OtherVersion, create, digest_of
from projections.swap import Candidate
from ticketcore.errors import ConfigurationError, EpochMismatch, NotFound

__all__ = ["begin", "checkpoints", "previous"]

logger = structlog.get_logger(__name__)


def begin(
    connection: Connection, projector: Projector, logs: Mapping[str, Log], *, drop_dependents: bool
) -> tuple[Candidate, dict[str, Checkpoint]]:
    """Take up a rebuild that was killed, or start one."""
    model, digest = projector.model, digest_of(projector.model)
    roles = {
        role: made
        for role, *made in connection.execute(
            "SELECT role, generation, version, digest FROM read_meta.models WHERE model = %s", [model.name]
        )
    }
    candidate = Candidate(model.name, "next", roles["live"][0] + 1)
    if roles.get("next") == [candidate.generation, model.version, digest]:
        try:
            at = checkpoints(connection, projector, candidate, logs)
        except EpochMismatch:
            logger.warning("rebuild.restarted", model=model.name, reason="the log has another epoch")
        else:
            if all(at[name].position <= log.head() for name, log in logs.items()):
                return candidate, at
    with connection.transaction():
        if not drop_dependents:
            _refuse_dependents(connection, model.name)
        _make_room(connection, candidate)
        create(connection, model, f"{model.name}_next")
        connection.execute(
            "INSERT INTO read_meta.models (model, role, generation, version, release, digest)"
            " VALUES (%s, 'next', %s, %s, %s, %s)",
            [model.name, candidate.generation, model.version, RELEASE, digest],
        )
    return candidate, checkpoints(connection, projector, candidate, logs)


def _refuse_dependents(connection: Connection, model: str) -> None:
    for schema in (f"{model}_next", f"{model}_prev"):
        if found := dependents(connection, model, schema):
            raise ConfigurationError(
                f"cannot begin a rebuild of read model {model!r}: it drops the schema {schema}, expected that nothing of others"
                f" hangs on it, but there is {', '.join(found)} (drop it and make it anew on the schema {model}, or let"
                f" `ticketcore rebuild {model} --drop-dependents` drop it; see docs/kafka.md)"
            )


def _make_room(connection: Connection, candidate: Candidate) -> None:
    """Drop what is half built and what the last swap replaced, with its checkpoints and dead letters."""
    name = candidate.model
    for suffix in ("next", "prev"):
        schema = sql.Identifier(f"{name}_{suffix}")
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(schema))
    connection.execute("DELETE FROM read_meta.models WHERE model = %s AND role <> 'live'", [name])
    for table in ("checkpoints", "dead_letters"):
        connection.execute(
            sql.SQL("DELETE FROM read_meta.{} WHERE model = %s AND generation <> %s").format(sql.Identifier(table)),
            [name, candidate.generation - 1],
        )


def previous(connection: Connection, model: Model) -> Candidate:
    """Return the tables that the last swap replaced.

    Raises:
        NotFound: there are none.
        OtherVersion: they are not of this code's version.
    """
    rows = connection.execute(
        "SELECT generation, version, release FROM read_meta.models WHERE model = %s AND role = 'prev'", [model.name]
    ).fetchall()
    if not rows:
        raise NotFound(
            "previous generation", f"of read model {model.name!r}", "a swap keeps one until the next rebuild begins"
        )
    [(generation, version, release)] = rows
    if version != model.version:
        raise OtherVersion(
            f"cannot put back the previous tables of read model {model.name!r}: they are of version {version}, made by release"
            f" {release or 'unknown'}, expected version {model.version}, which release {RELEASE} here knows to catch up"
            f" (run `ticketcore rebuild {model.name} --back` with a release that has version {version})"
        )
    return Candidate(model.name, "prev", generation)


def checkpoints(
    connection: Connection, projector: Projector, candidate: Candidate, logs: Mapping[str, Log]
) -> dict[str, Checkpoint]:
    """Return log -> how far the candidate holds it. Raises :class:`EpochMismatch` where a log was restored since."""
    return {
        name: projector.checkpoint(connection, candidate.generation, name, log.epoch()) for name, log in logs.items()
    }

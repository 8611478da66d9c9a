"""``ticketcore recover``: after a restore of the log, everything that holds its lost part is put right, by one command."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from projections.rebuild import rebuild
from projections.schema import connect, model_named
from projections.standing import Standing, highest_counters, keep, standings
from ticketcore.domain.types import Role
from ticketcore.permissions import Action, Facts, check
from ticketcore.setup import resolve
from ticketcore.store.codec import Codec
from workers.cli.common import AsOption, JsonOption, actor, existing
from workers.cli.output import print_json, say, table
from workers.cli.working import kafka_settings, opened_log, other_logs

if TYPE_CHECKING:
    from ticketcore.settings import Settings
    from ticketcore.store.postgres import PostgresLog
    from workers.kafka.recovery import Found


def recover(
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what was lost and what would be done; exit 1 where there is something."),
    ] = False,
    restored: Annotated[
        bool,
        typer.Option(
            "--restored", help="The log was restored, though nothing shows it: no topic, no read model ahead."
        ),
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export", help="Write the lost events that the topic holds to a new file, one JSON object a line."
        ),
    ] = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """After a restore: end the log's epoch, let its relay follow, keep or rebuild the read models. Repeating it does no harm."""
    check(actor(as_, Role.OPERATOR), Action.REBUILD, Facts("the read models"))
    known = resolve(existing())
    assert known.dsn is not None  # noqa: S101 -- resolve() names every store
    assert known.read_dsn is not None  # noqa: S101 -- likewise
    with ExitStack() as stack:
        log = stack.enter_context(opened_log(known))
        found = _found(known.dsn, log, export)
        epoch, head = log.epoch(), log.head()
        with connect(known.read_dsn) as connection:
            stand = standings(connection, log.name)
        ahead = any(one.position > head for one in stand)
        ends = restored or ahead or (found is not None and found.restored)
        plan = {one.model: _plan(one, found, ends=ends, fits=one.fits(epoch, head)) for one in stand}
        done: dict[str, Any] = {"log": log.name, "log_position": head, "epoch": str(epoch), "restored": ends}
        done |= _told(found) | {"read_models": plan}
        todo = ends or "rebuild" in plan.values()
        if not json:
            _say(done, dry_run=dry_run)
        if todo and not dry_run:
            done["new_epoch"] = _repair(known, log, found, plan, ends=ends, stack=stack, quiet=json)
    if json:
        print_json(done)
    raise typer.Exit(1 if dry_run and todo else 0)


def _found(dsn: str, log: PostgresLog, export: Path | None) -> Found | None:
    """Look at the topic, where one is named, writing the lost events to *export*."""
    if not os.environ.get("TICKETCORE_KAFKA_BOOTSTRAP_SERVERS"):
        if export is not None:
            raise typer.BadParameter(
                "lost events are read from Kafka: expected TICKETCORE_KAFKA_BOOTSTRAP_SERVERS to be set",
                param_hint="--export",
            )
        return None
    kafka = kafka_settings()
    from workers.kafka.lost import line_of
    from workers.kafka.recovery import found_in_topic

    if export is None:
        return found_in_topic(dsn, log, kafka)
    if export.exists():
        raise typer.BadParameter(f"{export} is there already: expected the name of a new file", param_hint="--export")
    part = export.with_name(f"{export.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            found = found_in_topic(dsn, log, kafka, lambda held: print(line_of(held), file=file))
        part.rename(export)
    finally:
        part.unlink(missing_ok=True)
    return found


def _plan(one: Standing, found: Found | None, *, ends: bool, fits: bool) -> str:
    if not ends:
        return "as it is" if fits else "rebuild"
    common = found.common if found is not None else None
    return "keep" if fits and common is not None and one.position <= common else "rebuild"


def _repair(
    known: Settings,
    log: PostgresLog,
    found: Found | None,
    plan: dict[str, str],
    *,
    ends: bool,
    stack: ExitStack,
    quiet: bool,
) -> str:
    """Do what is planned and return the log's epoch then. Killed anywhere, the next call finds what is left to do."""
    from workers.kafka.epochs import end_epoch

    assert known.dsn is not None  # noqa: S101 -- as above
    assert known.read_dsn is not None  # noqa: S101 -- as above
    tell: Callable[[str], None] = (lambda _: None) if quiet else say
    ended = now = log.epoch()
    if ends:
        with connect(known.read_dsn) as connection:
            shown = highest_counters(connection)
        if found is None:
            now = end_epoch(known.dsn, ended, (), shown, None)
        else:
            from workers.kafka.recovery import go_on

            now = go_on(known.dsn, log, found, ended, shown)
        tell(f"The log's epoch is {now} now.")
    common = found.common if found is not None and found.common is not None else 0
    logs = [log, *stack.enter_context(other_logs(known))]
    for name, what in plan.items():
        if what == "keep":
            with connect(known.read_dsn) as connection:
                kept = keep(connection, name, log.name, ended, now, common)
            if kept:
                tell(f"{name}: holds nothing that was lost, and is kept.")
                continue
        if what != "as it is":
            made = rebuild(known.read_dsn, logs, Codec().decode_to_fold, model_named(name))
            tell(f"{name}: generation {made.generation} is live, made from {made.position:,} events")
    return str(now)


def _told(found: Found | None) -> dict[str, Any]:
    if found is None:
        return {"topic": None}
    survey = found.survey
    return {
        "topic": found.topic,
        "common_position": found.common,
        "lost_events": survey.events if survey else 0,
        "lost": list(survey.lost) if survey else [],
        "lost_types": survey.types if survey else {},
        "lost_erasures": survey.erasures if survey else [],
    }


def _say(done: dict[str, Any], *, dry_run: bool) -> None:
    if done["topic"] is None:
        say("No topic was looked at: TICKETCORE_KAFKA_BOOTSTRAP_SERVERS is not set.")
    elif done["lost_events"]:
        say(
            f"Topic {done['topic']} holds {done['lost_events']:,} events that log {done['log']} lost: it agrees with the topic up"
            f" to position {done['common_position']:,} and ends at {done['log_position']:,}."
        )
        table(
            "Lost events",
            ("partition", "events", "offsets", "positions"),
            (
                (
                    p.partition,
                    f"{p.events:,}",
                    f"{p.first_offset}-{p.last_offset}",
                    f"{p.first_position}-{p.last_position}",
                )
                for p in done["lost"]
            ),
        )
        say("By type: " + ", ".join(f"{name} {count:,}" for name, count in done["lost_types"].items()))
    if done.get("lost_erasures"):
        say(
            "Redacted or forgotten by lost events, and readable again wherever the keys were restored too:"
            f" {', '.join(done['lost_erasures'])} (redact or forget them again)"
        )
    if done["restored"]:
        say("The log was restored." if not dry_run else "The log was restored: its epoch would end.")
    elif "rebuild" not in done["read_models"].values():
        say("Nothing is to be recovered.")
    for name, what in done["read_models"].items():
        if dry_run:
            say(f"{name}: {what}")


commands: list[Callable[..., None]] = [recover]

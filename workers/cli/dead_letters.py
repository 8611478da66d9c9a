"""``ticketcore dead-letters``: events that a read model could not fold, and what can be done about each."""

from __future__ import annotations

import json as json_
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

import typer

from projections.dead_letters import DeadLetter, find_letters, record_of, retry_dead_letters
from projections.dead_letters import dead_letters as letters_of
from projections.drops import drop as drop_letter
from projections.drops import dropped
from projections.drops import undrop as take_back
from projections.schema import MODELS, model_named
from ticketcore.domain.types import Role
from ticketcore.errors import ConfigurationError, NotFound
from ticketcore.ids import aggregate_id, kind_of, number_of, parse_number
from ticketcore.permissions import GRANTS, Action, Facts, check
from ticketcore.setup import resolve
from ticketcore.store.codec import Codec
from workers.cli.common import AsOption, JsonOption, actor, existing
from workers.cli.output import print_json, say, table
from workers.cli.working import kafka_settings, opened_log, settings_of

if TYPE_CHECKING:
    from ticketcore.settings import Settings
    from ticketcore.store.port import Record
    from ticketcore.store.postgres import PostgresLog

app = typer.Typer(help="Events that could not be projected.", no_args_is_help=True, add_completion=False)

ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="queues, history, performance, intake.")]
LogOption = Annotated[
    str | None,
    typer.Option("--log", metavar="NAME", help="Whose positions: a log of TICKETCORE_KAFKA_LOGS; by default this one."),
]


@app.command("list")
def list_(
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Of this read model only.")] = None,
    json: JsonOption = False,
) -> None:
    """List the events that wait, with their cause."""
    models = [model_named(model)] if model else MODELS
    known = resolve(existing())
    found = letters_of(_read_dsn(known), models=models)
    if json:
        print_json(found)
        return
    logs = {letter.log for letter in found} - {known.log_name}
    table(
        "Dead letters",
        ("read model", *(["log"] if logs else []), "position", "ticket or customer", "#", "event", "waits since",
         "tries", "cause"),
        (
            (d.model, *([d.log] if logs else []), d.position, _number(d.aggregate_id), d.version, d.topic, d.parked_at,
             d.tries, d.cause)
            for d in found
        ),
    )  # fmt: skip


@app.command()
def show(
    model: ModelArgument,
    which: Annotated[str, typer.Argument(metavar="POSITION|NUMBER", help="A position, or a ticket or customer.")],
    log: LogOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Show one: the stored event, what is personal still sealed; its cause; what waits behind it; what can be done."""
    by, known = actor(as_, Role.AUDITOR), resolve(existing())
    check(by, Action.READ_EVENTS, Facts("the log"))
    [first, *others] = find_letters(_read_dsn(known), model_named(model), _which(which, log or known.log_name), log)
    with _log(known, first.log) as source:
        record = record_of(source, first)
    found = _described(first, others, record)
    if json:
        print_json(found)
        return
    stored = found.pop("stored")
    table("Dead letter", ("what", "value"), ((name.replace("_", " "), _text(value)) for name, value in found.items()))
    say("Stored event, sealed fields as they are:")
    say(json_.dumps(stored, ensure_ascii=False, indent=2) if isinstance(stored, dict) else stored)


@app.command()
def retry(
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help="All without a name.")] = None,
    ticket: Annotated[str | None, typer.Option("--ticket", metavar="NUMBER", help="This one only.")] = None,
    log: LogOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Fold them again; what still can't be folded stays."""
    check(actor(as_, Role.OPERATOR), Action.REBUILD, Facts("the read models"))
    models = [model_named(model)] if model else MODELS
    known = resolve(existing())
    with _log(known, log) as source:
        ids = None if ticket is None else [aggregate_id(parse_number(ticket), source.name)]
        done = retry_dead_letters(_read_dsn(known), source, Codec().decode, models=models, ids=ids)
        name_of_log = source.name
    left = Counter(d.model for d in letters_of(_read_dsn(known), models=models) if d.log == name_of_log)
    if json:
        print_json(done)
    else:
        for name, count in done.items():
            say(f"{name}: {count:,} events of log {name_of_log} left the dead letters, {left[name]:,} stay")


@app.command()
def drop(
    model: ModelArgument,
    which: Annotated[str, typer.Argument(metavar="POSITION|NUMBER", help="A position, or a ticket or customer.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why it can be left out; it is kept.")],
    log: LogOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Leave the event that can't be folded out of a read model from now on, and fold those behind it; the log keeps it."""
    by = actor(as_, Role.OPERATOR)
    check(by, Action.REBUILD, Facts("the read models"))
    known = resolve(existing())
    asked = _which(which, log or known.log_name)
    letters = find_letters(_read_dsn(known), model_named(model), asked, log)
    letters.sort(key=lambda letter: letter.position != asked)
    first = letters[0]
    with _log(known, first.log) as source:
        folded = drop_letter(
            _read_dsn(known), source, Codec().decode, letters, by=f"{by.role}:{by.id}", reason=reason
        )  # fmt: skip
    left = len(letters) - 1 - folded
    if json:
        print_json({"model": model, "log": first.log, "position": first.position, "passed": folded, "waiting": left})
    else:
        say(f"{model} leaves out position {first.position:,} ({_number(first.aggregate_id)}, {first.topic}).")
        say(f"Of the events behind it {folded:,} passed, {left:,} wait.")


@app.command()
def drops(json: JsonOption = False) -> None:
    """List the events that are left out, with who dropped them, when and why."""
    found = dropped(_read_dsn(resolve(existing())))
    if json:
        print_json(found)
        return
    table(
        "Dropped events",
        ("read model", "log", "position", "ticket or customer", "#", "event", "dropped", "by", "reason"),
        (
            (d.model, d.log, d.position, _number(d.aggregate_id), d.version, d.topic, d.dropped_at, d.dropped_by, d.reason)
            for d in found
        ),
    )  # fmt: skip


@app.command()
def undrop(
    model: ModelArgument,
    position: Annotated[int, typer.Argument(min=1, help="Of the dropped event.")],
    log: LogOption = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Take a drop back: the whole ticket is folded anew; what can't be folded waits as a dead letter again."""
    check(actor(as_, Role.OPERATOR), Action.REBUILD, Facts("the read models"))
    known = resolve(existing())
    with _log(known, log) as source:
        waiting = take_back(_read_dsn(known), source, Codec().decode, model_named(model), position)
        name_of_log = source.name
    if json:
        print_json({"model": model, "log": name_of_log, "position": position, "waiting": waiting})
    else:
        say(f"{model} takes position {position:,} again; {waiting:,} events of its ticket are dead letters.")


def _described(first: DeadLetter, others: list[DeadLetter], record: Record) -> dict[str, Any]:
    at = f"{first.model} {first.position} --log {first.log}"
    return {
        "read_model": first.model,
        "log": first.log,
        "position": first.position,
        "number": _number(first.aggregate_id),
        "version": first.version,
        "event": first.topic,
        "recorded_at": record.recorded_at,
        "may_be_seen_by": [role.value for role in Role if Action.READ_EVENTS in GRANTS.get(role, ())],
        "cause": first.cause,
        "waits_since": first.parked_at,
        "tries": first.tries,
        "tried_last": first.tried_at,
        "waiting_behind_it": [
            {"position": other.position, "version": other.version, "event": other.topic} for other in others
        ],
        "remedy": f"mend or upgrade ticketcore, then `ticketcore dead-letters retry {first.model} --log {first.log}`; or"
        f" leave it out: `ticketcore dead-letters drop {at} --reason TEXT`",
        "stored": _stored(record.state),
    }


def _stored(state: bytes) -> Any:
    try:
        return json_.loads(state)
    except ValueError:
        return state.decode(errors="backslashreplace")


def _text(value: Any) -> object:
    if not isinstance(value, list):
        return value
    parts = (f"position {part['position']} ({part['event']})" if isinstance(part, dict) else part for part in value)
    return ", ".join(parts) or "nothing"


def _which(text: str, log: str) -> int | UUID:
    return int(text) if text.isascii() and text.isdigit() else aggregate_id(parse_number(text), log)


def _number(id_: UUID) -> str:
    return number_of(id_) if kind_of(id_) is not None else str(id_)


@contextmanager
def _log(known: Settings, name: str | None) -> Iterator[PostgresLog]:
    """Open this log, or another of those that feed the read models."""
    if name not in (None, known.log_name):
        try:
            others = kafka_settings().logs
        except ConfigurationError as error:
            raise ConfigurationError(
                f"log {name!r} can't be found: {error} (name it in TICKETCORE_KAFKA_LOGS)"
            ) from error
        if name not in others:
            raise NotFound("log", name, f"this one is {known.log_name!r}; name others in TICKETCORE_KAFKA_LOGS")
        known = settings_of(known, name, others[name])
    with opened_log(known) as log:
        yield log


def _read_dsn(known: Settings) -> str:
    assert known.read_dsn is not None  # noqa: S101 -- resolve() names every store
    return known.read_dsn


groups = {"dead-letters": app}

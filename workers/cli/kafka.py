"""``ticketcore kafka``: the topic, how far everything is, and who feeds the read models."""

from __future__ import annotations

from typing import Annotated

import typer

from projections.partitions import give_to_log
from projections.schema import MODELS, connect, live, model_named
from ticketcore.domain.types import Role
from ticketcore.permissions import Action, Facts, check
from ticketcore.setup import resolve
from workers.cli.common import AsOption, JsonOption, actor, settings
from workers.cli.output import print_json, say, table
from workers.cli.working import kafka_settings

app = typer.Typer(
    help="The topic of the log, and who feeds the read models.", no_args_is_help=True, add_completion=False
)


@app.command("create-topic")
def create_topic(
    anew: Annotated[
        bool, typer.Option("--anew", help="Delete the topic first; the relay fills the new one from the log.")
    ] = False,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Make the log's topic; a relay does so by itself."""
    from workers.kafka.topic import ensure_topic, replace_topic

    kafka = kafka_settings()
    topic = kafka.topic_of(settings().log_name)
    if anew:
        check(actor(as_, Role.OPERATOR), Action.REBUILD, Facts("the topic"))
        replace_topic(kafka, topic, kafka.partitions)
    made = anew or ensure_topic(kafka, topic, kafka.partitions)
    if json:
        print_json({"topic": topic, "partitions": kafka.partitions, "made": made})
    elif anew:
        say(f"Topic {topic} was made anew with {kafka.partitions} partitions; a running relay fills it.")
    else:
        say(f"Topic {topic} {'has' if made else 'had'} {kafka.partitions} partitions{'' if made else ' already'}.")


@app.command()
def status(json: JsonOption = False) -> None:
    """Say how far the relay and each read model are, partition by partition."""
    from workers.cli.working import opened_log
    from workers.kafka.lag import lag
    from workers.kafka.recovery import problem_of

    known, kafka = resolve(settings()), kafka_settings()
    assert known.dsn is not None  # noqa: S101 -- resolve() names every store
    with opened_log(known) as log:
        head = log.head()
        problem = problem_of(known.dsn, log, kafka)
    found = lag(known, kafka.topic_of(known.log_name), head)
    if json:
        points = [point._asdict() for point in found.points]
        print_json({"log_position": head, "problem": problem, **found._asdict(), "points": points})
        return
    say(f"Topic {found.topic} holds {found.relayed:,} of the {head:,} events of log {known.log_name}.")
    if problem is not None:
        say(f"PROBLEM: {problem}")
    table(
        "Read models",
        ("read model", "partition", "position", "caught up with the topic"),
        (
            (p.model, "the log itself" if p.partition < 0 else p.partition, p.position, "yes" if p.caught_up else "no")
            for p in found.points
        ),
    )


@app.command("hand-back")
def hand_back(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Read models; all without a name.")
    ] = None,
    as_: AsOption = None,
    json: JsonOption = False,
) -> None:
    """Give read models back to the projector of the log itself; stop the Kafka projectors first."""
    check(actor(as_, Role.OPERATOR), Action.REBUILD, Facts("the read models"))
    models = [model_named(name) for name in names] if names else MODELS
    known = resolve(settings())
    assert known.read_dsn is not None  # noqa: S101 -- resolve() names every store
    with connect(known.read_dsn) as connection:
        generations = live(connection, models)
        given = {
            model.name: give_to_log(connection, model.name, generations[model.name].generation, known.log_name)
            for model in models
        }
    if json:
        print_json([{"model": name, "log": known.log_name, "position": at} for name, at in given.items()])
        return
    for name, at in given.items():
        say(f"{name} {'was fed by the log already' if at is None else f'goes on from position {at:,} of the log'}.")


groups = {"kafka": app}

# SPDX-License-Identifier: Apache-2.0
"""`eb automations`."""

import json
from datetime import timedelta
from typing import Any

import click

from eb_prefect.automations import MARK, RETRIES, TAG, Healing, healing, heartbeat, install, telling
from eb_prefect.prefect_server import Server

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


class _Block(click.ParamType[str]):
    name = "block"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return a name of a block that has its type before it."""
        if not all(str(value).partition("/")):
            self.fail(f"{value!r} is not as in slack-webhook/NAME.", param, ctx)
        return str(value)


@click.group()
def automations() -> None:
    """Have a Prefect server heal flow runs that died, and tell people of sessions.

    Each of its commands has --json.

    Example: eb automations install --retries 5
    """


@automations.command("install")
@click.option(
    "--tag", default=TAG, show_default=True, help="Heal the runs that have this tag, as from a deployment."
)
@click.option(
    "--retries",
    type=click.IntRange(min=1),
    default=RETRIES,
    show_default=True,
    help="Retry a crashed run so many times at most.",
)
@click.option(
    "--heartbeat",
    "seconds",
    type=click.IntRange(min=30),
    help="How often runs give a sign of life, in seconds; three that do not come are a death.  "
    "[default: PREFECT_FLOWS_HEARTBEAT_FREQUENCY, else 180]",
)
@click.option(
    "--notify",
    "blocks",
    multiple=True,
    type=_Block(),
    metavar="TYPE/NAME",
    help="Send a message by this block when a session can be gone to, as a notebook can.",
)
@click.option("--print", "only_print", is_flag=True, help="Print what would be made, and make nothing.")
@_json
def install_(  # noqa: PLR0913 -- one argument an option is click's way
    *, tag: str, retries: int, seconds: int | None, blocks: tuple[str, ...], only_print: bool, as_json: bool
) -> None:
    """Make automations on the Prefect server, or change those that it has.

    A run whose heartbeats stop becomes Crashed, and a Crashed run of a
    deployment is picked up again, --retries times at most. Its steps go on
    with the sessions that they had. For runs tagged --tag:
    flow.serve(tags=["eb-heal"]).

    Example: eb automations install --notify slack-webhook/astro
    """
    how = Healing(tag, retries, timedelta(seconds=seconds) if seconds else heartbeat())
    wanted = list(healing(how))
    if blocks or not only_print:
        server = Server()
        wanted += [telling(block, server) for block in blocks]
    if only_print:
        click.echo(json.dumps([each.model_dump(mode="json") for each in wanted], indent=2))
        return
    done = install(wanted, server)
    lines = [f"{what}: {name}" for name, what in done.items()]
    click.echo(json.dumps(done) if as_json else "\n".join(lines))


@automations.command("list")
@_json
def list_(*, as_json: bool) -> None:
    """List the automations that install made, with what each does.

    Example: eb automations list --json
    """
    found = Server().automations(tag=MARK)
    told = {each.name: {"enabled": each.enabled, "description": each.description} for each in found}
    lines = [f"{each.name}{'' if each.enabled else ' (disabled)'}: {each.description}" for each in found]
    click.echo(json.dumps(told) if as_json else "\n".join(lines) or "none; eb automations install makes them")


@automations.command("remove")
@_json
def remove(*, as_json: bool) -> None:
    """Remove all automations that install made.

    Example: eb automations remove
    """
    server = Server()
    found = server.automations(tag=MARK)
    for each in found:
        server.remove(each.id)
    done = {each.name: "removed" for each in found}
    click.echo(json.dumps(done) if as_json else "\n".join(f"removed: {name}" for name in done) or "none")

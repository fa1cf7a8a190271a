# SPDX-License-Identifier: Apache-2.0
"""The group `eb`, which imports a command only when it is called.

A command starts in the time its own imports take; `eb show` needs neither
Prefect nor astropy.
"""

import importlib
import sys
from importlib.metadata import entry_points

import click

from provenance.cli.exits import Exit, failure

COMMANDS = {
    "cancel": ("provenance.cli.cancel:cancel", "End a session."),
    "check": ("eb_prefect.cli.check:check", "Tell what a document is and every fault in it."),
    "convert": ("eb_prefect.cli.convert:convert", "Write a document in another dialect."),
    "extract": ("provenance.cli.extract:extract", "Take the record out of a product."),
    "history": ("provenance.cli.history:history", "List the steps you ran."),
    "lineage": ("provenance.cli.lineage:lineage", "Follow a product back to the data it came from."),
    "rerun": ("provenance.cli.rerun:rerun", "Run the step that made a product again."),
    "run": ("provenance.cli.run:run", "Run a request and record it in its products."),
    "show": ("provenance.cli.show:show", "Show how a product was made, and whether it is still that."),
}


class Commands(click.Group):
    """Commands by name; those of other packages through the entry points ``eb.commands``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, in order."""
        return sorted([*COMMANDS, *(point.name for point in entry_points(group="eb.commands"))])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return the command."""
        if cmd_name in COMMANDS:
            module, _, attribute = COMMANDS[cmd_name][0].partition(":")
            command: click.Command = getattr(importlib.import_module(module), attribute)
            return command
        points = entry_points(group="eb.commands", name=cmd_name)
        return next((point.load() for point in points), None)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing what it lists."""
        helps = {name: text for name, (_, text) in COMMANDS.items()}
        for point in entry_points(group="eb.commands"):
            helps[point.name] = f"See eb {point.name} --help."
        with formatter.section("Commands"):
            formatter.write_dl(sorted(helps.items()))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="eb-prefect")
def eb() -> None:
    """Run steps where the data is, and run them again from what they made."""


def main() -> None:
    """Run the command line; an error that its user can mend is one paragraph, not a traceback."""
    try:
        eb(standalone_mode=False)
    except click.ClickException as wrong:
        wrong.show()
        sys.exit(wrong.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(Exit.INTERRUPTED)
    except BrokenPipeError:
        sys.exit(Exit.INTERRUPTED)
    except failure.types() as known:
        click.echo(f"eb: {known}", err=True)
        sys.exit(failure.code(known))

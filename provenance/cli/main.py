# SPDX-License-Identifier: Apache-2.0
"""The group `eb`, which imports a command only when it is called.

A command starts in the time its own imports take; `eb show` needs neither
Prefect nor astropy.
"""

import importlib
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from eb_prefect.errors import EBError, InvalidDocumentError
from provenance.cli.exits import Exit, exit_of
from provenance.errors import ProvenanceError
from provenance.plain import plain

COMMANDS = {
    "automations": ("eb_prefect.cli.automations:automations", "Have a Prefect server heal runs that died."),
    "cancel": ("provenance.cli.cancel:cancel", "End a session."),
    "check": ("eb_prefect.cli.check:check", "Tell what a document is and every fault in it."),
    "convert": ("eb_prefect.cli.convert:convert", "Write a document in another dialect."),
    "export": ("provenance.cli.export:export", "Write how a product was made in a form that others read."),
    "extract": ("provenance.cli.extract:extract", "Take the record out of a product."),
    "history": ("provenance.cli.history:history", "List the steps you ran."),
    "keys": ("provenance.cli.keys:keys", "Tell which key signs, and whose are trusted."),
    "lineage": ("provenance.cli.lineage:lineage", "Follow a product back to what it was made from."),
    "logs": ("provenance.cli.logs:logs", "Write what a session wrote."),
    "offers": ("provenance.cli.offers:offers", "Compare what brokers offer for a request."),
    "release": ("provenance.cli.release:release", "End an interactive session and keep what it made."),
    "rerun": ("provenance.cli.rerun:rerun", "Run the step that made a product again."),
    "run": ("provenance.cli.run:run", "Run a request and record it in its products."),
    "serve": ("eb_prefect.cli.serve:serve_", "Serve a broker as an IVOA Execution Broker."),
    "session": ("provenance.cli.session:session", "Tell how a session is now."),
    "show": ("provenance.cli.show:show", "Show how a product was made, and whether it is still that."),
    "sign": ("provenance.cli.sign:sign_", "Sign the record of a product of yours."),
    "validate": ("provenance.cli.validate:validate", "Tell whether a document or a record is valid PROV."),
}


class Commands(click.Group):
    """Commands by name; other packages add theirs by entry points named ``eb.commands``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names, in order."""
        return sorted({**COMMANDS, **_added()})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the command's module and return the command."""
        target = COMMANDS[cmd_name][0] if cmd_name in COMMANDS else _added().get(cmd_name)
        if target is None:
            return None
        module, _, attribute = target.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def make_context(self, *given: Any, **options: Any) -> click.Context:
        """Read the command line; --help and --version are answered here."""
        with _readers():
            return super().make_context(*given, **options)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        with _readers():
            return super().invoke(ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing our own commands."""
        texts = {name: text for name, (_, text) in COMMANDS.items()}
        for name in _added():
            command = self.get_command(ctx, name)
            texts[name] = command.get_short_help_str(limit=70) if command else ""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(texts.items()))


@contextmanager
def _readers() -> Iterator[None]:
    """End as if interrupted when nobody reads any more; the code that click has means something else here."""
    try:
        yield
    except BrokenPipeError as gone:
        raise click.exceptions.Exit(Exit.INTERRUPTED) from gone


def _added() -> dict[str, str]:
    # not at the top: looking through all installed packages takes longer than most commands
    from importlib.metadata import entry_points  # noqa: PLC0415 -- see above

    return {point.name: point.value for point in entry_points(group="eb.commands")}


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="eb-prefect")
def eb() -> None:
    """Run steps where the data is, and run them again from what they made."""


def main() -> None:
    """Run the command line; an error that its user can mend is a paragraph, not a traceback."""
    try:
        code = _code()
        sys.stdout.flush()
    except BrokenPipeError:
        _close_stdout()
        code = Exit.INTERRUPTED
    except OSError as reason:  # what it had to say found no room
        _close_stdout()
        click.echo(f"eb: {plain(reason)}", err=True)
        code = Exit.WRONG
    sys.exit(code)


def _code() -> int:
    try:
        return eb(standalone_mode=False) or Exit.DONE
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else Exit.DONE
    except click.ClickException as wrong:
        wrong.show()
        _tell_programs(wrong, wrong.format_message())
        return wrong.exit_code
    except (click.Abort, KeyboardInterrupt):
        return Exit.INTERRUPTED
    except (EBError, ProvenanceError) as error:
        click.echo("\n".join(map(plain, f"eb: {error}".split("\n"))), err=True)
        _tell_programs(error, str(error))
        return exit_of(error)


def _tell_programs(error: Exception, message: str) -> None:
    if "--json" in sys.argv:
        faults = error.faults if isinstance(error, InvalidDocumentError) else ()
        told = {"type": type(error).__name__, "message": message}
        click.echo(json.dumps({"error": {**told, "faults": [fault._asdict() for fault in faults]}}))


def _close_stdout() -> None:
    """Let the interpreter's last flush go nowhere: nobody reads."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

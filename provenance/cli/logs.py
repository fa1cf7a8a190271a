# SPDX-License-Identifier: Apache-2.0
"""`eb logs`."""

import sys

import click

from eb_prefect.brokers.named import broker_named
from eb_prefect.outputs import stream
from provenance.cli.options import where_option


@click.command()
@click.argument("session")
@where_option
@click.option("--stderr", "name", flag_value="stderr", help="What it wrote to standard error instead.")
def logs(session: str, brokers: tuple[str, ...], name: str | None) -> None:
    """Write what SESSION wrote to standard output, as far as its broker has it.

    Example: eb logs 3c1b9f5e-6f0e-4a53-9d0e-0a8f4f1c2b11 --stderr
    """
    there = broker_named(*brokers)
    for piece in stream(there, there.session(session), name or "stdout"):
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()

# SPDX-License-Identifier: Apache-2.0
"""`eb show`, which starts quickly: it reads a record as plain JSON and needs no model."""

import json
from pathlib import Path
from typing import Any

import click

from provenance.cli.exits import Exit
from provenance.cli.options import product_argument
from provenance.ladder import climb
from provenance.products.found import Binding, Found
from provenance.report import report, signature


@click.command()
@product_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(file: Path, as_json: bool) -> None:
    """Show how FILE was made, and whether it is still what was recorded.

    Needs nothing but the file. Ends with 6 if data were changed since.

    Example: eb show catalogue.fits
    """
    found = climb(file)
    click.echo(json.dumps(as_object(found), indent=2) if as_json else "\n".join(report(found)))
    if found.binding is Binding.TAMPERED:
        raise SystemExit(Exit.TAMPERED)


def as_object(found: Found) -> dict[str, Any]:
    """Return what was found as plain JSON."""
    return {
        "path": found.path,
        "binding": found.binding,
        "found": found.rung,
        "place": found.place,
        "digest": found.digest,
        "signature": signature(found)[1],
        "parts": [part._asdict() for part in found.parts],
        "faults": [fault._asdict() for fault in found.faults],
        "record": found.record,
    }

# SPDX-License-Identifier: Apache-2.0
"""`eb offers`."""

import json
from typing import Any, BinaryIO

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from eb_prefect.choice import table
from eb_prefect.choice.amounts import Told
from eb_prefect.choice.ask import ask
from eb_prefect.choice.asked import Asked
from eb_prefect.choice.candidate import Candidate
from eb_prefect.choice.policies import untold as untold_by
from eb_prefect.choice.quantity import Kind, kind_of, quantity_text
from eb_prefect.wire.document import read_request
from provenance.cli.chosen import Wish
from provenance.cli.exits import Exit, exit_of
from provenance.cli.options import choice_options, edit_options, json_option
from provenance.cli.run import edited, usable
from provenance.plain import plain


@click.command()
@click.argument("request", type=click.File("rb"))
@choice_options
@edit_options
@json_option
def offers(
    request: BinaryIO,
    brokers: tuple[str, ...],
    policy: str,
    where: tuple[str, ...],
    settings: tuple[str, ...],
    inputs: tuple[str, ...],
    as_json: bool,
) -> None:
    """Ask brokers what they offer for REQUEST (a file, or - for standard input), and compare.

    Nothing is run, and offers that nobody accepts expire. The best by the
    policy comes first and is marked; it is what eb run would take. Ends with
    0 if there is an offer that meets the constraints, 3 if not, 4 if no
    broker gave an answer.

    Example: eb offers smooth.yaml --broker spsrc,chsrc --policy cheapest --where 'start <= PT1H'
    """
    wish = Wish.of(brokers, policy, where)
    wanted = usable(edited(read_request(request.read()), settings, inputs))
    asked = ask(wish.places, wanted).meeting(wish.constraints).ranked(wish.policy)
    click.echo(json.dumps(_object(asked))) if as_json else _show(asked, wish)
    raise SystemExit(Exit.DONE if asked.candidates else exit_of(asked.trouble()))


def _show(asked: Asked, wish: Wish) -> None:
    """Print a table: one that fits on a terminal, and one of plain aligned text elsewhere."""
    names = ("", "broker", "offer", *table.columns(asked.candidates))
    cells = [_cells(asked, candidate, n) for n, candidate in enumerate(asked.candidates)]
    console = Console(highlight=False)
    if cells and console.is_terminal:
        console.print(_rich(names, cells))
    elif cells:
        click.echo("\n".join(_aligned([names, *cells])))
    untold = untold_by(asked.candidates, wish.policy) if asked.candidates else ()
    missing = (f"no offer tells of {name}, so the policy compares by something else" for name in untold)
    reasons = (f"no offer: {reason}" for reason in asked.reasons())
    for text in table.said_of(
        asked.candidates, (*asked.distinctions(), *missing, *asked.remarks(), *reasons)
    ):
        click.echo(plain(text))


def _cells(asked: Asked, candidate: Candidate, number: int) -> tuple[str, ...]:
    cells = table.row(candidate, table.columns(asked.candidates), asked.at).values()
    return ("" if number else "*", *map(plain, cells))


def _rich(names: tuple[str, ...], cells: list[tuple[str, ...]]) -> Table:
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        shown.add_column(Text(plain(name)))
    for n, row in enumerate(cells):
        shown.add_row(*map(Text, row), style="" if n else "green")
    return shown


def _aligned(lines: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [[text.ljust(width) for text, width in zip(line, widths, strict=True)] for line in lines]
    return ["  ".join(line).rstrip() for line in padded]


def _object(asked: Asked) -> dict[str, Any]:
    return {
        "offers": [_offer(candidate) for candidate in asked.candidates],
        "remarks": list(asked.remarks()),
        "unmet": [{**_named(each.candidate), "reasons": each.reasons} for each in asked.unmet],
        "refusals": [{"broker": each.name, "reasons": each.reasons} for each in asked.refusals],
        "failures": [
            {"broker": each.name, "type": type(each.error).__name__, "message": str(each.error)}
            for each in asked.failures
        ],
    }


def _named(candidate: Candidate) -> dict[str, Any]:
    return {"broker": candidate.name, "number": candidate.number, "session": candidate.offer.uuid}


def _offer(candidate: Candidate) -> dict[str, Any]:
    tells = {name: _told(name, told) for name, told in candidate.tells.items()}
    return {**_named(candidate), "identity": candidate.broker.neutral(), "tells": tells}


def _told(name: str, told: Told) -> dict[str, Any]:
    number = kind_of(name) is Kind.NUMBER
    low, high = (end if number else quantity_text(name, end) for end in (told.low, told.high))
    return {"min": low, "max": high, **({"description": told.description} if told.description else {})}

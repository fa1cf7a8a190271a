# SPDX-License-Identifier: Apache-2.0
"""`eb check`."""

import json
from typing import Any, BinaryIO, NoReturn

import click

from eb_prefect.cli.source import FAULTS, document_argument, exit_code, lines, name_of, refuse, text_of
from eb_prefect.diagnosis import Diagnosis, diagnose
from eb_prefect.errors import Fault, InvalidDocumentError
from eb_prefect.wire.recognise import DocumentType


@click.command()
@document_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def check(document: BinaryIO, as_json: bool) -> None:  # noqa: FBT001 -- click's way
    """Tell what DOCUMENT is and every fault in it; - is standard input.

    DOCUMENT is a request, an offer set, a session or an update of any
    dialect, in JSON or YAML. Ends with 0 if it has no fault, 1 if it has, 2
    if it can't be read.

    Example: eb check request.yaml
    """
    try:
        found = diagnose(text_of(document))
    except InvalidDocumentError as broken:
        _refuse(name_of(document), broken, as_json=as_json)
    click.echo(json.dumps(_object(found), indent=2) if as_json else _report(name_of(document), found))
    if found.faults:
        raise SystemExit(FAULTS)


def _refuse(name: str, broken: InvalidDocumentError, *, as_json: bool) -> NoReturn:
    if not as_json:
        refuse(name, broken)
    click.echo(json.dumps({"document": None, "dialect": None, "faults": _list(broken.faults)}, indent=2))
    raise SystemExit(exit_code(broken))


def _object(found: Diagnosis) -> dict[str, Any]:
    return {
        "document": found.recognised.document,
        "dialect": found.recognised.dialect,
        "reasons": found.recognised.reasons,
        "faults": _list(found.faults),
        "warnings": _list(found.warnings),
    }


def _list(faults: tuple[Fault, ...]) -> list[dict[str, str]]:
    return [fault._asdict() for fault in faults]


def _report(name: str, found: Diagnosis) -> str:
    dialect = f" of dialect {found.recognised.dialect}" if found.recognised.dialect else ""
    what = f"{name}: {found.recognised.document}{dialect}"
    because = [f"  because {reason}" for reason in found.recognised.reasons]
    told = [*lines(found.faults, "fault    "), *lines(found.warnings, "warning  ")]
    return "\n".join([what, *because, *told, _summary(found)])


def _summary(found: Diagnosis) -> str:
    if found.recognised.document is DocumentType.SERVER_ERROR:
        return "A server's error tells no more than this; check the request that it answers."
    if not found.faults:
        return "No fault." if not found.warnings else f"No fault; {_count(found.warnings, 'warning')}."
    return f"{_count(found.faults, 'fault')}, {_count(found.warnings, 'warning')}."


def _count(faults: tuple[Fault, ...], noun: str) -> str:
    return f"{len(faults)} {noun}{'' if len(faults) == 1 else 's'}"

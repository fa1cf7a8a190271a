# SPDX-License-Identifier: Apache-2.0
"""`eb show`, which starts quickly: it reads a record as plain JSON and needs no model."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from provenance.cli.exits import Exit
from provenance.cli.options import product_argument
from provenance.cli.plain import plain, short_digest, size_text
from provenance.products.extract import extract
from provenance.products.found import Binding, Found


@click.command()
@product_argument
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def show(file: Path, as_json: bool) -> None:
    """Show how FILE was made, and whether it is still what was recorded.

    Needs nothing but the file. Ends with 6 if data were changed since.

    Example: eb show catalogue.fits
    """
    found = extract(file)
    click.echo(json.dumps(as_object(found), indent=2) if as_json else "\n".join(_report(found)))
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
        "parts": [part._asdict() for part in found.parts],
        "faults": [fault._asdict() for fault in found.faults],
        "record": found.record,
    }


def _report(found: Found) -> Iterator[str]:
    yield f"{plain(found.path)}: {found.binding}, by the record in {plain(found.place)}"
    for label, text in (*_story(found), *_content(found)):
        yield f"  {label:<9} {text}"
    yield f"  {'again':<9} eb rerun {plain(found.path)}"


def _story(found: Found) -> Iterator[tuple[str, str]]:
    record = found.record
    session = _mapping(record.get("session"))
    yield "step", f"{plain(record.get('name'))}: {plain(session.get('phase'))}"
    yield from _times(_mapping(session.get("outcome")))
    broker = _mapping(record.get("broker"))
    yield "broker", " ".join(plain(broker[key]) for key in ("name", "url") if key in broker)
    yield "session", plain(session.get("uuid"))
    yield from _executable(_mapping(_mapping(record.get("request")).get("executable")))
    for given in _mappings(record.get("inputs")):
        yield "input", _input(given)
    for made in _mappings(record.get("products")):
        this = ", this file" if made == found.product else ""
        yield "product", f"{plain(made.get('name'))} ({size_text(made.get('size'))}{this})"
    yield from _link(_mapping(record.get("based_on")))
    if missing := _list(record.get("missing")):
        yield "not known", plain(", ".join(map(str, missing)))
    yield "record", plain(found.digest)


def _times(outcome: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "started" in outcome:
        yield "ran", f"{plain(outcome['started'])} to {plain(outcome.get('ended', 'an unknown time'))}"
    used = []
    if "exit_code" in outcome:
        used.append(f"exit code {plain(outcome['exit_code'])}")
    if "cpu_seconds" in outcome:
        used.append(f"{plain(outcome['cpu_seconds'])} s of CPU")
    if "peak_memory" in outcome:
        used.append(f"{size_text(outcome['peak_memory'])} of memory")
    if used:
        yield "used", ", ".join(used)


def _executable(executable: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "kind", plain(executable.get("kind", "not known"))
    image = _mapping(executable.get("image"))
    if image:
        yield (
            "image",
            plain(f"{', '.join(map(str, _list(image.get('locations'))))} {image.get('digest', '')}"),
        )
    if "location" in executable:
        yield "location", plain(executable["location"])
    if command := _list(executable.get("command")):
        yield "command", plain(shlex.join(map(str, command)))
    for field in ("environment", "parameters"):
        for key, value in _mapping(executable.get(field)).items():
            yield "with", plain(f"{key}={value}")


def _input(given: dict[str, Any]) -> str:
    text = f"{plain(given.get('name'))} {plain(given.get('location', ''))}"
    checksum = _mapping(given.get("checksum"))
    if checksum:
        text += f" {plain(checksum.get('type'))} {short_digest(checksum.get('value'))}"
    maker = _mapping(given.get("made_by"))
    return f"{text}, made by {short_digest(maker.get('record'))}" if maker else text


def _link(link: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if link:
        yield "reruns", f"{plain(link.get('record'))} ({plain(link.get('verb'))})"
    for change in _mappings(link.get("patch")):
        yield "changed", plain(f"{change.get('op')} {change.get('path')} {change.get('value', '')}")


def _content(found: Found) -> Iterator[tuple[str, str]]:
    for part in (*found.parts, *found.faults):
        reason = f": {part.reason}" if part.reason else ""
        yield "content", plain(f"{part.name} {part.binding}{reason}")


def _mapping(given: Any) -> dict[str, Any]:
    """Return a mapping whatever a stranger's record has in that place."""
    return given if isinstance(given, dict) else {}


def _list(given: Any) -> list[Any]:
    return given if isinstance(given, list) else []


def _mappings(given: Any) -> list[dict[str, Any]]:
    return [_mapping(item) for item in _list(given)]

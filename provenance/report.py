# SPDX-License-Identifier: Apache-2.0
"""What there is to say of a record that was found, in lines of text.

It is read as plain JSON, which any stranger may have written, and needs no model.
"""

import shlex
from collections.abc import Iterator
from itertools import groupby
from typing import Any

from provenance.plain import plain, short_digest, size_text
from provenance.products.found import Found
from provenance.strangers import items, mapping, mappings
from provenance.used import used

_NAMED = 8
"""Parts in the same state that are named one by one."""


def report(found: Found) -> Iterator[str]:
    """Yield what there is to say of a record, line by line."""
    yield f"{plain(found.path)}: {found.binding}, by the record in {plain(found.place)}"
    for label, text in (*story(found), *content(found)):
        yield f"  {label:<9} {text}"
    yield f"  {'again':<9} eb rerun {plain(found.path)}"


def signature(found: Found) -> tuple[str, dict[str, Any]]:
    """Return who signed the record, in words and as plain JSON."""
    if not found.signatures:
        return "unsigned", {"trust": "unsigned"}
    from provenance.witness import witness  # noqa: PLC0415 -- only what is signed pays for it

    who = witness(found)
    return str(who), who.neutral()


def story(found: Found) -> Iterator[tuple[str, str]]:
    """Yield how the file was made, each line with what it is about."""
    record = found.record
    session = mapping(record.get("session"))
    yield "signature", plain(signature(found)[0])
    yield "step", f"{plain(record.get('name'))}: {plain(session.get('phase'))}"
    yield from _times(mapping(session.get("outcome")))
    broker = mapping(record.get("broker"))
    yield "broker", " ".join(plain(broker[key]) for key in ("name", "url") if key in broker)
    yield "session", plain(session.get("uuid"))
    yield from _executable(mapping(mapping(record.get("request")).get("executable")))
    for given in mappings(record.get("inputs")):
        yield "input", _input(given)
    for made in mappings(record.get("products")):
        this = ", this file" if made == found.product else ""
        yield "product", f"{plain(made.get('name'))} ({size_text(made.get('size'))}{this})"
    yield from _link(mapping(record.get("based_on")))
    if missing := items(record.get("missing")):
        yield "not known", plain(", ".join(map(str, missing)))
    yield "record", plain(found.digest)


def _times(outcome: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if "started" in outcome:
        yield "ran", f"{plain(outcome['started'])} to {plain(outcome.get('ended', 'an unknown time'))}"
    yield from used(outcome)


def _executable(executable: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "kind", plain(executable.get("kind", "not known"))
    image = mapping(executable.get("image"))
    if image:
        yield (
            "image",
            plain(f"{', '.join(map(str, items(image.get('locations'))))} {image.get('digest', '')}"),
        )
    if "location" in executable:
        yield "location", plain(executable["location"])
    if command := items(executable.get("command")):
        yield "command", plain(shlex.join(map(str, command)))
    for field in ("environment", "parameters"):
        for key, value in mapping(executable.get(field)).items():
            yield "with", plain(f"{key}={value}")


def _input(given: dict[str, Any]) -> str:
    text = f"{plain(given.get('name'))} {plain(given.get('location', ''))}"
    checksum = mapping(given.get("checksum"))
    if checksum:
        text += f" {plain(checksum.get('type'))} {short_digest(checksum.get('value'))}"
    maker = mapping(given.get("made_by"))
    return f"{text}, made by {short_digest(maker.get('record'))}" if maker else text


def _link(link: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if link:
        yield "reruns", f"{plain(link.get('record'))} ({plain(link.get('verb'))})"
    for change in mappings(link.get("patch")):
        yield "changed", plain(f"{change.get('op')} {change.get('path')} {change.get('value', '')}")


def content(found: Found) -> Iterator[tuple[str, str]]:
    """Yield what became of each part of the file; of many that are alike, how many."""
    for (binding, reason), alike in groupby((*found.parts, *found.faults), lambda part: part[1:]):
        names = [part.name for part in alike]
        if len(names) > _NAMED:
            names = [f"{names[0]}, {names[1]}, ... {names[-1]}, {len(names)} parts:"]
        for name in names:
            yield "content", plain(f"{name} {binding}{f': {reason}' if reason else ''}")

# SPDX-License-Identifier: Apache-2.0
"""What a document's own dialect forbids and this reader forgives."""

import re
from collections.abc import Iterator
from typing import Any

from eb_prefect.errors import Fault
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.faults import Steps, path_text
from eb_prefect.wire.recognise import DocumentType, Recognised

_PARTS = ("executable", "compute", "computer", "storage", "volumes", "data")
_DOUBLED_SLASH = re.compile(r"[^:]//")


def form_doubts(document: Any, recognised: Recognised) -> Iterator[Fault]:
    """Yield what a server of the document's dialect would refuse it for."""
    if recognised.strangers:
        others = " and ".join(recognised.strangers)
        yield Fault("", f"mixes kinds of {recognised.dialect} with those of {others}; brokers refuse the mix")
    if recognised.document is not DocumentType.REQUEST or recognised.dialect is Dialect.NEUTRAL:
        return
    for steps, part in _parts(document, ()):
        uri = part.get("kind", part.get("type"))
        if uri is None:
            yield Fault(
                path_text((*steps, "kind")), f"is missing; brokers of {recognised.dialect} answer 400"
            )
        elif _DOUBLED_SLASH.search(str(uri)):
            yield Fault(path_text((*steps, "kind")), f"is {uri} with a doubled slash; brokers answer 400")


def _parts(document: dict[str, Any], at: Steps) -> Iterator[tuple[Steps, dict[str, Any]]]:
    for key in _PARTS:
        given = document.get(key)
        if isinstance(given, dict):
            yield (*at, key), given
            yield from _parts(given, (*at, key))
        elif isinstance(given, list):
            yield from (((*at, key, n), part) for n, part in enumerate(given) if isinstance(part, dict))

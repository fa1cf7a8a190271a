# SPDX-License-Identifier: Apache-2.0
"""JSON and instants without the modules that are slow to import."""

import time
from _json import encode_basestring_ascii, make_scanner


class _Context:
    strict = False
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = float
    memo: dict[str, str] = {}  # noqa: RUF012 - the scanner wants it, and empties it itself


scan = make_scanner(_Context())  # type: ignore[arg-type]  # any object with these attributes will do
"""Return the value that starts at an index of a JSON text, and the index of its end.

Raises StopIteration or ValueError where there is none.
"""


def dumps(given: object) -> str:
    """Return JSON of dictionaries, lists, tuples, strings, numbers, booleans and None.

    Keys become strings, as JSON has no others.
    """
    if isinstance(given, str):
        return encode_basestring_ascii(given)
    if given is None:
        return "null"
    if isinstance(given, bool):
        return "true" if given else "false"
    if isinstance(given, dict):
        return "{" + ", ".join(f"{dumps(str(key))}: {dumps(item)}" for key, item in given.items()) + "}"
    if isinstance(given, list | tuple):
        return "[" + ", ".join(map(dumps, given)) + "]"
    return repr(given)


def instant(moment: float | None = None) -> str:
    """Return a moment, or now, in UTC to the microsecond."""
    moment = time.time() if moment is None else moment
    micros = round(moment % 1 * 1_000_000)
    moment, micros = (moment + 1, 0) if micros == 1_000_000 else (moment, micros)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(int(moment))) + f".{micros:06d}Z"

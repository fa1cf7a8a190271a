# SPDX-License-Identifier: Apache-2.0
"""A batch system's own options, as psij takes them."""

import re
from collections.abc import Iterator, Mapping, Sequence

from eb_prefect.brokers.batch.scheduler import SubmissionRefusedError

_SAFE = re.compile(r"[\w@%+=:,./-]*", re.ASCII)  # anything else psij quotes, and the quotes arrive


def attributes(system: str, options: Sequence[str]) -> Mapping[str, str]:
    """Return psij's custom attributes for options as on a command line.

    Raises
    ------
    SubmissionRefusedError
        One has what psij does not hand over unchanged.
    """
    return {f"{system}.{key}": value for key, value in _pairs(options)}


def _pairs(options: Sequence[str]) -> Iterator[tuple[str, str]]:
    words = list(options)
    while words:
        word = words.pop(0)
        key, equals, value = word.lstrip("-").partition("=")
        if not equals and words and not words[0].startswith("-"):
            value = words.pop(0)
        if not (word.startswith("-") and key and _SAFE.fullmatch(key) and _SAFE.fullmatch(value)):
            raise SubmissionRefusedError(f"psij can't hand over the option {f'{word} {value}'.strip()!r}")
        yield key, value

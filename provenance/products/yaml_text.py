# SPDX-License-Identifier: Apache-2.0
"""YAML that is read event by event and written as text: no alias is followed, no value is made."""

import json
from collections.abc import Iterator
from typing import Any

_DEPTH = 100


class RefusedYAML(Exception):  # noqa: N818 -- it never leaves the format
    """The text is no YAML that can be read."""


def events(text: str) -> Iterator[Any]:
    """Yield the parser's events.

    Raises
    ------
    RefusedYAML
        It is no YAML, or nested too deep.
    """
    import yaml  # noqa: PLC0415 -- only files with YAML in them need it, and `eb show` starts without

    depth = 0
    try:
        for event in yaml.parse(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader)):
            depth += isinstance(event, yaml.CollectionStartEvent)
            depth -= isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEPTH:
                raise RefusedYAML(f"its YAML is nested deeper than {_DEPTH}")
            yield event
    except (yaml.YAMLError, ValueError, RecursionError) as reason:
        line = " ".join(str(reason).split())
        raise RefusedYAML(f"its YAML can't be read: {line[:300]}") from reason


def quoted(text: str) -> str:
    """Return the text as one scalar on one line."""
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text).replace("\x7f", "\\x7f")

# SPDX-License-Identifier: Apache-2.0
"""Take out what nobody else should read, before a record or a report goes anywhere.

A value is secret by the name it goes under (``API_TOKEN``, ``password``,
``--secret=...``), as a password or signature inside a URL, or by its own
looks (`eb_prefect.shapes`): tokens, private keys, headers that authorise.
A secret of eight characters or more is taken out wherever else it stands, too.
"""

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from eb_prefect.shapes import secrets_in, without_secrets

REDACTED = "[redacted]"

_NAME = re.compile(
    r"token|secret|passw|passphrase|credential|signature|cookie|authori[sz]ation|api_?key|private"
    r"|(?:^|[_.-])(?:\w*key|auth|pwd|pat)(?:$|[_.-])",
    re.IGNORECASE,
)
# in a URL only: a SIG is a sigma elsewhere
_QUERY_NAME = re.compile(r"sig|authz|jwt|pw|pass|ticket|macaroon|hdnts?", re.IGNORECASE)
_PUBLIC = re.compile(r"public_?key", re.IGNORECASE)
_OPTION = re.compile(r"-{0,2}(?P<name>[\w.-]+)=(?P<value>.+)", re.DOTALL)
_QUERY = re.compile(r"(?<=[?&;#])(?P<name>[\w.-]+)=(?P<value>[^&;#\s\"']+)")
_SPREAD_FROM = 8


class Redaction(NamedTuple):
    """A document without its secrets, and the texts that had some, by JSON Pointer."""

    document: Any
    taken: dict[str, str]


def is_secret(name: str) -> bool:
    """Whether what goes under the name is not for others to read."""
    return bool(_NAME.search(name)) and not _PUBLIC.search(name)


def redacted(document: Any) -> Redaction:
    """Return the JSON document without its secrets; done twice it is the same."""
    found = [(path, value) for path, value in _secrets(document, "") if value != REDACTED]
    if not found:
        return Redaction(document, {})
    values = sorted({value for _, value in found if len(value) >= _SPREAD_FROM}, key=len, reverse=True)
    taken: dict[str, str] = {}
    clean = _without(document, "", dict(found), values, taken)
    if clean == document:
        return Redaction(document, {})
    # what is left may look like a secret only now; each turn leaves less of it
    again = redacted(clean)
    return Redaction(again.document, again.taken | taken)


def _secrets(item: Any, path: str) -> Iterator[tuple[str, str]]:
    """Yield the pointer and the text of every secret; of a string that holds several, each."""
    match item:
        case dict():
            yield from _patched(item, path)
            for key, value in item.items():
                below = f"{path}/{_escaped(key)}"
                if isinstance(value, str) and value and is_secret(key):
                    yield below, value
                else:
                    yield from _secrets(value, below)
        case list():
            for at, value in enumerate(item):
                before = item[at - 1] if at else None
                if isinstance(value, str) and _announces(before):
                    yield f"{path}/{at}", value
                else:
                    yield from _secrets(value, f"{path}/{at}")
        case str():
            yield from ((path, value) for value in _inside(item))
        case _:
            return


def _signs(name: str) -> bool:
    """Whether a name in the query of a URL is that of a secret."""
    return is_secret(name) or bool(_QUERY_NAME.fullmatch(name))


def _announces(word: Any) -> bool:
    return isinstance(word, str) and word.startswith("--") and "=" not in word and is_secret(word)


def _patched(item: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Yield the value of a JSON Patch operation on something secret."""
    where, value = item.get("path"), item.get("value")
    if "op" in item and isinstance(where, str) and isinstance(value, str):
        name = where.rpartition("/")[2]
        if value and is_secret(name):
            yield f"{path}/value", value


def _inside(text: str) -> Iterator[str]:
    option = _OPTION.fullmatch(text)
    if option and is_secret(option["name"]):
        yield option["value"]
        return
    yield from secrets_in(text)
    if "://" in text:
        yield from (match["value"] for match in _QUERY.finditer(text) if _signs(match["name"]))


def _without(item: Any, path: str, found: dict[str, str], values: list[str], taken: dict[str, str]) -> Any:
    match item:
        case dict():
            return {
                key: value
                if key == "kind"
                else _without(value, f"{path}/{_escaped(key)}", found, values, taken)
                for key, value in item.items()
            }
        case list():
            return [_without(value, f"{path}/{at}", found, values, taken) for at, value in enumerate(item)]
        case str():
            clean = _clean(item, found.get(path), values)
            if clean != item:
                taken.setdefault(path, item)
            return clean
        case _:
            return item


def _clean(text: str, own: str | None, values: list[str]) -> str:
    if own == text:
        return REDACTED
    for value in values:
        text = text.replace(value, REDACTED)
    text = _OPTION.sub(_hidden, text) if _OPTION.fullmatch(text) else text
    text = _QUERY.sub(_hidden, text) if "://" in text else text
    return without_secrets(text, REDACTED)


def _hidden(match: re.Match[str]) -> str:
    named = match.groupdict().get("name")
    if named is not None and not (is_secret(named) if match.re is _OPTION else _signs(named)):
        return match[0]
    start = match.start("value") - match.start()
    return match[0][:start] + REDACTED


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")

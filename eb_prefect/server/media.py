# SPDX-License-Identifier: Apache-2.0
"""Which form a client wants, and which it sends.

Brokers consume and produce ``application/json`` and ``application/yaml``.
The older names of YAML are understood too; XML, which the schema names, is not.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from eb_prefect.server.refusal import Refusal
from eb_prefect.wire.text import Format, to_text


class Media(NamedTuple):
    """A form, and the name by which the client asked for it."""

    form: Format
    name: str

    def text(self, document: Any) -> bytes:
        """Return the document in this form."""
        return to_text(document, self.form).encode()


JSON = Media("json", "application/json")
YAML = Media("yaml", "application/yaml")

_SENT = {
    media.name: media
    for media in (JSON, YAML, *(Media("yaml", name) for name in ("text/yaml", "application/x-yaml")))
}
_WANTED = {**_SENT, "*/*": JSON, "application/*": JSON, "text/*": _SENT["text/yaml"]}
_CHOICE = f"{JSON.name} or {YAML.name}"


def wanted(accept: str | None) -> Media:
    """Return what to answer in: JSON, where the client leaves it to the server.

    Raises
    ------
    Refusal
        It accepts neither JSON nor YAML (406).
    """
    if not (accept or "").strip():
        return JSON
    ranges = dict(_ranges(accept or ""))
    for name, weight in sorted(ranges.items(), key=lambda each: -each[1]):
        media = _WANTED.get(name)
        if media and weight > 0 and ranges.get(media.name, 1) > 0:
            return media
    raise Refusal(406, f"this server answers in {_CHOICE}, and Accept is {accept!r}")


def sent(content_type: str | None) -> Media:
    """Return what the client says that it sends.

    Raises
    ------
    Refusal
        It is neither JSON nor YAML, or it does not say (415). Pages of other
        sites can make a browser send that, and nothing else, without asking.
    """
    name = (content_type or "").partition(";")[0].strip().lower()
    if name not in _SENT:
        said = f"Content-Type is {content_type!r}" if content_type else "there is no Content-Type"
        raise Refusal(415, f"send a document as {_CHOICE}; {said}")
    return _SENT[name]


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for each in accept.split(","):
        name, *parameters = (part.strip().lower() for part in each.split(";"))
        yield name, min((_weight(each) for each in parameters if each.startswith("q=")), default=1.0)


def _weight(parameter: str) -> float:
    try:
        return float(parameter.removeprefix("q="))
    except ValueError:
        return 0.0

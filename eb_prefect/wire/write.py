# SPDX-License-Identifier: Apache-2.0
"""The neutral form to documents of dialects A, B1 and B2.

B1 is written as its last form was (25 March to 1 June 2026): mounts of one
resource within compute, and a command.
"""

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from eb_prefect.errors import Fault, NotExpressibleError
from eb_prefect.model.parts import Update
from eb_prefect.model.unknown import unknown_fields
from eb_prefect.model.value import Value
from eb_prefect.wire.dialect import Dialect, kind_uri
from eb_prefect.wire.faults import Steps, path_text
from eb_prefect.wire.gaps import Gap, components, gaps
from eb_prefect.wire.recognise import DocumentType
from eb_prefect.wire.volumes import mounts, named

_WHOLE = re.compile(r"-?[0-9]{1,40}")
_META = ("uuid", "name", "description", "url", "created", "modified", "messages", "options")
_SESSION_KINDS = {
    Dialect.A: "session/execution-session-response",
    Dialect.B1: "session/scheduled-execution-session",
    Dialect.B2: "session/scheduled-execution-session",
}
_ANY_SESSION = {"", "session/simple-execution-session", *_SESSION_KINDS.values()}
_OFFER_SET_KINDS = {
    Dialect.A: "offerset/offerset-response",
    Dialect.B1: "offerset/execution-offerset",
    Dialect.B2: "offerset/execution-offerset",
}


@dataclass(frozen=True)
class Style:
    """How a document is written, and what the writer may do to it.

    ``inline_volumes`` writes A as the seed did. ``lossy`` allows what changes
    the form and not what runs: in B, one mount for each resource of a CONTAINER
    volume, and the name and description of a request given to its executable,
    or left out where that has its own. ``drop`` names fields, such as ``outcome`` or
    ``executable.command``, to be left out where the dialect has no place for
    them. ``keep_unknown`` writes fields that the model does not know.
    """

    inline_volumes: bool = False
    lossy: bool = False
    drop: frozenset[str] = frozenset()
    keep_unknown: bool = False


PLAIN = Style()


class Written(NamedTuple):
    """A document, and what was changed or left out to write it, for a person to read."""

    document: dict[str, Any]
    notes: tuple[str, ...]


def write(value: Value, what: DocumentType, dialect: Dialect, style: Style = PLAIN) -> Written:
    """Return the value as a document of the dialect.

    Raises
    ------
    NotExpressibleError
        The dialect has no place for some of it; every such field is named,
        and nothing was written.
    """
    if isinstance(value, Update):
        return Written(write_update(value, dialect), ())
    if dialect is Dialect.NEUTRAL:
        return Written(value.neutral(), ())
    if dialect is Dialect.A0:
        raise NotExpressibleError(dialect, [Fault("", "A0 is only read; write A")])
    return _Writer(dialect, style).write(value, what)


def write_update(update: Update, dialect: Dialect) -> dict[str, Any]:
    """Return the update as the dialect has it: A wraps it."""
    document = update.neutral()
    value = update.value or ""
    if update.kind.endswith("integer-value-update") and _WHOLE.fullmatch(value):
        document["value"] = int(value)
    if dialect is not Dialect.A:
        return {"kind": document.pop("kind")} | document
    return {"update": {"type": document.pop("kind")} | document}


@dataclass
class _Writer:
    dialect: Dialect
    style: Style
    gaps: list[Gap] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_b(self) -> bool:
        return self.dialect is not Dialect.A

    def write(self, value: Value, what: DocumentType) -> Written:
        document = copy.deepcopy(value.neutral())
        self.make_room(document, what)
        self.gaps.extend(gaps(document, what, self.dialect))
        if not self.style.keep_unknown:
            reason = "is unknown to all dialects"
            self.gaps.extend(Gap(steps, reason) for steps, _ in unknown_fields(value))
        self.drop(document)
        self.convert_volumes(document)
        if self.gaps:
            faults = [Fault(path_text(gap.steps), gap.reason) for gap in self.gaps]
            raise NotExpressibleError(self.dialect, faults)
        return Written(self.shaped(document, what), tuple(self.notes))

    def make_room(self, document: dict[str, Any], what: DocumentType) -> None:
        """Move what the dialect has elsewhere."""
        if what is DocumentType.REQUEST and self.is_b and self.style.lossy:
            self.give_to_executable(document)
        for part in (document, *document.get("offers", ())):
            for _, component in components(part):
                _move_checksum(component)

    def give_to_executable(self, document: dict[str, Any]) -> None:
        executable = document.get("executable", {})
        for key in ("name", "description"):
            text = document.pop(key, None)
            if text is None:
                continue
            given = executable.setdefault(key, text) == text
            done = "given to the executable" if given else "left out"
            self.notes.append(f"{key}: {done}; requests of {self.dialect} have none")

    def drop(self, document: dict[str, Any]) -> None:
        for gap in [gap for gap in self.gaps if gap.name in self.style.drop]:
            self.gaps.remove(gap)
            *above, last = gap.steps
            node: Any = document
            for step in above:
                node = node[step]
            del node[last]
            self.notes.append(f"{path_text(gap.steps)}: left out; {gap.reason}")

    def convert_volumes(self, document: dict[str, Any]) -> None:
        if not self.is_b and self.style.inline_volumes:
            return
        for n, part in enumerate([document, *document.get("offers", ())]):
            if not part.get("compute", {}).get("volumes"):
                continue
            done = mounts(part, lossy=self.style.lossy) if self.is_b else named(part)
            at: Steps = () if n == 0 else ("offers", n - 1)
            self.gaps.extend(Gap((*at, *gap.steps), gap.reason) for gap in done.gaps)
            self.notes.extend(done.notes)
            part["compute"]["volumes"] = done.volumes

    def shaped(self, document: dict[str, Any], what: DocumentType) -> dict[str, Any]:
        match what:
            case DocumentType.REQUEST:
                return self.request(document)
            case DocumentType.SESSION:
                return self.session(document)
            case DocumentType.OFFER_SET:
                return self.offer_set(document)
            case DocumentType.UPDATE | DocumentType.SERVER_ERROR:
                raise ValueError(f"no {what} is written from a request or session")

    def request(self, document: dict[str, Any]) -> dict[str, Any]:
        return self.parts(document) | self.amounts(document)

    def offer_set(self, document: dict[str, Any]) -> dict[str, Any]:
        document["kind"] = _OFFER_SET_KINDS[self.dialect]
        if "offers" in document:
            document["offers"] = [self.session(offer) for offer in document["offers"]]
        return self.component(document)

    def session(self, document: dict[str, Any]) -> dict[str, Any]:
        document = self.parts(document)
        if document.get("kind", "") in _ANY_SESSION:
            document["kind"] = _SESSION_KINDS[self.dialect]
        if "connectors" in document:
            document["connectors"] = [self.small(connector) for connector in document["connectors"]]
        return self.component(document)

    def parts(self, document: dict[str, Any]) -> dict[str, Any]:
        shaped = dict(document)
        for key in ("executable", "compute"):
            if key in document:
                shaped[key] = self.component(document[key])
        for key in ("storage", "volumes", "data"):
            if key in document:
                shaped[key] = self.components(document[key])
        if "volumes" in shaped.get("compute", {}):
            self.place_volumes(shaped, document["compute"]["volumes"])
        return shaped

    def place_volumes(self, shaped: dict[str, Any], volumes: list[dict[str, Any]]) -> None:
        written = self.components(volumes)
        if self.dialect is not Dialect.A or self.style.inline_volumes:
            shaped["compute"]["volumes"] = written
            return
        shaped["compute"]["volumes"] = [volume["name"] for volume in volumes]
        shaped["volumes"] = [*written, *shaped.get("volumes", ())]

    def components(self, given: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
        return [self.component(component) for component in given]

    def component(self, given: dict[str, Any]) -> dict[str, Any]:
        value = given | self.amounts(given)
        for key in ("messages", "options"):
            if key in value:
                value[key] = [self.small(item) for item in value[key]]
        if self.dialect is Dialect.A:
            return _renamed(self.small(value), "url", "href")
        meta = {key: value.pop(key) for key in _META if key in value} | value.pop("meta", {})
        kind = {"kind": kind_uri(value.pop("kind"), self.dialect)} if "kind" in value else {}
        return kind | ({"meta": meta} if meta else {}) | value

    def small(self, given: dict[str, Any]) -> dict[str, Any]:
        """Return the message, connector or the like with its kind as the dialect has it."""
        if "kind" not in given:
            return given
        key = "type" if self.dialect is Dialect.A else "kind"
        return {key: kind_uri(given["kind"], self.dialect)} | {k: v for k, v in given.items() if k != "kind"}

    def amounts(self, given: dict[str, Any]) -> dict[str, Any]:
        return {
            key: [
                amount | ({"kind": kind_uri(amount["kind"], self.dialect)} if "kind" in amount else {})
                for amount in given[key]
            ]
            for key in ("costs", "metrics")
            if key in given
        }


def _renamed(given: dict[str, Any], old: str, new: str) -> dict[str, Any]:
    return {new if key == old else key: item for key, item in given.items()}


def _move_checksum(component: dict[str, Any]) -> None:
    # of all kinds only SKAO's has a place for a checksum, one level down
    if component.get("kind") != "data/skao-data-resource" or "checksum" not in component:
        return
    terms = component.setdefault("skao", {})
    if terms.setdefault("checksum", component["checksum"]) == component["checksum"]:
        del component["checksum"]

# SPDX-License-Identifier: Apache-2.0
"""Documents of any dialect to the neutral form.

The dialects differ in so few places that one reader takes them all, and
mixtures of them too, which brokers wrote in November 2025: ``type`` for
``kind``, ``href`` for ``url``, ``meta`` for what is flat elsewhere,
``computer`` for ``compute``, volumes by name or in place.
"""

from dataclasses import dataclass, field
from typing import Any

from eb_prefect.errors import Fault
from eb_prefect.wire.dialect import neutral_kind
from eb_prefect.wire.recognise import DocumentType

_META = ("uuid", "name", "description", "url", "created", "modified", "messages", "options")
_FREE = frozenset({"environment", "labels", "parameters", "values"})


@dataclass
class Neutral:
    """A document in the neutral form, and what was wrong with the form it came in."""

    document: Any
    faults: list[Fault] = field(default_factory=list)


def neutral(document: dict[str, Any], what: DocumentType) -> Neutral:
    """Return the neutral form of a document that is known to be ``what``."""
    reader = _Reader([])
    lean = _without_nulls(document)
    match what:
        case DocumentType.REQUEST:
            value = reader.request(lean)
        case DocumentType.OFFER_SET:
            value = reader.offer_set(lean)
        case DocumentType.SESSION:
            value = reader.session(lean, "")
        case DocumentType.UPDATE:
            value = _kind_for_type(lean.get("update", lean))
        case DocumentType.SERVER_ERROR:
            value = lean
    return Neutral(value, reader.faults)


@dataclass
class _Reader:
    faults: list[Fault]

    def request(self, given: dict[str, Any]) -> dict[str, Any]:
        value: dict[str, Any] = self.component(given, "")
        if str(value.get("kind", "")).startswith("offerset/"):
            del value["kind"]
        return self.parts(value, "", is_request=True)

    def offer_set(self, given: dict[str, Any]) -> dict[str, Any]:
        value: dict[str, Any] = self.component(given, "")
        offers = value.get("offers")
        if isinstance(offers, list):
            value["offers"] = [self.session(offer, f"offers[{n}].") for n, offer in enumerate(offers)]
        return value

    def session(self, given: Any, at: str) -> Any:
        value = self.component(given, at)
        if not isinstance(value, dict):
            return value
        _each(value, "connectors", _connector)
        return self.parts(value, at, is_request=False)

    def parts(self, value: dict[str, Any], at: str, *, is_request: bool) -> dict[str, Any]:
        if "computer" in value and "compute" not in value:
            value["compute"] = value.pop("computer")
        for key in ("executable", "compute"):
            if key in value:
                value[key] = self.component(value[key], f"{at}{key}.")
        for key in ("storage", "data"):
            self.components(value, key, at)
        self.volumes(value, at, is_request=is_request)
        return value

    def components(self, value: dict[str, Any], key: str, at: str) -> None:
        if isinstance(value.get(key), list):
            value[key] = [self.component(part, f"{at}{key}[{n}].") for n, part in enumerate(value[key])]

    def component(self, given: Any, at: str) -> Any:
        if not isinstance(given, dict):
            return given
        value = dict(given)
        if isinstance(value.get("meta"), dict):
            self.flatten(value, value.pop("meta"), at)
        if "href" in value and "url" not in value:
            value["url"] = value.pop("href")
        for key in ("messages", "options"):
            _each(value, key, _kind_for_type)
        for key in ("costs", "metrics"):
            _each(value, key, _short_kind)
        return _short_kind(_kind_for_type(value))

    def flatten(self, value: dict[str, Any], meta: dict[str, Any], at: str) -> None:
        for key in _META:
            if key in meta and value.setdefault(key, meta[key]) != meta[key]:
                reason = f"is given twice: {value[key]!r}, and {meta[key]!r} in meta"
                self.faults.append(Fault(f"{at}{key}", reason))
        rest = {key: item for key, item in meta.items() if key not in _META}
        if rest:
            value["meta"] = rest

    def volumes(self, value: dict[str, Any], at: str, *, is_request: bool) -> None:
        """Put the volumes that compute names into it; those that nothing names stay."""
        self.components(value, "volumes", at)
        _each(value, "volumes", _volume)
        compute = value.get("compute")
        if not (isinstance(compute, dict) and isinstance(compute.get("volumes"), list)):
            return
        declared = value.get("volumes") if isinstance(value.get("volumes"), list) else []
        attached: list[Any] = []
        for n, given in enumerate(compute["volumes"]):
            path = f"{at}compute.volumes[{n}]"
            if isinstance(given, dict):
                attached.append(_volume(self.component(given, f"{path}.")))
            else:
                attached.append(self.named(str(given), declared or [], path, is_request=is_request))
        compute["volumes"] = attached
        if declared:
            value["volumes"] = [v for v in declared if not any(v is one for one in attached)]

    def named(self, name: str, declared: list[Any], path: str, *, is_request: bool) -> Any:
        for volume in declared:
            if isinstance(volume, dict) and name in (volume.get("name"), volume.get("uuid")):
                return volume
        if is_request:
            self.faults.append(Fault(path, f"names the volume {name!r}, which volumes does not have"))
        return {"name": name}


def _without_nulls(value: Any) -> Any:
    # brokers of dialect B leave out what is empty; null means the same
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: item if key in _FREE else _without_nulls(item) for key, item in value.items() if item is not None
    }


def _each(value: dict[str, Any], key: str, change: Any) -> None:
    if isinstance(value.get(key), list):
        value[key] = [change(item) for item in value[key]]


def _kind_for_type(given: Any) -> Any:
    if not isinstance(given, dict) or "type" not in given or "kind" in given:
        return given
    return {"kind" if key == "type" else key: item for key, item in given.items()}


def _short_kind(given: Any) -> Any:
    if not isinstance(given, dict) or not isinstance(given.get("kind"), str):
        return given
    return given | {"kind": neutral_kind(given["kind"])}


def _connector(given: Any) -> Any:
    return _short_kind(_kind_for_type(given))


def _volume(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    value = dict(given)
    if "resource" in value and value.get("resources", [value["resource"]]) == [value["resource"]]:
        value["resources"] = [value.pop("resource")]
    if value.get("cardinality") == "SINGLE":  # what B1 called it in February and March 2026
        value["cardinality"] = "INSTANCE"
    return value

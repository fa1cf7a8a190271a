# SPDX-License-Identifier: Apache-2.0
"""What differs between the versions of Slurm's REST interface, as its OpenAPI document tells.

==================  ==================  ============================================
Slurm               interface
==================  ==================  ============================================
22.05               v0.0.38             accounts lose exit codes
23.02               v0.0.39             shapes differ from release to release; never tried
23.11               v0.0.40, 39         tasks are cancelled one by one
24.05, 24.11        v0.0.42, 41, 40     tasks are cancelled many at once
==================  ==================  ============================================
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

VERSIONS = range(38, 43)
"""The last numbers of the versions that are spoken here."""
DOCUMENT = "/openapi/v3"
_VERSION = re.compile(r"/slurm/v0\.0\.(\d+)/jobs/?")
_EXACT_BOOKS = 40
_AT_ONCE = 100

# v0.0.38 takes them and does not tell; its "requeue" means yes whatever its value
_UNTOLD = {38: {"no_requeue": "boolean", "nodelist": "string"}}
_FORMER = {"required_nodes": "nodelist"}

Schema = Mapping[str, Any]


@dataclass(frozen=True)
class Interface:
    """One version, as one slurmrestd has it.

    ``properties`` are those of a submission, by their types: ``string``,
    ``integer``, ``boolean``, ``array``, ``object`` for numbers that may not
    be set and for the environment.
    """

    version: int
    properties: Mapping[str, str]
    has_books: bool
    cancels_many: bool

    def path(self, name: str) -> str:
        """Return the path of something that slurmctld has."""
        return f"/slurm/v0.0.{self.version}/{name}"

    @property
    def books(self) -> str:
        """The path of the accounts."""
        return f"/slurmdb/v0.0.{self.version}/jobs"

    @property
    def has_exact_books(self) -> bool:
        """Whether the accounts tell exit codes: all are 0 in v0.0.38, and v0.0.39 was never tried."""
        return self.version >= _EXACT_BOOKS

    def books_of(self, wholes: Sequence[str]) -> list[list[tuple[str, str]]]:
        """Return the parameters of the calls for the accounts of some submissions.

        The numbers are one text with commas in v0.0.38 and a parameter each
        from v0.0.40 on, whose own description says commas all the same.
        """
        size = _AT_ONCE if self.version != 39 else 1
        parts = [wholes[start : start + size] for start in range(0, len(wholes), size)]
        if self.has_exact_books:
            return [[("step", whole) for whole in part] for part in parts]
        return [[("step", ",".join(part))] for part in parts]

    @property
    def once(self) -> dict[str, bool]:
        """The property of what must not run a second time when a node fails."""
        return {"no_requeue": True} if "no_requeue" in self.properties else {"requeue": False}

    def gres(self, asked: str) -> dict[str, str]:
        """Return the property for generic resources such as ``gpu:2,fpga:1``."""
        if "gres" in self.properties:
            return {"gres": asked}
        mark = "gres:" if self.version == 39 else "gres/"
        return {"tres_per_node": ",".join(f"{mark}{each}" for each in asked.split(","))}

    def body(self, script: str, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return a submission in this version's shape; values are texts, numbers and mappings.

        Raises
        ------
        NotSayableError
            The version has no place for a property.
        """
        named = {name if name in self.properties else _FORMER.get(name, name): given[name] for name in given}
        job = {name: self._shaped(name, value) for name, value in named.items()}
        if "script" in self.properties:
            return {"job": {**job, "script": script}}
        return {"script": script, "job": job}

    def _shaped(self, name: str, value: Any) -> Any:
        match self.properties.get(name):
            case None:
                raise NotSayableError(name)
            case "array" if isinstance(value, Mapping):
                return [f"{key}={text}" for key, text in value.items()]
            case "object" if isinstance(value, Mapping):
                return dict(value)
            case "array":
                return str(value).split(",")
            case "object":
                return {"set": True, "infinite": False, "number": _whole(name, value)}
            case "integer":
                return _whole(name, value)
            case _:
                return value


class NotSayableError(Exception):
    """A version has no place for a property, or for the value of one, that is the text of this error."""


def interface_of(document: Mapping[str, Any], newest: int = VERSIONS[-1]) -> Interface | None:
    """Return the newest version in an OpenAPI document up to one that is spoken here, None for none."""
    paths: Mapping[str, Any] = document.get("paths") or {}
    found = [int(match[1]) for path in paths if (match := _VERSION.fullmatch(path))]
    spoken = [version for version in found if version in VERSIONS and version <= newest]
    return _interface(document, paths, max(spoken)) if spoken else None


def _interface(document: Mapping[str, Any], paths: Mapping[str, Any], version: int) -> Interface:
    jobs = paths.get(f"/slurm/v0.0.{version}/jobs/") or {}
    books = f"/slurmdb/v0.0.{version}/jobs"
    return Interface(
        version=version,
        properties=_properties(document, paths, version) | _UNTOLD.get(version, {}),
        has_books=books in paths or f"{books}/" in paths,
        cancels_many="delete" in jobs,
    )


def _properties(document: Mapping[str, Any], paths: Mapping[str, Any], version: int) -> dict[str, str]:
    submit = paths[f"/slurm/v0.0.{version}/job/submit"]["post"]
    body = _resolved(document, submit["requestBody"]["content"]["application/json"]["schema"])
    job = _resolved(document, body["properties"]["job"])
    return {name: str(_resolved(document, schema).get("type")) for name, schema in job["properties"].items()}


def _whole(name: str, value: Any) -> int:
    try:
        return int(value)
    except ValueError:
        raise NotSayableError(f"{name}={value}") from None


def _resolved(document: Mapping[str, Any], schema: Schema) -> Schema:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema

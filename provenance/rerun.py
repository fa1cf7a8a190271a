# SPDX-License-Identifier: Apache-2.0
"""Plan to run the step of a record again: as it was, changed, or on other data."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from eb_prefect.check import faults
from eb_prefect.edit import patch_of, patched
from eb_prefect.model.executable import DockerContainer, Executable, JupyterNotebook, JupyterServer
from eb_prefect.model.parts import Checksum
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.redact import REDACTED
from provenance.canonical import canonical, ni
from provenance.derive import derived
from provenance.diff import Difference, differences, flat
from provenance.errors import CanNotRerunError
from provenance.parts import Link, Verb, sha256_name
from provenance.places import local
from provenance.record import StepRecord
from provenance.wholes import whole

_NO_DIGEST = frozenset(("", "0000", None))


class Plan(NamedTuple):
    """What would run, how it differs from what ran, and what to think of first.

    ``recorded`` is the request as it was, before any change. ``holes`` are
    what must be given before it can run at all. ``link`` is for the new
    record. Whether it may run is for `provenance.trust` to say.
    """

    verb: Verb
    request: ExecutionRequest
    patch: tuple[dict[str, Any], ...]
    differences: tuple[Difference, ...]
    warnings: tuple[str, ...]
    holes: tuple[str, ...]
    link: Link
    recorded: ExecutionRequest

    def ready(self) -> ExecutionRequest:
        """Return the request, if nothing is missing; that nobody agreed to it yet, is not looked at.

        Raises
        ------
        CanNotRerunError
            Something must be given first.
        """
        if self.holes:
            raise CanNotRerunError(self.holes)
        return self.request


def plan(
    record: StepRecord,
    *,
    settings: Iterable[str] = (),
    inputs: Mapping[str, str] | None = None,
    pinned: bool = True,
) -> Plan:
    """Return what running the step of a record again would be; runs nothing.

    It is *repeat* without changes, *revise* with settings, and *apply* with
    other data for inputs. A file with the content that was recorded is not
    other data, wherever it is. Inputs that stay are ``pinned`` to the
    checksums of the record, so a broker refuses what has changed since.

    Raises
    ------
    InvalidEditError
        A setting or an input does not fit the request.
    InvalidRequestError
        The changed request is none.
    """
    given = tuple(settings)
    places = dict(inputs or {})
    old, notes = (record.request, ()) if record.request else derived(record.session)
    sent = record.request is not None
    patch = patch_of(old, given, places)
    changed = patched(old, patch)
    verb = _verb(record, given, places)
    request = _pinned(record, changed, places) if pinned else changed
    return Plan(
        verb=verb,
        request=request,
        patch=tuple(patch),
        differences=differences(old.neutral(), request.neutral()),
        warnings=(*notes, *_missing(record), *_inputs(record, places), *_images(request)),
        holes=(*_secrets(request), *(() if sent else map(str, faults(request)))),
        link=_link(record, old, verb, patch, pinned=pinned),
        recorded=old,
    )


def _verb(record: StepRecord, settings: tuple[str, ...], places: Mapping[str, str]) -> Verb:
    recorded = {data.name: data.checksum for data in record.inputs}
    if any(not _is_same(recorded.get(name), place) for name, place in places.items()):
        return "apply"
    return "revise" if settings else "repeat"


def _is_same(checksum: Checksum | None, place: str) -> bool:
    path = local(place) or Path(place)
    return sha256_name(checksum) is not None and _is_there(path) and whole(path) == sha256_name(checksum)


def _is_there(path: Path) -> bool:
    return path.is_file() or path.is_dir()


def _pinned(record: StepRecord, request: ExecutionRequest, places: Mapping[str, str]) -> ExecutionRequest:
    known = {data.name: data.checksum for data in record.inputs if data.file and data.name not in places}
    data = tuple(
        one.model_copy(update={"checksum": known[one.name]})
        if one.name in known and one.checksum is None
        else one
        for one in request.data
    )
    return request.model_copy(
        update={"data": data, "executable": _pinned_notebook(record, request.executable)}
    )


def _pinned_notebook(record: StepRecord, asked: Executable | None) -> Executable | None:
    ran = record.session.executable
    notebooks = (JupyterNotebook, JupyterServer)
    if not (isinstance(asked, notebooks) and isinstance(ran, notebooks)):
        return asked
    is_same = asked.location == ran.location and asked.checksum is None
    return asked.model_copy(update={"checksum": ran.checksum}) if is_same else asked


def _link(
    record: StepRecord, old: ExecutionRequest, verb: Verb, patch: list[dict[str, Any]], *, pinned: bool
) -> Link:
    return Link(
        record=record.digest,
        verb=verb,
        session=record.session.uuid,
        request=record.request_digest or ni(canonical(old.neutral())),
        products=tuple(product.name for product in record.products),
        patch=tuple(patch),
        pinned=pinned,
    )


def _missing(record: StepRecord) -> list[str]:
    return [f"{part}: not in the record" for part in record.missing]


def _inputs(record: StepRecord, places: Mapping[str, str]) -> list[str]:
    """Say which local inputs are gone, or are not what they were."""
    told = []
    for data in record.inputs:
        path = local(data.location)
        if path is None or data.name in places:
            continue
        if not _is_there(path):
            told.append(f"data[{data.name}]: {path} is not there; say where it is now")
        elif data.file is None:
            told.append(f"data[{data.name}]: nobody recorded a digest, so {path} may have changed")
        elif whole(path) != data.file:
            told.append(f"data[{data.name}]: {path} has changed since")
    return told


def _images(request: ExecutionRequest) -> list[str]:
    program = request.executable
    if isinstance(program, DockerContainer) and (program.image is None or program.image.digest in _NO_DIGEST):
        return ["executable.image: it has no digest, so what runs may be another image of that name"]
    return []


def _secrets(request: ExecutionRequest) -> list[str]:
    return [
        f"{path}: it was secret, so it is not in the record; give it again"
        for path, value in flat(request.neutral()).items()
        if isinstance(value, str) and REDACTED in value
    ]

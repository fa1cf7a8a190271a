# SPDX-License-Identifier: Apache-2.0
"""Errors of remembering a step, by what the caller can do.

ProvenanceError
|-- NoRecordError           the file carries none: ask the store, or look for its sidecar
|-- UnreadableProductError  the file itself is damaged: take a good copy
|-- UnreachableProductError the file is elsewhere and can't be fetched: read why, check address and access
|-- NeedsExtraError         install the named extra
|-- MalformedRecordError    what the file carries can't be read: take the record from the store
|-- NotProvError            the document is no PROV that we read: write it as PROV-JSON
|-- ContradictionError      ask which of the records tells the truth
|-- CanNotAttachError       the record can't be put into this file: read why, the sidecar may do
|-- ProductExistsError      choose another directory, or move what is there
|-- CanNotDeliverError      choose another directory, or make room
|-- CanNotExportError       choose another format, or another place to write to
|-- UnknownRecordError      the store has no such record
|-- StoreError              the store can't be used: read why
|-- CanNotSignError         mend the key, unlock it, or name another
|-- ConsentError            nothing was run: a person has to agree, or the policy forbids it
`-- CanNotRerunError        say what is missing, and plan again
"""

from collections.abc import Iterable
from os import PathLike, fspath

Path = str | PathLike[str]


class ProvenanceError(Exception):
    """Something about a record that its caller can do something about."""


class NoRecordError(ProvenanceError):
    """The file has no record; ``pointer`` is the digest of the one it once had, if it says so."""

    def __init__(self, path: Path, pointer: str | None = None) -> None:
        self.path = fspath(path)
        self.pointer = pointer
        why = f"it only points to {pointer}" if pointer else "neither inside nor in a sidecar beside it"
        super().__init__(f"{self.path} has no record of the step that made it: {why}")


class UnreadableProductError(ProvenanceError):
    """The file is not what it begins like."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = fspath(path)
        self.reason = reason
        super().__init__(f"{self.path} can't be read: {reason}; take a good copy of it")


class UnreachableProductError(ProvenanceError):
    """A file by URL can't be fetched; ``is_absent`` where nothing is there for this user."""

    def __init__(self, url: Path, reason: str, *, is_absent: bool = False) -> None:
        self.url = fspath(url)
        self.reason = reason
        self.is_absent = is_absent
        super().__init__(f"{self.url} can't be fetched: {reason}")


class NeedsExtraError(ProvenanceError):
    """A library that the file's format, or a command, needs is not installed."""

    def __init__(self, what: object, extra: str) -> None:
        self.what = str(what)
        self.extra = extra
        super().__init__(f"{self.what} needs the extra {extra}: pip install 'eb-prefect[{extra}]'")


class MalformedRecordError(ProvenanceError):
    """There is a record, but not one that can be understood."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        self.reason = reason
        super().__init__(f"the record in {where} can't be used: {reason}")


class NotProvError(ProvenanceError):
    """A document can't be read as PROV."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        self.reason = reason
        super().__init__(f"{where} can't be read as a PROV document: {reason}")


class ContradictionError(ProvenanceError):
    """Documents say of one thing what can't all be so."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"the documents contradict each other: {reason}; merge only those that are right")


class CanNotAttachError(ProvenanceError):
    """The record was not put into the file, and the file is as it was."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = fspath(path)
        self.reason = reason
        super().__init__(f"the record can't be attached to {self.path}: {reason}; the file is as it was")


class ProductExistsError(ProvenanceError):
    """Other files are where the products should go; the products are ``kept`` where the session left them."""

    def __init__(self, paths: Iterable[Path], kept: Iterable[Path] = ()) -> None:
        self.paths: tuple[str, ...] = tuple(fspath(path) for path in paths)
        self.kept: tuple[str, ...] = tuple(fspath(path) for path in kept)
        what = f"{', '.join(self.paths)} would be overwritten"
        where = f"the step is recorded and its products are {', '.join(self.kept)}" if self.kept else ""
        mend = "nothing was written there, choose another directory"
        super().__init__("; ".join(filter(None, (what, mend, where))))


class CanNotDeliverError(ProvenanceError):
    """Products can't be copied to ``directory``; they are ``kept`` where the session left them."""

    def __init__(self, directory: Path, reason: str, kept: Iterable[Path]) -> None:
        self.directory = fspath(directory)
        self.reason = reason
        self.kept: tuple[str, ...] = tuple(fspath(path) for path in kept)
        super().__init__(
            f"the products can't be copied to {self.directory}: {reason}; "
            f"the step is recorded and its products are {', '.join(self.kept)}"
        )


class CanNotExportError(ProvenanceError):
    """A record was not written in another form; nothing was left half-written."""

    def __init__(self, what: object, reason: str) -> None:
        self.what = str(what)
        self.reason = reason
        super().__init__(f"can't export to {self.what}: {reason}")


class UnknownRecordError(ProvenanceError):
    """The store has no record of that digest."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"the store has no record {digest}; see which it has with its history")


class StoreError(ProvenanceError):
    """The store can't be used as it is."""

    def __init__(self, place: str, reason: str) -> None:
        self.place = place
        self.reason = reason
        super().__init__(f"the store {place} can't be used: {reason}")


class CanNotRerunError(ProvenanceError):
    """A record does not tell enough to run its step again; ``reasons`` has all of it."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n  ".join(["the step can't run again as recorded:", *self.reasons]))


class CanNotSignError(ProvenanceError):
    """Nothing was signed with the key."""

    def __init__(self, key: Path, reason: str) -> None:
        self.key = fspath(key)
        self.reason = reason
        super().__init__(f"nothing can be signed with {self.key}: {reason}")


class ConsentError(ProvenanceError):
    """Nothing was run; ``reasons`` say why nobody agreed, or why nobody may."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n  ".join(["nothing was run:", *self.reasons]))

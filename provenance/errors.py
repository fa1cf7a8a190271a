# SPDX-License-Identifier: Apache-2.0
"""Errors of remembering a step, by what the caller can do.

ProvenanceError
|-- NoRecordError           the file carries none: ask the store, or look for its sidecar
|-- UnreadableProductError  the file itself is damaged: take a good copy
|-- MalformedRecordError    what the file carries can't be read: take the record from the store
|-- CanNotAttachError       the record can't be put into this file: read why, the sidecar may do
|-- ProductExistsError      choose another directory, or move what is there
|-- CanNotDeliverError      choose another directory, or make room
|-- UnknownRecordError      the store has no such record
|-- StoreError              the store can't be used: read why
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


class MalformedRecordError(ProvenanceError):
    """There is a record, but not one that can be understood."""

    def __init__(self, where: str, reason: str) -> None:
        self.where = where
        self.reason = reason
        super().__init__(f"the record in {where} can't be used: {reason}")


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


class UnknownRecordError(ProvenanceError):
    """The store has no record of that digest."""

    def __init__(self, digest: str) -> None:
        self.digest = digest
        super().__init__(f"the store has no record {digest}; see which it has with its history")


class StoreError(ProvenanceError):
    """The store can't be used as it is."""

    def __init__(self, path: Path, reason: str) -> None:
        self.path = fspath(path)
        self.reason = reason
        super().__init__(f"the store {self.path} can't be used: {reason}")


class CanNotRerunError(ProvenanceError):
    """A record does not tell enough to run its step again; ``reasons`` has all of it."""

    def __init__(self, reasons: Iterable[str]) -> None:
        self.reasons = tuple(reasons)
        super().__init__("\n  ".join(["the step can't run again as recorded:", *self.reasons]))

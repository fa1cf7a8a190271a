# SPDX-License-Identifier: Apache-2.0
"""Room for data."""

from typing import Annotated, Literal

from pydantic import Tag

from eb_prefect.model.kind import AnyKind, Short, by_kind
from eb_prefect.model.parts import Component, Range
from eb_prefect.model.value import Text


class SimpleStorage(Component):
    """Room of a size in GiB; ``data`` names what is kept in it."""

    kind: Annotated[Literal["storage/simple-storage-resource"], Short] = "storage/simple-storage-resource"
    size: Range | None = None
    data: tuple[Text, ...] = ()


class OtherStorage(Component):
    """A storage resource of a kind that this model does not know, kept as it came."""

    kind: AnyKind | None = None


Storage = Annotated[
    Annotated[SimpleStorage, Tag("storage/simple-storage-resource")] | Annotated[OtherStorage, Tag("other")],
    by_kind("storage/simple-storage-resource", absent="storage/simple-storage-resource"),
]

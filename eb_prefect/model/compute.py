# SPDX-License-Identifier: Apache-2.0
"""What it needs to run on, and where its data appear there."""

from typing import Annotated, Literal

from pydantic import Tag

from eb_prefect.model.kind import AnyKind, Short, by_kind
from eb_prefect.model.parts import Component, Range
from eb_prefect.model.value import Text


class VolumeMount(Component):
    """Resources, by name, made visible at a path.

    ``cardinality`` is INSTANCE (the one resource is at the path) or CONTAINER
    (the path is a directory with each resource under its name). Absent, it is
    INSTANCE for one resource and CONTAINER for several.
    """

    kind: Annotated[Literal["volume/simple-volume-mount"], Short] = "volume/simple-volume-mount"
    path: Text | None = None
    mode: Text | None = None
    cardinality: Text | None = None
    resources: tuple[Text, ...] = ()

    @property
    def is_container(self) -> bool:
        """Whether the path is a directory with one entry a resource."""
        return self.cardinality == "CONTAINER" or (self.cardinality is None and len(self.resources) > 1)

    @property
    def is_writable(self) -> bool:
        """Whether what appears under the path afterwards is a product."""
        return self.mode == "READWRITE"


class OtherVolume(Component):
    """A volume of a kind that this model does not know, kept as it came."""

    kind: AnyKind | None = None


Volume = Annotated[
    Annotated[VolumeMount, Tag("volume/simple-volume-mount")] | Annotated[OtherVolume, Tag("other")],
    by_kind("volume/simple-volume-mount", absent="volume/simple-volume-mount"),
]


class SimpleCompute(Component):
    """Cores, memory in GiB, and volumes.

    ``gpus`` is ours: no dialect of the wire can carry it.
    """

    kind: Annotated[Literal["compute/simple-compute-resource"], Short] = "compute/simple-compute-resource"
    cores: Range | None = None
    memory: Range | None = None
    gpus: Range | None = None
    volumes: tuple[Volume, ...] = ()


class OtherCompute(Component):
    """A compute resource of a kind that this model does not know, kept as it came."""

    kind: AnyKind | None = None
    volumes: tuple[Volume, ...] = ()


Compute = Annotated[
    Annotated[SimpleCompute, Tag("compute/simple-compute-resource")] | Annotated[OtherCompute, Tag("other")],
    by_kind("compute/simple-compute-resource", absent="compute/simple-compute-resource"),
]

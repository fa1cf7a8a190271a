# SPDX-License-Identifier: Apache-2.0
"""Data to work on: at an address, in an object store, a data lake or the Virtual Observatory."""

from typing import Annotated, Literal

from pydantic import Tag

from eb_prefect.model.kind import AnyKind, Short, by_kind
from eb_prefect.model.parts import Checksum, Component
from eb_prefect.model.value import Text, Value, Whole


class DataComponent(Component):
    """What all data resources share.

    ``storage`` names the storage resource that holds it. ``checksum`` pins
    the content; of the dialects only the SKAO kind has a place for one.
    """

    storage: Text | None = None
    checksum: Checksum | None = None


class SimpleData(DataComponent):
    """Data at a URL."""

    kind: Annotated[Literal["data/simple-data-resource"], Short] = "data/simple-data-resource"
    location: Text | None = None


class S3Data(DataComponent):
    """An object, or a template of objects, in a bucket."""

    kind: Annotated[Literal["data/S3-data-resource"], Short] = "data/S3-data-resource"
    endpoint: Text | None = None
    template: Text | None = None
    bucket: Text | None = None
    object: Text | None = None


class RucioDID(Value):
    """A data identifier in a Rucio data lake."""

    endpoint: Text | None = None
    scope: Text | None = None
    object: Text | None = None
    type: Text | None = None


class RucioData(DataComponent):
    """Data in a Rucio data lake."""

    kind: Annotated[Literal["data/rucio-data-resource"], Short] = "data/rucio-data-resource"
    rucio: RucioDID | None = None


class ObsCore(Value):
    """The fields of IVOA ObsCore that brokers know."""

    obs_id: Text | None = None
    obs_collection: Text | None = None
    obs_publisher_did: Text | None = None
    obs_creator_did: Text | None = None
    dataproduct_type: Text | None = None
    calib_level: Whole | None = None
    access_url: Text | None = None
    access_format: Text | None = None


class Datalink(Value):
    """A row of IVOA DataLink."""

    ID: Text | None = None
    access_url: Text | None = None
    service_def: Text | None = None
    error_message: Text | None = None
    description: Text | None = None
    semantics: Text | None = None
    content_type: Text | None = None
    content_length: Whole | None = None
    content_qualifier: Text | None = None
    local_semantics: Text | None = None
    link_auth: Text | None = None
    link_authorized: bool | None = None


class IvoaTerms(Value):
    """What the Virtual Observatory says of the data."""

    ivoid: Text | None = None
    obscore: ObsCore | None = None
    datalink: Datalink | None = None


class IvoaData(DataComponent):
    """Data in the Virtual Observatory."""

    kind: Annotated[Literal["data/ivoa-data-resource"], Short] = "data/ivoa-data-resource"
    ivoa: IvoaTerms | None = None


class Replica(Value):
    """A copy of the data at a Rucio storage element."""

    rsename: Text | None = None
    dataurl: Text | None = None


class SkaoTerms(Value):
    """What the SKA data lake says of the data; ``datasize`` is in bytes."""

    namespace: Text | None = None
    objectname: Text | None = None
    objecttype: Text | None = None
    datasize: Whole | None = None
    checksum: Checksum | None = None
    replicas: tuple[Replica, ...] = ()


class SkaoData(DataComponent):
    """Data in the SKA data lake."""

    kind: Annotated[Literal["data/skao-data-resource"], Short] = "data/skao-data-resource"
    ivoa: IvoaTerms | None = None
    skao: SkaoTerms | None = None


class OtherData(DataComponent):
    """Data of a kind that this model does not know, kept as it came."""

    kind: AnyKind | None = None


Data = Annotated[
    Annotated[SimpleData, Tag("data/simple-data-resource")]
    | Annotated[S3Data, Tag("data/S3-data-resource")]
    | Annotated[RucioData, Tag("data/rucio-data-resource")]
    | Annotated[IvoaData, Tag("data/ivoa-data-resource")]
    | Annotated[SkaoData, Tag("data/skao-data-resource")]
    | Annotated[OtherData, Tag("other")],
    by_kind(
        "data/simple-data-resource",
        "data/S3-data-resource",
        "data/rucio-data-resource",
        "data/ivoa-data-resource",
        "data/skao-data-resource",
        absent="data/simple-data-resource",
    ),
]

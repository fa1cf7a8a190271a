# SPDX-License-Identifier: Apache-2.0
"""What to run."""

from typing import Annotated, Any, Literal

from pydantic import Field, Tag

from eb_prefect.model.kind import AnyKind, Short, by_kind
from eb_prefect.model.parts import Checksum, Component
from eb_prefect.model.value import Text, Value, Whole

Environment = dict[str, Text]


class Platform(Value):
    """The processor and system an image is for."""

    architecture: Text | None = None
    os: Text | None = None


class Image(Value):
    """A container image: where it can be had, and the digest that makes it one and the same."""

    locations: tuple[Text, ...] = ()
    digest: Text | None = None
    platform: Platform | None = None


class InternalPort(Value):
    """A port inside the container."""

    port: Whole | None = None


class ExternalPort(Value):
    """Where the outside reaches it."""

    port: Whole | None = None
    addresses: tuple[Text, ...] = ()


class Port(Value):
    """A port that a container opens."""

    access: Text | None = None
    internal: InternalPort | None = None
    external: ExternalPort | None = None
    protocol: Text | None = None
    path: Text | None = None


class Network(Value):
    """The ports of a container."""

    ports: tuple[Port, ...] = ()


class DockerContainer(Component):
    """An OCI image, run with a command and an environment."""

    kind: Annotated[Literal["executable/docker-container"], Short] = "executable/docker-container"
    image: Image | None = None
    privileged: bool | None = None
    entrypoint: Text | None = None
    command: tuple[Text, ...] = ()
    environment: Environment = Field(default_factory=dict)
    network: Network | None = None
    labels: dict[str, Text] = Field(default_factory=dict)


class SingularityContainer(Component):
    """A Singularity image at an address."""

    kind: Annotated[Literal["executable/singularity-container"], Short] = "executable/singularity-container"
    location: Text | None = None


class JupyterNotebook(Component):
    """A notebook at an address.

    ``parameters`` are ours, and so is ``checksum``, which pins the notebook
    that is asked for: no dialect of the wire can carry them.
    """

    kind: Annotated[Literal["executable/jupyter-notebook"], Short] = "executable/jupyter-notebook"
    location: Text | None = None
    checksum: Checksum | None = None
    parameters: dict[str, Any] = Field(default_factory=dict)


class Program(Component):
    """A program that the machine of the broker has: our own kind.

    The URI is ``urn:eb-prefect:kind/executable/program``. ``command`` is the
    argument vector, run without a shell; its first word is an absolute path
    or a name on the broker's PATH.
    """

    kind: Annotated[Literal["executable/program"], Short] = "executable/program"
    command: tuple[Text, ...] = ()
    environment: Environment = Field(default_factory=dict)


class JupyterServer(Component):
    """A Jupyter server for a person, kept until its time is over or it is released: our own kind.

    The URI is ``urn:eb-prefect:kind/executable/jupyter-server``. A notebook at
    ``location``, if there is one, is copied in and opened, and ``checksum``
    pins it; nothing of it runs by itself.
    """

    kind: Annotated[Literal["executable/jupyter-server"], Short] = "executable/jupyter-server"
    location: Text | None = None
    checksum: Checksum | None = None
    environment: Environment = Field(default_factory=dict)


class OtherExecutable(Component):
    """An executable of a kind that this model does not know, kept as it came."""

    kind: AnyKind | None = None


Executable = Annotated[
    Annotated[DockerContainer, Tag("executable/docker-container")]
    | Annotated[SingularityContainer, Tag("executable/singularity-container")]
    | Annotated[JupyterNotebook, Tag("executable/jupyter-notebook")]
    | Annotated[Program, Tag("executable/program")]
    | Annotated[JupyterServer, Tag("executable/jupyter-server")]
    | Annotated[OtherExecutable, Tag("other")],
    by_kind(
        "executable/docker-container",
        "executable/singularity-container",
        "executable/jupyter-notebook",
        "executable/program",
        "executable/jupyter-server",
    ),
]

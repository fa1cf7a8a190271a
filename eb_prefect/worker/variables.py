# SPDX-License-Identifier: Apache-2.0
"""The form of a work pool: what a person says of where and how its flow runs run."""

from typing import Any

from prefect.workers.base import BaseVariables
from pydantic import Field

from eb_prefect.blocks import ExecutionBroker
from eb_prefect.blocks.forms import plain

MINUTE = 60


class ExecutionBrokerVariables(BaseVariables):
    """Each field is one of the form; a deployment's job variables change them one by one."""

    broker: str = Field(
        default="embedded",
        title="Broker",
        description="The broker by name, as commands take it: embedded, slurm, a URL, or a name in the "
        "brokers.toml of the machine that the worker is on.",
    )
    block: ExecutionBroker | None = Field(
        default=None,
        title="Broker block",
        description="A broker that is kept on this server, in place of a name.",
    )
    policy: str = Field(
        default="first",
        title="Policy",
        description="Which offer is accepted: first, cheapest, greenest, fastest, soonest, nearest, or "
        "weights such as monetary:1,carbon:0.02.",
    )
    image: str | None = Field(
        default=None,
        title="Container image",
        description="The image that flow runs run in, with Python and Prefect in it, as NAME@sha256:DIGEST; "
        "a process of the broker's machine without one.",
        examples=["docker.io/prefecthq/prefect:3-latest@sha256:0123..."],
    )
    command: str | None = Field(
        default=None,
        title="Command",
        description="What starts a flow run; Prefect's own without it: of the worker's Python for a process, "
        "of the image for a container.",
    )
    env: dict[str, str | None] = Field(
        default_factory=dict,
        title="Environment variables",
        description="Variables for the flow run. How to reach this server is added by itself.",
    )
    cores: int = Field(default=1, ge=1, title="Cores", description="How many cores are asked for.")
    memory: int | None = Field(
        default=None, ge=1, title="Memory in GiB", description="How much is asked for; no limit without it."
    )
    gpus: int | None = Field(default=None, ge=1, title="GPUs", description="How many GPUs are asked for.")
    duration: str | None = Field(
        default=None,
        title="Duration",
        description="How long a flow run may take, such as PT2H; the broker's own limit without it.",
        examples=["PT30M", "PT2H"],
    )
    volumes: list[str] = Field(
        default_factory=list,
        title="Data",
        description="Files and directories that the flow reads, each as LOCATION:PATH, such as "
        "/archive/m31:/data or https://example.org/m31.fits:/data/m31.fits. A container sees no others.",
    )
    name: str | None = Field(
        default=None, title="Name", description="The name of the session; that of the flow run without it."
    )
    labels: dict[str, str] = Field(
        default_factory=dict, title="Labels", description="Labels of the container."
    )
    grace: int = Field(
        default=MINUTE,
        ge=0,
        title="Grace in seconds",
        description="How long a running flow that is cancelled has to cancel its own steps and end, before "
        "its session is cancelled.",
    )
    send_secrets: bool = Field(
        default=False,
        title="Send secrets",
        description="Whether a broker on another machine is given the key and password of this server, in "
        "its request, where those who run it can read them.",
    )

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:
        """Return the form in the order of this class, where what may be left out is an empty field.

        Prefect has the fields of its base class first; see `plain` for the rest.
        """
        form: dict[str, Any] = super().model_json_schema(*args, **options)
        # else a reference to a block, which the server lets be that or the block's content, would be both
        form["definitions"][ExecutionBroker.__name__]["required"] = ["kind"]
        form["properties"] = {name: plain(form["properties"][name]) for name in cls.__annotations__}
        return form

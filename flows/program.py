# SPDX-License-Identifier: Apache-2.0
"""A program of this package as an execution request.

The program's file is one of the request's data, so its digest is in the
record and what is run again is known to be the same. It needs no package of
ours where it runs: only ``python3``, which the embedded broker takes from
the environment it is installed in, with what the program imports.
"""

from collections.abc import Mapping
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

from eb_prefect.model.compute import SimpleCompute, VolumeMount
from eb_prefect.model.data import SimpleData
from eb_prefect.model.executable import Program
from eb_prefect.model.parts import Range
from eb_prefect.model.request import ExecutionRequest, Requested, RequestSchedule
from eb_prefect.model.storage import SimpleStorage

PRODUCTS = "products"


def program_request(
    program: str, *, inputs: Mapping[str, str], product: str, environment: Mapping[str, str]
) -> ExecutionRequest:
    """Return the request to run ``flows/programs/<program>.py`` with inputs and one product as arguments.

    ``inputs`` are locations (a path of this machine, or a URL) by the name of
    the data resource. The program finds each at ``/input/<name>`` and leaves
    its product in ``/output``.
    """
    source = Path(str(files("flows.programs"))) / f"{program}.py"
    here = f"/program/{source.name}"
    places = {name: f"/input/{name}" for name in inputs}
    return ExecutionRequest(
        name=program.replace("_", "-"),
        executable=Program(
            command=("python3", here, *places.values(), f"/output/{product}"), environment=dict(environment)
        ),
        compute=SimpleCompute(
            cores=Range(min=1),
            memory=Range(min=1),
            volumes=(
                _mount("program", here),
                *(_mount(name, place) for name, place in places.items()),
                VolumeMount(name="output", path="/output", mode="READWRITE", resources=(PRODUCTS,)),
            ),
        ),
        storage=(SimpleStorage(name=PRODUCTS, size=Range(min=1)),),
        data=(
            SimpleData(name="program", location=source.as_uri()),
            *(SimpleData(name=name, location=_location(place)) for name, place in inputs.items()),
        ),
        schedule=RequestSchedule(requested=Requested(duration=timedelta(minutes=10))),
    )


def _mount(name: str, path: str) -> VolumeMount:
    return VolumeMount(name=f"{name} volume", path=path, mode="READONLY", resources=(name,))


def _location(place: str) -> str:
    return place if "://" in place else Path(place).resolve(strict=True).as_uri()

# SPDX-License-Identifier: Apache-2.0
"""Notebooks: the kind ``executable/jupyter-notebook``, run headless with parameters.

A notebook runs with the Python of this broker, through papermill. What it
becomes, run to the end or to the cell that failed, is a product of the session.
The session tells the checksum of the notebook that it ran.
"""

import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from eb_prefect.brokers.embedded.launch import Fetch, Launch, Place
from eb_prefect.brokers.embedded.refusal import refusal
from eb_prefect.brokers.embedded.sources import algorithm
from eb_prefect.model.executable import JupyterNotebook
from eb_prefect.model.parts import Checksum, Message

_RUNNER = Path(__file__).with_name("notebook_runner.py")
_NEEDED = ("papermill", "ipykernel")


def refusals(notebook: JupyterNotebook, *, is_here: bool = True) -> Iterator[Message]:
    """Yield every reason why the notebook can't run here; nothing is fetched to find out."""
    yield from _address_faults(notebook.location, is_here=is_here)
    for name in notebook.parameters:
        if not name.isidentifier():
            text = f"executable.parameters has {name!r}, which is no name of a Python variable"
            yield refusal("invalid-value", text, asked=name)
    if notebook.checksum and algorithm(notebook.checksum) is None:
        text = f"executable.checksum is of type {notebook.checksum.type!r}, which this broker can't verify"
        yield refusal("not-supported", text, asked=notebook.checksum.type)
    missing = [name for name in _NEEDED if is_here and find_spec(name) is None]
    if missing:
        yield refusal(
            "missing-program",
            f"notebooks need {' and '.join(missing)}, which is not installed;"
            " install eb-prefect with its extra: eb-prefect[notebook]",
        )


def _address_faults(location: str | None, *, is_here: bool) -> Iterator[Message]:
    if not location:
        yield refusal("missing-value", "executable.location is empty; say where the notebook is")
        return
    address = urlsplit(location)
    if address.scheme not in ("file", "http", "https"):
        text = f"notebook location {location!r} is not file://, http:// or https://"
        yield refusal("invalid-value", text, asked=location)
    elif is_here and address.scheme == "file" and not _path(address).is_file():
        text = f"notebook {_path(address)} is not a file of this machine"
        yield refusal("resource-not-found", text, asked=location)


def _path(address: SplitResult) -> Path:
    return Path(unquote(address.path))


def launch(notebook: JupyterNotebook, place: Place) -> Launch:
    """Return how to run the notebook; what it becomes is kept under its own name."""
    location = notebook.location or ""
    room = f"{place.directory}/notebook"
    given, made, parameters = f"{room}/given.ipynb", f"{room}/executed.ipynb", f"{room}/parameters.json"
    # a text is an argument of its own, so that a volume's path is replaced in it where nothing can be mounted
    texts = {name: value for name, value in notebook.parameters.items() if isinstance(value, str)}
    others = {name: value for name, value in notebook.parameters.items() if name not in texts}
    words = (word for pair in texts.items() for word in pair)
    runner = f"{room}/runner.py" if place.python else str(_RUNNER)
    return Launch(
        argv=(python(place), "-P", runner, given, made, parameters, *words),
        environment={**place.environment, **own_settings(room)},
        fetches=(Fetch(location=location, path=given, checksum=pinned(notebook.checksum)),),
        files={parameters: json.dumps(others), **({runner: _RUNNER.read_text()} if place.python else {})},
        keep={made: name_of(location)},
    )


def name_of(location: str) -> str:
    """Return the file name of the notebook at a location."""
    return _path(urlsplit(location)).name or "notebook.ipynb"


def python(place: Place) -> str:
    """Return the Python that runs notebooks there."""
    return place.python or sys.executable


def pinned(checksum: Checksum | None) -> tuple[str, str] | None:
    """Return the algorithm and value that a notebook is verified by, None for nothing."""
    name = algorithm(checksum) if checksum else None
    return (name, (checksum.value or "").lower()) if checksum and name else None


def own_settings(room: str) -> dict[str, str]:
    """Return what keeps a kernel's own files and settings apart from the user's."""
    return {
        "IPYTHONDIR": f"{room}/ipython",
        "JUPYTER_CONFIG_DIR": f"{room}/config",
        "JUPYTER_RUNTIME_DIR": f"{room}/runtime",
        "JUPYTER_PLATFORM_DIRS": "1",
    }

# SPDX-License-Identifier: Apache-2.0
import hashlib
import http.server
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from eb_prefect.brokers.embedded.notebook import refusals
from eb_prefect.model.executable import JupyterNotebook
from eb_prefect.model.parts import Checksum
from tests.brokers.embedded.conftest import GIVEN
from tests.brokers.embedded.steps import products, request, run, said

pytest.importorskip("papermill", reason="the extra notebook is not installed")


def notebook(path: Path, *cells: str, **metadata: Any) -> JupyterNotebook:
    """Write a notebook whose first cell has the parameters."""
    written = [
        {
            "cell_type": "code",
            "id": f"cell-{number}",
            "execution_count": None,
            "metadata": {"tags": [] if number else ["parameters"]},
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(cells)
    ]
    path.write_text(json.dumps({"cells": written, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}))
    return JupyterNotebook(location=path.as_uri())


def outputs(executed: bytes) -> str:
    return json.dumps([cell.get("outputs") for cell in json.loads(executed)["cells"]])


def test_a_notebook_runs_with_its_parameters_and_is_a_product(given: Path, tmp_path: Path) -> None:
    made = notebook(
        tmp_path / "counts.ipynb",
        "frames, times, out = '', 1, ''",
        "text = open(frames).read() * times; print(len(text))",
        "open(out + '/copy', 'w').write(text)",
    )
    asked = made.model_copy(
        update={"parameters": {"frames": "/given/frames.txt", "times": 2, "out": "/made"}}
    )
    session = run(tmp_path / "home", request(asked, given))
    assert session.phase == "COMPLETED", said(session)
    made_here = products(session)
    assert made_here["copy"] == GIVEN.encode() * 2
    assert str(len(GIVEN) * 2) in outputs(made_here["counts.ipynb"])
    assert set(made_here) == {"copy", "counts.ipynb"}


def test_a_cell_that_fails_is_named_and_the_rest_is_kept(given: Path, tmp_path: Path) -> None:
    bad = notebook(
        tmp_path / "bad.ipynb", "print('so far')", "raise ValueError('no\\nstars')", "print('never')"
    )
    session = run(tmp_path / "home", request(bad, given))
    assert session.phase == "FAILED"
    assert "cell In [2] failed: ValueError: no stars" in said(session)
    executed = outputs(products(session)["bad.ipynb"])
    assert "so far" in executed
    assert "never" not in executed


def test_a_notebook_runs_with_the_python_of_the_broker(given: Path, tmp_path: Path) -> None:
    author = {"kernelspec": {"name": "my-conda", "display_name": "mine", "language": "python"}}
    asked = notebook(tmp_path / "who.ipynb", "import sys; print(sys.executable)", **author)
    session = run(tmp_path / "home", request(asked, given))
    assert sys.executable in outputs(products(session)["who.ipynb"])


def test_a_notebook_of_another_language_fails_and_says_which(given: Path, tmp_path: Path) -> None:
    asked = notebook(tmp_path / "r.ipynb", "x <- 1", language_info={"name": "R"})
    session = run(tmp_path / "home", request(asked, given))
    assert session.phase == "FAILED"
    assert "written in r" in said(session)


def test_the_notebook_that_ran_is_known_by_its_checksum(given: Path, tmp_path: Path) -> None:
    asked = notebook(tmp_path / "one.ipynb", "print('one')")
    whole = hashlib.sha256((tmp_path / "one.ipynb").read_bytes()).hexdigest()
    session = run(tmp_path / "home", request(asked, given))
    assert session.executable.checksum == Checksum(type="sha-256", value=whole)
    notebook(tmp_path / "one.ipynb", "print('another')")
    again = run(tmp_path / "again", request(session.executable, given))
    assert again.phase == "FAILED"
    assert whole in said(again)


def test_data_may_have_any_name_beside_a_notebook(given: Path, tmp_path: Path) -> None:
    wanted = request(notebook(tmp_path / "one.ipynb", "print('one')"), given)
    [volume, room] = wanted.compute.volumes
    renamed = wanted.model_copy(
        update={
            "data": (wanted.data[0].model_copy(update={"name": "executable"}),),
            "compute": wanted.compute.model_copy(
                update={"volumes": (volume.model_copy(update={"resources": ("executable",)}), room)}
            ),
        }
    )
    [data] = run(tmp_path / "home", renamed).data
    assert data.checksum.value == hashlib.sha256(given.read_bytes()).hexdigest()


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_notebook_is_fetched_from_the_web(served: str, given: Path, tmp_path: Path) -> None:
    notebook(tmp_path / "far away.ipynb", "print('here')")
    session = run(tmp_path / "home", request(JupyterNotebook(location=f"{served}/far%20away.ipynb"), given))
    assert "here" in outputs(products(session)["far away.ipynb"])


def test_a_notebook_that_is_not_there_fails_and_is_named(served: str, given: Path, tmp_path: Path) -> None:
    session = run(tmp_path / "home", request(JupyterNotebook(location=f"{served}/none.ipynb"), given))
    assert session.phase == "FAILED"
    assert "404" in said(session)


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        (JupyterNotebook(), "location is empty"),
        (JupyterNotebook(location="ftp://host/a.ipynb"), "is not file://, http:// or https://"),
        (JupyterNotebook(location="file:///no/such.ipynb"), "/no/such.ipynb is not a file"),
        (JupyterNotebook(location="http://host/a", parameters={"a b": 1}), "'a b', which is no name"),
        (JupyterNotebook(location="http://host/a", checksum={"type": "crc", "value": "1"}), "type 'crc'"),
    ],
)
def test_what_can_not_be_run_is_refused(asked: JupyterNotebook, reason: str) -> None:
    [message] = refusals(asked)
    assert reason in message.text


def test_without_the_extra_notebooks_are_refused_and_it_is_named(tmp_path: Path) -> None:
    # -S leaves out site-packages, where papermill is; pydantic is found through a path of its own
    (tmp_path / "site").mkdir()
    for package in ("pydantic", "pydantic_core", "annotated_types", "typing_extensions", "typing_inspection"):
        found = __import__(package).__file__
        target = Path(found) if found.endswith(f"{package}.py") else Path(found).parent
        (tmp_path / "site" / target.name).symlink_to(target)
    code = (
        "from eb_prefect.brokers.embedded.notebook import refusals\n"
        "from eb_prefect.model.executable import JupyterNotebook\n"
        "print(*(m.text for m in refusals(JupyterNotebook(location='http://host/a.ipynb'))))"
    )
    root = Path(__file__).parents[3]
    told = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": f"{root}:{tmp_path}/site"},
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert "eb-prefect[notebook]" in told.stdout

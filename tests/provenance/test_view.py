# SPDX-License-Identifier: Apache-2.0
"""A record shows itself in a notebook."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from lxml import html

from provenance.capture import capture
from provenance.errors import NoRecordError
from provenance.parts import Link
from provenance.store import Store
from provenance.view import View, view
from tests.provenance.conftest import RunOf

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "examples" / "record_in_a_notebook.ipynb"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e'\"&"
HARMLESS = {
    *("div", "span", "b", "table", "tr", "td", "details", "summary", "pre"),
    *("svg", "title", "desc", "g", "text", "rect", "ellipse", "path", "polygon"),
}


@pytest.fixture
def recorded(run_of: RunOf, image: Path, store: Store) -> Path:
    capture(run_of(image), store)
    return image


def shown(path: Path, store: Store) -> View:
    return view(str(path), database=store.place)


def page(one: View) -> html.HtmlElement:
    return html.fromstring(one._repr_html_())


def test_it_says_what_eb_show_says(recorded: Path, store: Store) -> None:
    one = shown(recorded, store)
    assert repr(one).startswith(f"{recorded}: BOUND")
    text = " ".join(page(one).text_content().split())
    for told in ("smooth: COMPLETED", "SIGMA=3", "sh -c true", one.found.digest, "PRIMARY BOUND", "eb rerun"):
        assert told in text


def test_the_lineage_is_in_it(recorded: Path, store: Store) -> None:
    assert len(page(shown(recorded, store)).findall(".//svg")) == 1


def test_there_is_text_for_those_without_html(recorded: Path, store: Store) -> None:
    bundle = shown(recorded, store)._repr_mimebundle_()
    assert set(bundle) == {"text/plain", "text/html"}


def test_without_a_store_the_file_is_enough(recorded: Path, tmp_path: Path) -> None:
    assert view(recorded, database=tmp_path / "no.db").found.binding == "BOUND"
    assert not (tmp_path / "no.db").exists()


def test_without_a_check_nothing_is_judged(recorded: Path, store: Store) -> None:
    assert view(recorded, check=False, database=store.place).found.binding == "UNCHECKED"


def test_changed_data_are_told_at_once(recorded: Path, store: Store) -> None:
    with fits.open(recorded, mode="update") as hdus:
        hdus[0].data[0, 0] = 99
    told = page(shown(recorded, store))
    assert "TAMPERED" in told.text_content()
    assert told.find(".//details").get("open") is not None


def test_differences_from_the_run_before_are_told(recorded: Path, run_of: RunOf, store: Store) -> None:
    old = shown(recorded, store).found.digest
    again = recorded.with_name("again.fits")
    fits.writeto(again, np.zeros(3))
    link = Link(record=old, verb="revise")
    capture(run_of(again, environment={"SIGMA": "5"}), store, based_on=link)
    one = shown(again, store)
    assert "request.executable.environment.SIGMA: '3' -> '5'" in one.changes
    assert "revise" in page(one).text_content()


def test_the_words_of_strangers_are_text(run_of: RunOf, image: Path, store: Store) -> None:
    location = "javascript:alert(1)"
    run = run_of(image, environment={"NOTE": HOSTILE}, location=location)
    capture(run.model_copy(update={"name": HOSTILE}), store)
    elements = list(page(shown(image, store)).iter())
    assert {element.tag for element in elements} <= HARMLESS
    attributes = {(name, value) for element in elements for name, value in element.attrib.items()}
    assert not any(name.startswith("on") or name in ("href", "src") for name, _ in attributes)
    assert not any("url(" in value or "javascript" in value for _, value in attributes)


def test_a_file_without_a_record_is_an_error(image: Path, store: Store) -> None:
    with pytest.raises(NoRecordError):
        shown(image, store)


def test_the_example_runs_in_a_notebook(recorded: Path, tmp_path: Path) -> None:
    pytest.importorskip("papermill", reason="the extra notebook is not installed")
    before = hashlib.sha256(recorded.read_bytes()).hexdigest()
    command = [sys.executable, "-m", "papermill", NOTEBOOK, tmp_path / "out.ipynb", "-p", "product", recorded]
    own = {
        "PYTHONPATH": str(ROOT),
        "EB_HOME": str(tmp_path / "home"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }
    subprocess.run(command, env={**os.environ, **own}, check=True, capture_output=True, timeout=100)
    cells = json.loads((tmp_path / "out.ipynb").read_text())["cells"]
    (output,) = [out["data"] for cell in cells for out in cell.get("outputs", ()) if "data" in out]
    assert "<svg" in "".join(output["text/html"])
    assert "BOUND" in "".join(output["text/plain"])
    assert hashlib.sha256(recorded.read_bytes()).hexdigest() == before

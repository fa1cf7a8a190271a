# SPDX-License-Identifier: Apache-2.0
"""What real servers and clients sent parses without a fault."""

from pathlib import Path

import pytest

from eb_prefect.errors import NotExpressibleError
from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.document import inspect, read_request, write_request
from eb_prefect.wire.text import parse, to_text
from eb_prefect.wire.write import PLAIN, Style

SHARED = Path(__file__).parents[2].parent / "shared" / "fixtures"
if not SHARED.is_dir():  # a worktree lies one folder deeper than a clone
    SHARED = SHARED.parents[2] / "shared" / "fixtures"
FIXTURES = sorted(p for p in SHARED.rglob("*.*") if p.is_file()) if SHARED.is_dir() else []

needs_fixtures = pytest.mark.skipif(not FIXTURES, reason="the shared fixtures are not beside this checkout")


@needs_fixtures
@pytest.mark.parametrize("path", FIXTURES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_a_real_document_has_no_fault_of_form(path: Path) -> None:
    assert inspect(path.read_bytes()).faults == ()


REQUESTS = [
    path
    for path in FIXTURES
    if path.stem.endswith(("offerset-request", "seed-request", "template-androcles"))
]
LACKING = {
    "name",
    "volumes",
    "compute.volumes[0]",
    "storage[0].resources",
    "storage[1].resources",
    "executable.description",
    "compute.description",
    "data[0].description",
    "data[0].kind",
}
OWN_STYLE = {"seed-request.yaml": Style(inline_volumes=True)}


@needs_fixtures
@pytest.mark.parametrize("path", REQUESTS, ids=lambda path: f"{path.parent.name}/{path.name}")
@pytest.mark.parametrize("dialect", [Dialect.A, Dialect.B1, Dialect.B2, Dialect.NEUTRAL])
def test_a_real_request_round_trips_or_is_refused_by_name(path: Path, dialect: Dialect) -> None:
    request = read_request(path.read_bytes())
    try:
        written = write_request(request, dialect)
    except NotExpressibleError as refused:
        names = {field.path for field in refused.fields}
        unexpected = sorted(names - LACKING)
        if unexpected:
            pytest.fail(f"{unexpected} should be expressible")
        return
    assert read_request(to_text(written, "yaml")) == request


@needs_fixtures
@pytest.mark.parametrize("name", ["seed-request.yaml", "offerset-request.yaml"])
def test_a_request_of_the_seeds_days_is_written_back_as_it_came(name: str) -> None:
    text = (SHARED / "A" / name).read_bytes()
    written = write_request(read_request(text), Dialect.A, OWN_STYLE.get(name, PLAIN))
    assert written == parse(text)


SEED = SHARED.parent / "seed" / "execution-broker-demo-notes.txt"


@pytest.mark.skipif(not SEED.is_file(), reason="the seed document is not beside this checkout")
def test_the_request_in_the_seed_itself_loads_unchanged() -> None:
    notes = SEED.read_text()
    text = notes[notes.index("name: notebook-test") : notes.index("We can split it into parts")]
    written = write_request(read_request(text), Dialect.A, Style(inline_volumes=True))
    assert written == parse(text)

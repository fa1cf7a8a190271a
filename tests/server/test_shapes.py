# SPDX-License-Identifier: Apache-2.0
"""Our answers beside those of real servers."""

from collections.abc import Iterator
from typing import Any

import pytest

from eb_prefect.wire.dialect import Dialect
from eb_prefect.wire.text import parse
from tests.brokers.embedded.bench import EmbeddedBench, data
from tests.server.asking import Asking, making
from tests.wire.test_fixtures import SHARED, needs_fixtures

OFFER_SETS = {Dialect.B1: "001-003-offerset-response.json"}
SESSIONS = {Dialect.A: "session-preparing-response.yaml", Dialect.B1: "direct-accepted-response.yaml"}
OPEN = ("volumes", "compute.volumes", "storage", "data", "executable.environment")
OURS = {  # by protocol.md 1.4 and 1.5; the real answers at hand had no reason to have them
    "": {"connectors", "messages", "volumes", "storage", "data"},
    "meta": {"messages", "modified"},
    "executable": {"command", "name", "meta"},
    "executable.meta": {"modified"},
    "compute": {"volumes"},
    "compute.meta": {"modified"},
}


def paths(document: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Yield each place of a document, without numbers, and each key there."""
    for key, item in document.items() if isinstance(document, dict) else ():
        yield at, key
        for each in item if isinstance(item, list) else [item]:
            yield from paths(each, f"{at}.{key}".strip("."))


@needs_fixtures
@pytest.mark.parametrize("dialect", SESSIONS)
def test_a_session_has_what_real_ones_have_where_they_have_it(root: str, dialect: Dialect) -> None:
    asking = Asking(root, dialect)
    session = asking.session(asking.offered(making("true")))
    real = parse((SHARED / dialect / SESSIONS[dialect]).read_bytes())
    added = {(at, key) for at, key in set(paths(session)) - set(paths(real)) if not at.startswith(OPEN)}
    assert {(at, key) for at, key in added if key not in OURS.get(at, ())} == set()


@needs_fixtures
def test_an_offer_set_has_what_real_ones_have(root: str, bench: EmbeddedBench) -> None:
    offers = Asking(root, Dialect.B1).submit(bench.succeeding()).json()
    real = parse((SHARED / "B1" / OFFER_SETS[Dialect.B1]).read_bytes())
    assert offers.keys() == real.keys()
    assert offers["meta"].keys() <= real["meta"].keys() | {"modified"}
    assert offers["kind"] == real["kind"]
    assert offers["offers"][0]["kind"] == real["offers"][0]["kind"]


@pytest.mark.parametrize("dialect", [Dialect.B1, Dialect.B2])
def test_in_b_all_that_describes_is_in_meta(root: str, dialect: Dialect) -> None:
    asking = Asking(root, dialect)
    session = asking.finished(making("true", data=[data("d", "file:///etc/hostname")]))
    described = [session, session["executable"], session["compute"], *session["storage"], *session["data"]]
    for part in described:
        assert {"kind", "meta"} <= part.keys()
        assert not part.keys() & {"type", "uuid", "name", "created", "modified", "messages", "url", "href"}
    assert "url" in session["meta"]
    assert not any("url" in part["meta"] for part in described[1:])


def test_in_a_nothing_is_in_meta(root: str) -> None:
    session = Asking(root, Dialect.A).finished(making("true", data=[data("d", "file:///etc/hostname")]))
    described = [session, session["executable"], session["compute"], *session["storage"], *session["data"]]
    for part in described:
        assert {"type", "uuid"} <= part.keys()
        assert not part.keys() & {"kind", "meta", "modified", "url"}
    assert "href" in session
    assert session["compute"]["volumes"] == [volume["name"] for volume in session["volumes"]]


@needs_fixtures
@pytest.mark.parametrize("name", ["offerset-request.yaml", "seed-request.yaml"])
def test_the_requests_that_were_sent_to_a_servers_are_understood(root: str, name: str) -> None:
    text = (SHARED / "A" / name).read_bytes()
    asking = Asking(root, Dialect.A)
    answer = asking.post("/offersets", None, content=text, headers={"Content-Type": "application/yaml"})
    assert (answer.status_code, answer.json()["result"]) == (303, "NO")  # SKAO's data are not on this machine


@needs_fixtures
@pytest.mark.parametrize("name", sorted(p.name for p in (SHARED / "B1").glob("*offerset-request*")))
def test_the_requests_that_were_sent_to_b1_servers_are_answered_as_they_were(root: str, name: str) -> None:
    path = SHARED / "B1" / name
    media = "application/json" if path.suffix == ".json" else "application/yaml"
    asking = Asking(root, Dialect.B1)
    answer = asking.post("/offersets", None, content=path.read_bytes(), headers={"Content-Type": media})
    assert answer.status_code == (400 if name.startswith("006") else 303), answer.text

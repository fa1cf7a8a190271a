# SPDX-License-Identifier: Apache-2.0
"""Who gets into an interactive session that is served."""

import urllib.error
from pathlib import Path

import pytest

from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.brokers.http.auth import Basic
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.entering import entrances
from eb_prefect.errors import AccessDeniedError, OutputGoneError
from eb_prefect.model.executable import JupyterServer
from eb_prefect.model.parts import Connector
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Session
from eb_prefect.server.run import serving
from eb_prefect.server.users import Users, add_user
from eb_prefect.testing.scripted import ScriptedBroker
from eb_prefect.wire.dialect import Dialect
from tests.brokers.embedded.lab import holding, wait_phase, wait_up
from tests.brokers.embedded.steps import request


def test_its_owner_alone_gets_in_whoever_may_read_it(tmp_path: Path) -> None:
    pytest.importorskip("jupyterlab", reason="the extra notebook is not installed")
    given, users, home = tmp_path / "frames.txt", tmp_path / "users", tmp_path / "home"
    given.write_text("bias\n")
    secrets = {name: add_user(users, name) for name in ("ana", "bo")}
    with serving(EmbeddedBroker(home), home=home, users=Users(users), public_reads=True) as url:
        ana = HTTPBroker(url, auth=Basic("ana", secrets["ana"]))
        others = (HTTPBroker(url), HTTPBroker(url, auth=Basic("bo", secrets["bo"])))
        answer = ana.request_offers(request(JupyterServer(), given))
        session = ana.accept(answer.offers[0].uuid).uuid
        with pytest.raises(OutputGoneError):
            ana.way_in(session)
        inside = wait_up(ana, session)
        assert inside.visit() == 200
        for other in others:
            assert inside.token not in other.session(session).model_dump_json()
            with pytest.raises(AccessDeniedError):
                other.way_in(session)
            with pytest.raises(AccessDeniedError):
                other.release(session)
        for dialect in (Dialect.A, Dialect.B1, Dialect.B2):
            told = HTTPBroker(f"{url}/{dialect}", dialect=dialect, auth=Basic("ana", secrets["ana"]))
            assert told.way_in(session) == inside.link
            now = told.session(session)
            assert isinstance(now.executable, JupyterServer)
            [door] = [each for each in now.connectors if each.kind == "urn:jupyter-notebook"]
            assert (door.status, door.location) == ("AVAILABLE", inside.link.partition("?")[0])
        ana.cancel(session)
        wait_phase(ana, session, "CANCELLED")
        with pytest.raises(OutputGoneError):
            ana.way_in(session)
        with pytest.raises((urllib.error.URLError, ConnectionError)):
            inside.call("GET", "status")
    assert holding(inside.token, home) == []


def test_a_broker_that_has_no_release_leaves_the_session_as_it_is() -> None:
    broker = ScriptedBroker(((0.0, "AVAILABLE"), (60.0, "COMPLETED")))
    with serving(broker) as url:
        ours = HTTPBroker(url)
        answer = ours.request_offers(request(JupyterServer(), Path("/etc/hostname")))
        session = ours.accept(answer.offers[0].uuid).uuid
        assert ours.release(session).phase == Phase.AVAILABLE
        with pytest.raises(OutputGoneError):
            ours.way_in(session)


def test_only_a_way_in_for_people_is_an_entrance() -> None:
    told = [
        ("urn:jupyter-notebook", "AVAILABLE", "https://u:p@host/lab?token=1#2"),
        ("skaha:science-portal", None, "https://host/portal"),
        ("urn:jupyter-notebook", "PREPARING", "https://host/lab"),
        ("urn:jupyter-notebook", "AVAILABLE", None),
        ("urn:eb-prefect:connector/product", "AVAILABLE", "https://host/product"),
        ("executable/docker-container-stdout-get", "AVAILABLE", "https://host/stdout"),
        ("urn:eb-prefect:connector/stderr", "AVAILABLE", "file:///stderr"),
    ]
    links = tuple(Connector(kind=kind, status=status, location=at) for kind, status, at in told)
    session = Session(uuid="u", phase=Phase.AVAILABLE, connectors=links)
    assert [each.location for each in entrances(session)] == [told[0][2], told[1][2]]
    assert entrances(session.model_copy(update={"phase": Phase.COMPLETED})) == ()

# SPDX-License-Identifier: Apache-2.0
"""Brokers over HTTP by URL and by name, from the configuration to the commands."""

import base64
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.named import places_named
from eb_prefect.testing.faults import Faults
from eb_prefect.testing.scripted import SHORT, ScriptedBroker
from eb_prefect.testing.terms import Terms, costs
from eb_prefect.testing.wireserver import ScriptedServer
from tests.choice.values import REQUEST
from tests.cli.walking import Eb, environment

SECRET = "swordfish"
LONG = ((0.0, "RUNNING"), (3600.0, "COMPLETED"))
TEXT = """
name: hello
executable: {kind: urn:eb-prefect:kind/executable/program, command: ["true"]}
schedule: {requested: {duration: PT10M}}
data:
- {name: m31, kind: data/skao-data-resource, skao: {namespace: n, objectname: o, replicas: [{rsename: A_X}]}}
"""


class Served:
    """Scripted brokers at addresses of their own, named in a configuration file."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.file = folder / "brokers.toml"
        self.request = folder / "request.yaml"
        self.request.write_text(TEXT)
        self.file.touch(mode=0o600)
        self._stack = stack

    def serve(self, name: str, *prices: float, lines: str = "", **given: Any) -> ScriptedServer:
        broker = ScriptedBroker(
            given.pop("script", SHORT), offers=[Terms(costs=costs(monetary=p)) for p in prices]
        )
        server = self._stack.enter_context(ScriptedServer(broker, **given))
        self.name(name, server.url, lines)
        return server

    def away(self, name: str) -> str:
        with socket.create_server(("127.0.0.1", 0)) as free:
            url = f"http://127.0.0.1:{free.getsockname()[1]}"
        self.name(name, url)
        return url

    def name(self, name: str, url: str, lines: str = "") -> None:
        with self.file.open("a") as file:
            file.write(f'[brokers.{name}]\nurl = "{url}"\ndialect = "B2"\n{lines}\n')

    def environment(self) -> dict[str, str]:
        return {**environment(self.folder / "home"), "EB_CONFIG": str(self.file)}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    with ExitStack() as stack:
        made = Served(tmp_path, stack)
        monkeypatch.setenv("EB_CONFIG", str(made.file))
        yield made


def test_offers_of_brokers_far_away_are_compared(served: Served, eb: Eb) -> None:
    served.serve("dear", 0.5, 0.3, lines='site = "A"')
    served.serve("cheap", 0.2, lines='site = "B"')
    served.away("gone")
    told = eb(
        "offers",
        served.request,
        "--broker",
        "dear,cheap,gone",
        "--policy",
        "cheapest",
        env=served.environment(),
    )
    assert told.returncode == 0, told.stderr
    head, *lines = told.stdout.splitlines()
    assert {"monetary", "near"} <= set(head.split())
    assert [line.split()[:2] for line in lines[:3]] == [["*", "cheap"], ["dear", "2"], ["dear", "1"]]
    assert ("0 %" in lines[0], "100 %" in lines[1]) == (True, True)
    assert any(line.startswith("no offer: gone can't be reached: ") for line in lines)


def test_if_no_broker_can_be_reached_it_is_another_day(served: Served, eb: Eb) -> None:
    urls = [served.away("one"), served.away("two")]
    told = eb("offers", served.request, "--broker", ",".join(urls), env=served.environment())
    assert told.returncode == 4, told.stderr


def test_a_step_runs_at_the_cheapest_alone(served: Served, eb: Eb) -> None:
    dear, cheap = served.serve("dear", 0.5), served.serve("cheap", 0.2)
    words = ("--broker", "dear", "--broker", "cheap", "--policy", "cheapest", "--where", "monetary <= 0.4")
    ran = eb("run", served.request, *words, "--json", env=served.environment())
    assert ran.returncode == 0, ran.stderr
    assert (dear.calls["accept"], cheap.calls["accept"], cheap.broker.runs) == (0, 1, 1)
    session = json.loads(ran.stdout)["session"]
    found = eb("session", session, "--broker", "dear,cheap", "--json", env=served.environment())
    assert json.loads(found.stdout)["phase"] == "COMPLETED"


def test_no_location_that_a_broker_tells_commands_the_terminal(served: Served, eb: Eb) -> None:
    hostile = Faults(redirect_to="http://127.0.0.1:1/\x1b]0;owned\x07")
    server = served.serve("spsrc", 0.5, script=((0.0, "FAILED"),), faults=hostile)
    server.broker.streams["stdout"] = "x"
    ran = eb("run", served.request, "--broker", "spsrc", env=served.environment())
    assert (ran.returncode, "\x1b" in ran.stdout) == (1, False)
    assert "owned" in ran.stdout


def test_the_default_broker_is_that_of_the_configuration(served: Served, eb: Eb) -> None:
    server = served.serve("spsrc", 0.5)
    with served.file.open("a") as file:
        file.write('[defaults]\nbroker = "spsrc"\n')
    assert eb("run", served.request, env=served.environment()).returncode == 0
    assert server.broker.runs == 1


@pytest.mark.parametrize("kind", ["password", "token"])
def test_credentials_come_from_where_the_configuration_says(served: Served, eb: Eb, kind: str) -> None:
    (served.folder / "secret").write_text(f"{SECRET}\n")
    auth = ("me", SECRET) if kind == "password" else SECRET
    user = 'user = "me"\n' if kind == "password" else ""
    served.serve("spsrc", 0.5, lines=f'{user}{kind}_file = "secret"', auth=auth)
    told = eb("offers", served.request, "--broker", "spsrc", env=served.environment())
    assert told.returncode == 0, told.stderr
    (served.folder / "secret").write_text("perch\n")
    told = eb("offers", served.request, "--broker", "spsrc", "--json", env=served.environment())
    assert told.returncode == 4, told.stderr
    assert json.loads(told.stdout)["failures"][0]["type"] == "AccessDeniedError"
    assert "perch" not in told.stdout + told.stderr


def test_a_url_that_is_in_the_configuration_has_its_credentials(served: Served, eb: Eb) -> None:
    lines = f'user = "me"\npassword = "{SECRET}"'
    server = served.serve("spsrc", 0.5, lines=lines, auth=("me", SECRET))
    (place,) = places_named([f"{server.url}/"])
    assert place.name == "spsrc"
    assert isinstance(place.broker, HTTPBroker)
    with place.broker as broker:
        assert broker.request_offers(REQUEST).result == "YES"
    hidden = (SECRET, base64.b64encode(f"me:{SECRET}".encode()).decode())
    assert not any(secret in f"{place!r} {place.broker.identity!r}" for secret in hidden)


def test_a_url_that_is_not_is_a_broker_all_the_same(served: Served) -> None:
    (place,) = places_named(["http://127.0.0.1:1/eb"])
    assert isinstance(place.broker, HTTPBroker)
    assert (place.broker.identity.url, place.site.name) == ("http://127.0.0.1:1/eb", None)


def test_a_cancel_that_does_not_stick_is_told(served: Served, eb: Eb) -> None:
    server = served.serve("spsrc", 0.5, script=LONG, faults=Faults(cancel_does_not_stick=True))
    with HTTPBroker(server.url) as broker:
        session = broker.request_offers(REQUEST).offers[0].uuid
        broker.accept(session)
    told = eb("cancel", session, "--broker", "spsrc", env=served.environment())
    assert told.returncode == 1
    assert told.stdout == (
        f"{session}: RUNNING; the broker was asked to end it and has not in 5 s, so it may go on\n"
    )
    server.faults = Faults()
    told = eb("cancel", session, "--broker", "spsrc", env=served.environment())
    assert (told.returncode, told.stdout) == (0, f"{session}: CANCELLED\n")

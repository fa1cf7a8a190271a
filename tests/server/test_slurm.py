# SPDX-License-Identifier: Apache-2.0
"""A Slurm cluster as an Execution Broker over HTTP."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from eb_prefect.brokers.http.auth import Basic
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.errors import AccessDeniedError
from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Session
from eb_prefect.outputs import read, stream
from eb_prefect.server.run import serving
from eb_prefect.server.users import Users, add_user
from eb_prefect.testing.contract import BrokerContract, finish
from eb_prefect.wire.dialect import Dialect
from tests.brokers.slurm.bench import SlurmBench
from tests.server.asking import Asking, making, uuid_of
from tests.server.test_curl import B2, A, bash
from tests.server.test_serve import eb, served
from tests.slurm import Slurm


@dataclass(frozen=True)
class ServedSlurmBench(SlurmBench):
    """The Slurm bench behind servers; it names them, so it can be pickled."""

    usual: str = ""
    brief: str = ""
    dialect: Dialect | None = None

    def broker(self) -> HTTPBroker:  # type: ignore[override]  # the same programs, by way of a server
        return HTTPBroker(self.usual, dialect=self.dialect)

    def short_lived(self) -> HTTPBroker:  # type: ignore[override]  # the same
        return HTTPBroker(self.brief, dialect=self.dialect)


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory, slurm: Slurm) -> SlurmBench:
    return SlurmBench(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="module")
def urls(inside: SlurmBench) -> Iterator[tuple[str, str]]:
    with (
        serving(inside.broker(), home=inside.home) as usual,
        serving(inside.short_lived(), home=inside.home) as brief,
    ):
        yield usual, brief


class TestServedSlurm(BrokerContract):
    @pytest.fixture
    def bench(self, tmp_path: Path, urls: tuple[str, str]) -> ServedSlurmBench:
        usual, brief = (f"{url}/{Dialect.B2}" for url in urls)
        return ServedSlurmBench(tmp_path, usual=usual, brief=brief, dialect=Dialect.B2)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str, str]:
    file = tmp_path_factory.mktemp("users") / "users"
    return file, add_user(file, "ana"), add_user(file, "bo")


@pytest.fixture(scope="module")
def guarded(inside: SlurmBench, secrets: tuple[Path, str, str]) -> Iterator[str]:
    with serving(inside.broker(), home=inside.home, users=Users(secrets[0])) as url:
        yield url


@pytest.fixture
def ana(guarded: str, secrets: tuple[Path, str, str]) -> HTTPBroker:
    return HTTPBroker(guarded, auth=Basic("ana", secrets[1]))


@pytest.fixture
def bo(guarded: str, secrets: tuple[Path, str, str]) -> HTTPBroker:
    return HTTPBroker(guarded, auth=Basic("bo", secrets[2]))


def finished(broker: HTTPBroker, inside: SlurmBench, script: str) -> Session:
    """Run a script as a session of the broker's user, to its end."""
    offer = broker.request_offers(making(script)).offers[0]
    return finish(broker, offer, inside)


def test_streams_products_and_what_slurm_knows_are_read_through_it(
    ana: HTTPBroker, inside: SlurmBench
) -> None:
    session = finished(ana, inside, "echo it > /output/x; echo said; echo no >&2")
    assert session.phase == Phase.COMPLETED, session.messages
    (product,) = session.products
    assert b"".join(read(ana, product.location)) == b"it\n"
    assert [b"".join(stream(ana, session, name)) for name in ("stdout", "stderr")] == [b"said\n", b"no\n"]
    outcome = session.outcome
    assert outcome is not None
    assert (outcome.exit_code, outcome.state, len(outcome.nodes)) == (0, "COMPLETED", 1)


def test_another_user_sees_reads_and_ends_nothing(ana: HTTPBroker, bo: HTTPBroker, guarded: str) -> None:
    session = ana.accept(ana.request_offers(making("sleep 60")).offers[0].uuid).uuid
    for verb in (bo.session, bo.cancel, bo.accept, bo.reject):
        with pytest.raises(AccessDeniedError):
            verb(session)
    with pytest.raises(AccessDeniedError):
        b"".join(bo.read(f"{guarded}/sessions/{session}/docker/stdout-get"))
    assert not ana.session(session).is_final
    ana.cancel(session)


def test_another_user_reads_no_product(ana: HTTPBroker, bo: HTTPBroker, inside: SlurmBench) -> None:
    (product,) = finished(ana, inside, "echo it > /output/x").products
    with pytest.raises(AccessDeniedError):
        b"".join(bo.read(product.location))


def test_a_refusal_of_slurm_comes_with_its_reason(ana: HTTPBroker, inside: SlurmBench) -> None:
    told = ana.request_offers(inside.impossible())
    assert told.result == "NO"
    assert "100000 cores are asked for; a node of queue main has 8" in str(told.messages)


def test_the_command_serves_it_and_a_killed_server_s_sessions_are_found_by_the_next(
    tmp_path: Path, slurm: Slurm
) -> None:
    users = tmp_path / "users"
    secret = eb(tmp_path, "--users", users, "--add-user", "ana").stdout.strip()
    with served(tmp_path, "--broker", "slurm", "--users", users) as (process, url):
        asking = Asking(url, auth=("ana", secret))
        offers = asking.submit(making("sleep 2; echo it > /output/x; echo said")).json()
        session = uuid_of(offers["offers"][0])
        assert asking.update(session, "ACCEPTED").json()["phase"] == "WAITING"
        process.kill()
        process.wait()
    with served(tmp_path, "--broker", "slurm", "--users", users) as (_, url):
        asking = Asking(url, auth=("ana", secret))
        final = asking.final(session)
        assert final["phase"] == "COMPLETED"
        assert [asking.get(each["location"]).text for each in final["connectors"]] == ["said\n", "", "it\n"]


@pytest.mark.skipif(not shutil.which("curl"), reason="it is about curl")
@pytest.mark.parametrize("script", [B2, A], ids=["B2", "A"])
def test_curl_is_enough(urls: tuple[str, str], tmp_path: Path, script: str) -> None:
    told = bash(f"url={urls[0]}{script}", tmp_path)
    assert told == '  "phase": "COMPLETED",\ncounted\n'
    assert (tmp_path / "numbers.txt").read_text() == "1\n2\n3\n"

# SPDX-License-Identifier: Apache-2.0
import asyncio
import importlib
import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from prefect import flow
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_HOME,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    temporary_settings,
)
from prefect.testing.standard_test_suites import BlockStandardTestSuite
from pydantic import SecretStr, ValidationError

from eb_prefect.blocks import ExecutionBroker, OfferPolicy
from eb_prefect.brokers.batch.settings import BatchSettings
from eb_prefect.brokers.configuration import BrokerEntry
from eb_prefect.brokers.http.broker import HTTPBroker
from eb_prefect.brokers.making import settings
from eb_prefect.brokers.named import broker_named, places_named
from eb_prefect.brokers.several import SeveralBrokers
from eb_prefect.brokers.slurm.broker import SlurmBroker
from eb_prefect.choice.nearness import Site
from eb_prefect.errors import (
    BrokerUnavailableError,
    InvalidChoiceError,
    InvalidConfigurationError,
    UnknownBrokerError,
)
from eb_prefect.model.phase import Phase
from eb_prefect.tasks import step
from provenance.blocks import RecordStore
from provenance.store import Store
from tests.brokers.embedded.bench import program
from tests.cli.walking import calling, request, runs
from tests.slurm import Slurm

ROOT = Path(__file__).parents[2]
CLUSTER: dict[str, Any] = {"kind": "slurm", "queues": ["brief"], "interval": 0.2}
SECRET = "swordfish"


class TestByPrefectsConventions(BlockStandardTestSuite):
    @pytest.fixture(params=[ExecutionBroker, OfferPolicy, RecordStore])
    def block(self, request: pytest.FixtureRequest) -> type[Block]:
        found: type[Block] = request.param
        return found

    def test_its_form_has_a_field_for_each_thing(self, block: type[Block]) -> None:
        form = block.model_json_schema()["properties"]
        assert not [
            name
            for name, field in form.items()
            if "anyOf" in field or ("default" in field and field["default"] is None)
        ]

    @pytest.mark.skip(reason="they have no pictures, which would be fetched from elsewhere")
    def test_has_a_valid_image(self, block: type[Block]) -> None: ...


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("EB_CONFIG", str(tmp_path / "brokers.toml"))
    (tmp_path / "brokers.toml").touch()


@pytest.fixture
def saved(prefect_api: str, tmp_path: Path) -> Callable[..., str]:
    """Return what keeps a block on the server and returns its name."""

    def save(**given: Any) -> str:
        ExecutionBroker(**given).save("my-own", overwrite=True)
        return "execution-broker/my-own"

    return save


def test_it_is_named_where_a_broker_is(saved: Callable[..., str]) -> None:
    name = saved(**CLUSTER, site="SPSRC")
    (place,) = places_named([name])
    assert isinstance(place.broker, SlurmBroker)
    assert (place.name, place.site) == (name, Site("SPSRC"))
    assert isinstance(broker_named(f"embedded,{name}"), SeveralBrokers)


def test_it_is_found_from_an_async_flow_too(saved: Callable[..., str]) -> None:
    name = saved(**CLUSTER)

    async def found() -> object:
        return broker_named(name)

    assert isinstance(asyncio.run(found()), SlurmBroker)


def test_it_is_the_same_as_an_entry_of_the_file(saved: Callable[..., str]) -> None:
    given = {**CLUSTER, "options": ["--account=ska"], "setup": ["module load podman"], "directory": "/s"}
    saved(**given)
    entry = ExecutionBroker.load("my-own", _sync=True).entry()  # type: ignore[call-arg]
    assert entry == BrokerEntry(**given)
    assert settings(entry) == BatchSettings(
        ("brief",), ("--account=ska",), ("module load podman",), "/s", interval=0.2
    )


def test_it_has_each_field_of_the_file() -> None:
    assert set(ExecutionBroker.model_fields) == set(BrokerEntry.model_fields)


def test_it_says_who_asks(saved: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINE", SECRET)
    broker = broker_named(saved(url="https://broker.example/eb", token_env="MINE"))
    assert isinstance(broker, HTTPBroker)
    assert (broker.identity.url, broker.identity.name) == (
        "https://broker.example/eb",
        "execution-broker/my-own",
    )


async def test_a_secret_is_not_shown_by_the_server(prefect_api: str) -> None:
    block = ExecutionBroker(url="https://b.example", user="me", password=SecretStr(SECRET))
    await block.asave("with-a-secret", overwrite=True)
    async with get_client() as client:
        kept = await client.read_block_document_by_name(
            "with-a-secret", "execution-broker", include_secrets=False
        )
    assert SECRET not in f"{kept!r}{block!r}"
    again = await ExecutionBroker.aload("with-a-secret")
    assert again.password is not None
    assert again.password.get_secret_value() == SECRET


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"kind": "slurm", "dialect": "A"},
        {"url": "https://b.example", "user": "me"},
        {"url": "https://b.example", "colour": "red"},
    ],
)
def test_what_the_file_may_not_say_a_block_may_not_either(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ExecutionBroker(**given)


def test_what_was_changed_is_checked_before_it_is_used() -> None:
    block = ExecutionBroker(**CLUSTER)
    block.dialect = "A"
    with pytest.raises(InvalidConfigurationError, match="the slurm broker has no dialect"):
        block.broker()


def test_a_block_that_is_not_there_is_an_unknown_broker(prefect_api: str) -> None:
    with pytest.raises(UnknownBrokerError, match=r"'execution-broker/nobody'; there is .*prefect block ls"):
        broker_named("execution-broker/nobody")


def test_a_server_that_does_not_answer_is_told(tmp_path: Path) -> None:
    gone = {PREFECT_API_URL: "http://127.0.0.1:9/api", PREFECT_HOME: tmp_path}
    with (
        temporary_settings(gone),
        pytest.raises(BrokerUnavailableError, match=r"the Prefect server http://127\.0\.0\.1:9/api"),
    ):
        broker_named("execution-broker/my-own")


def test_without_a_server_its_setting_is_asked_for(tmp_path: Path) -> None:
    nowhere = {PREFECT_API_URL: None, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: False, PREFECT_HOME: tmp_path}
    with temporary_settings(nowhere), pytest.raises(InvalidConfigurationError, match="PREFECT_API_URL"):
        broker_named("execution-broker/my-own")


@pytest.mark.parametrize(
    ("point", "slug", "block"),
    [
        ("eb_prefect", "execution-broker", ExecutionBroker),
        ("eb_prefect", "offer-policy", OfferPolicy),
        ("eb_provenance", "record-store", RecordStore),
    ],
)
def test_prefect_finds_them_by_the_entry_points(point: str, slug: str, block: type[Block]) -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    importlib.import_module(points["prefect.collections"][point])
    assert Block.get_block_class_from_key(slug) is block


def test_what_prefect_imports_wherever_it_starts_is_light() -> None:
    heavy = "{'sqlalchemy', 'starlette', 'astropy', 'numpy'}"
    code = "import sys, prefect; from prefect.blocks.core import Block; before = set(sys.modules);"
    code += f"import eb_prefect.blocks, provenance.blocks; print(({heavy} & set(sys.modules)) - before)"
    told = subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.PIPE)
    assert told.stdout == b"set()\n"


def test_a_policy_is_a_broker_that_stands_for_several(saved: Callable[..., str]) -> None:
    name = saved(**CLUSTER)
    given = OfferPolicy(brokers=[name, "embedded"], policy="soonest", constraints=["cores >= 1"])
    given.save("soon", overwrite=True)
    broker = OfferPolicy.load("soon").broker()  # type: ignore[union-attr]
    assert isinstance(broker, SeveralBrokers)
    assert broker.request_offers(program("true")).result == "YES"


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"brokers": ["nobody"]}, UnknownBrokerError),
        ({"brokers": ["embedded"], "policy": "dearest"}, InvalidChoiceError),
        ({"brokers": ["embedded"], "constraints": ["cores"]}, InvalidChoiceError),
    ],
)
def test_a_policy_that_can_not_be_used_says_so(given: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        OfferPolicy(**given).broker()


@pytest.mark.parametrize("given", [{}, {"path": "a.db", "url": "postgresql://h/n"}])
def test_a_store_is_in_one_place(given: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="either path or url"):
        RecordStore(**given)


async def test_a_store_comes_back_with_its_password(prefect_api: str, tmp_path: Path) -> None:
    url = f"postgresql://eb:{SECRET}@127.0.0.1:9/records"
    await RecordStore(url=SecretStr(url)).asave("team", overwrite=True)
    again = await RecordStore.aload("team")
    assert (again.store().place, SECRET in repr(again)) == (url, False)
    assert RecordStore(path=tmp_path / "r.db").store().place == Store(tmp_path / "r.db").place


def test_it_is_registered_by_the_module(prefect_environment: dict[str, str]) -> None:
    words = [sys.executable, "-m", "prefect", "block", "register", "-m", "eb_prefect.blocks"]
    done = subprocess.run(words, env=prefect_environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "registered 2 blocks" in done.stdout


def test_our_package_does_not_import_prefect() -> None:
    code = "import sys, eb_prefect, eb_prefect.brokers.named; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@flow
def on_the_cluster(name: str) -> str:
    """Run a step on the broker of a block."""
    run = step(broker_named(name), program("hostname"), name="where")
    assert run.session.outcome is not None
    return f"{run.session.phase} {run.session.outcome.state}"


def test_a_flow_runs_a_step_on_slurm_from_a_block(saved: Callable[..., str], slurm: Slurm) -> None:
    assert on_the_cluster(saved(**CLUSTER)) == f"{Phase.COMPLETED} COMPLETED"


def test_the_command_takes_a_block(
    saved: Callable[..., str], slurm: Slurm, prefect_environment: dict[str, str], tmp_path: Path
) -> None:
    name = saved(**CLUSTER)
    (tmp_path / "frame.fits").write_bytes(b"a frame")
    env = {**prefect_environment, **os.environ, "PREFECT_API_URL": prefect_environment["PREFECT_API_URL"]}
    eb = calling(tmp_path, tmp_path / "home")
    made = eb("run", request(tmp_path), "--broker", name, "--out", tmp_path / "made", env=env)
    assert made.returncode == 0, made.stderr
    assert (runs(tmp_path), (tmp_path / "made" / "copy.fits").read_bytes()[:7]) == (1, b"a frame")
    told = eb("run", request(tmp_path), "--broker", "execution-broker/nobody", env=env)
    assert (told.returncode, told.stdout) == (2, "")
    assert "there is no broker named 'execution-broker/nobody'" in told.stderr

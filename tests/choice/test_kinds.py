# SPDX-License-Identifier: Apache-2.0
from importlib.util import find_spec
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.broker import BatchBroker
from eb_prefect.brokers.named import broker_named
from eb_prefect.brokers.panda.broker import PandaBroker
from eb_prefect.brokers.slurm.broker import RemoteSlurmBroker, SlurmBroker
from eb_prefect.errors import InvalidConfigurationError

FILE = """
[brokers.here]
kind = "slurm"
queues = ["long"]
options = ["--account=ska"]

[brokers.there]
kind = "slurm"
ssh = "me@login.example"
setup = ["module load podman"]

[brokers.rest]
kind = "slurm"
url = "unix:/run/slurmrestd.sock"

[brokers.grid]
kind = "panda"
url = "https://panda.example:25443"
vo = "ska"
token_env = "PANDA_TOKEN"

[brokers.old]
kind = "pbs"
queues = ["workq"]
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "brokers.toml"
    path.write_text(FILE)
    monkeypatch.setenv("EB_CONFIG", str(path))
    monkeypatch.setenv("EB_HOME", str(tmp_path / "home"))
    return path


@pytest.mark.parametrize(
    ("name", "kind", "is_a"),
    [
        ("slurm", "slurm", SlurmBroker),
        ("here", "slurm", SlurmBroker),
        ("rest", "slurm", SlurmBroker),
        ("there", "slurm", RemoteSlurmBroker),
        ("grid", "panda", PandaBroker),
    ],
)
def test_a_batch_system_has_a_name(file: Path, name: str, kind: str, is_a: type) -> None:
    broker = broker_named(name)
    assert isinstance(broker, is_a)
    assert broker.identity.kind == kind


def test_a_cluster_elsewhere_is_told_by_its_login_node(file: Path) -> None:
    assert broker_named("there").identity.name == "slurm on login.example"


@pytest.mark.skipif(find_spec("psij") is None, reason="needs the extra psij")
def test_others_go_through_psij(file: Path) -> None:
    broker = broker_named("old")
    assert isinstance(broker, BatchBroker)
    assert broker.identity.kind == "pbs"


@pytest.mark.skipif(find_spec("psij") is not None, reason="the extra psij is installed")
def test_without_psij_its_extra_is_named(file: Path) -> None:
    with pytest.raises(InvalidConfigurationError, match=r"eb-prefect\[psij\]"):
        broker_named("old")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('kind = "slurm"\ndialect = "A"', "the slurm broker has no dialect"),
        ('kind = "pbs"\nssh = "login"', "the pbs broker has no ssh"),
        ('url = "https://x.example"\nqueues = ["a"]', "the http broker has no queues"),
        ('kind = "panda"\nurl = "https://x.example"', "vo is missing"),
        ('kind = "panda"\nvo = "a"\nurl = "https://x.example"\nmode = "jobs"', "need one queue"),
        ('kind = "slurm"\ninterval = 0', "greater than or equal to 0.1"),
    ],
)
def test_what_a_kind_has_not_is_told(file: Path, line: str, reason: str) -> None:
    file.write_text(f"[brokers.x]\n{line}\n")
    with pytest.raises(InvalidConfigurationError, match=reason):
        broker_named("x")

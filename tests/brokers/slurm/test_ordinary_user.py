# SPDX-License-Identifier: Apache-2.0
import os
import pwd
from pathlib import Path

import pytest

from eb_prefect.testing.contract import wait_until
from eb_prefect.testing.scheduler_bench import ended, lines, submission
from tests.brokers.slurm.resting import RestBench
from tests.ordinary import User, passes_as, place_of
from tests.slurm import Slurm

NOBODY = User(65534, 65534)
FILES = ["tests/brokers/slurm/test_rest_contract.py", "tests/brokers/slurm/test_command_line.py"]
HERE = Path("tests/brokers/slurm")
BROKER = ("test_contract.py",)
MORE = ("test_refusals.py", "test_ends.py", "test_cancelling.py", "test_lost_answers.py")
SOME = "number or books or cancelled or found or log or ended_well or process"

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can become another user; the suite runs as one already"
)


def test_a_cluster_of_root_runs_what_an_ordinary_user_submits(
    slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EB_TEST_SLURM", str(slurm.directory))
    monkeypatch.setenv("EB_TEST_SLURM_USER", "nobody")
    monkeypatch.setenv("EB_TEST_SLURM_TOKEN", slurm.token_of("nobody"))
    passes_as(NOBODY, FILES, "-k", SOME)


@pytest.mark.skipif("EB_SLURM_SLOW" not in os.environ, reason="takes long; EB_SLURM_SLOW=1 runs it")
def test_an_ordinary_user_can_have_a_cluster(slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("EB_TEST_SLURM", "SLURM_CONF"):
        monkeypatch.delenv(name)
    passes_as(NOBODY, FILES, "-k", SOME)


def test_a_session_runs_as_the_user_of_the_token(slurm: Slurm) -> None:
    token = slurm.token_of("nobody")
    with place_of(NOBODY) as place:
        bench = RestBench(place, slurm.url, "nobody", token)
        scheduler = bench.scheduler()
        given = submission(bench, "id -un")
        ended(scheduler, bench, scheduler.submit(given))
        wait_until(lambda: lines(given.log) == ["nobody"], bench.patience)


@pytest.mark.timeout(900)
def test_slurm_serves_an_ordinary_user_as_it_serves_root(
    slurm: Slurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = (each for each in pwd.getpwall() if 1000 <= each.pw_uid < 60000 and each.pw_shell.endswith("sh"))
    if (person := next(people, None)) is None:
        pytest.skip("this machine has no ordinary user with a shell")
    for name in ("USER", "LOGNAME"):
        monkeypatch.setenv(name, person.pw_name)
    whole = os.environ.get("EB_ORDINARY_USER") == "all"
    files = [str(HERE / name) for name in (*BROKER, *(MORE if whole else ()))]
    kinds = "not Remote" if whole else "TestSlurmBroker and not REST"
    passes_as(User(person.pw_uid, person.pw_gid), files, "-x", "-k", kinds)

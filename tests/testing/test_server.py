# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import httpx
import pytest

from eb_prefect.model.executable import Program
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.testing.mix import Mix, classes

MIX = "cutout:20:0.3:0.5,imaging:600:0.4:0.3,calibration:3000:0.3:0.2"


@contextmanager
def running(*options: str) -> Iterator[httpx.Client]:
    command = [sys.executable, "-m", "eb_prefect.testing.server", "--until-eof", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        url = json.loads(process.stdout.readline())["url"]
        with httpx.Client(base_url=url, trust_env=False) as client:
            yield client
        process.stdin.close()
        assert process.wait(10) == 0


def test_it_runs_sessions_and_tells_their_true_ends() -> None:
    with running("--durations", MIX, "--speed", "10000") as client:
        began = time.time()
        sessions = client.post("/-/sessions?count=20").json()["sessions"]
        ends = client.get("/-/ends").json()
        while (left := max(ends.values()) - time.time()) > -0.01:
            time.sleep(max(left, 0.01))
        phases = {client.get(f"/sessions/{uuid}").json()["phase"] for uuid in sessions}
        calls = client.get("/-/calls").json()
    assert ends.keys() == set(sessions)
    assert all(began < end < began + 5 for end in ends.values())
    assert phases == {"COMPLETED"}
    assert calls == {"session": 20}


def test_its_faults_can_be_set_from_another_process() -> None:
    with running("--faults", '{"unavailable": 1}', "--dialect", "A") as client:
        statuses = [client.get("/sessions/nothing").status_code for _ in range(2)]
        assert client.post("/-/faults", json={"too_many": 1, "retry_after": "3"}).status_code == 200
        statuses.append(client.get("/sessions/nothing").status_code)
        assert client.post("/-/faults", json={"no_such": 1}).status_code == 400
        assert client.post("/-/faults").status_code == 200
        assert client.get("/-/nothing").status_code == 404
    assert statuses == [503, 400, 429]


def test_it_forgets_when_it_is_told_to() -> None:
    with running() as client:
        session = client.post("/-/sessions").json()["sessions"][0]
        client.post("/-/forget")
        assert client.get(f"/sessions/{session}").status_code == 404


def test_it_ends_at_a_signal() -> None:
    command = [sys.executable, "-m", "eb_prefect.testing.server"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        process.stdout.readline()
        process.terminate()
        assert process.wait(10) == 0


def test_the_same_seed_draws_the_same_durations() -> None:
    def drawn(seed: int) -> list[object]:
        mix = Mix(classes(MIX), seed=seed)
        return [mix(mix.request()) for _ in range(20)]

    assert drawn(1) == drawn(1) != drawn(2)


def test_durations_are_spread_about_their_median() -> None:
    mix = Mix(classes("imaging:600:0.4:1"), seed=7)
    lasting = sorted(mix(mix.request())[-1][0] for _ in range(2000))
    assert 570 < median(lasting) < 630
    assert lasting[320] == pytest.approx(600 * 2.718 ** (-0.4), rel=0.1)


def test_classes_come_by_their_shares_or_by_name() -> None:
    mix = Mix(classes(MIX), seed=7)
    names = [mix.request().executable.name for _ in range(1000)]
    assert 450 < names.count("cutout") < 550
    named = ExecutionRequest(executable=Program(name="calibration", command=("true",)))
    assert min(mix(named)[-1][0] for _ in range(50)) > 1000


def test_a_share_of_sessions_fails() -> None:
    mix = Mix(classes(MIX), failing=0.5)
    ends = [mix(mix.request())[-1][1] for _ in range(200)]
    assert 60 < ends.count("FAILED") < 140


@pytest.mark.parametrize("text", ["", "cutout", "cutout:20:0.3", "cutout:a:b:c"])
def test_a_mix_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        classes(text)

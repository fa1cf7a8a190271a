# SPDX-License-Identifier: Apache-2.0
import json
import os
import pickle
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from eb_prefect.brokers.batch.scheduler import SubmissionRefusedError
from eb_prefect.brokers.slurm.rest import SlurmREST
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import wait_until
from eb_prefect.testing.scheduler_bench import booked, ended, submission, waiting
from tests.brokers.slurm.between import Between, between, counted
from tests.brokers.slurm.resting import RestBench
from tests.slurm import Slurm


@pytest.fixture
def bench(tmp_path: Path, slurm: Slurm) -> RestBench:
    return RestBench(tmp_path, slurm.url, slurm.user, slurm.token)


@pytest.fixture
def middle(slurm: Slurm) -> Iterator[Between]:
    with between(slurm.url) as server:
        yield server


@pytest.fixture
def watched(middle: Between, bench: RestBench) -> SlurmREST:
    """A scheduler whose requests go through the server in the middle."""
    return replace(bench, at=middle.url).scheduler()


def token_of_environment() -> str:
    return os.environ["EB_TEST_SLURM_TOKEN"]


def brief_token(seconds: int) -> str:
    asked = ("scontrol", "token", f"lifespan={seconds}")
    said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout
    return said.strip().removeprefix("SLURM_JWT=")


def test_a_unix_socket_will_do(slurm: Slurm, bench: RestBench) -> None:
    scheduler = replace(bench, at=f"unix:{slurm.socket}").scheduler()
    (handle,) = scheduler.submit(submission(bench, "true"))
    assert ended(scheduler, bench, [handle])[handle].phase is Phase.COMPLETED


@pytest.mark.parametrize("version", [38, 40, 41, 42])
def test_each_version_that_the_daemon_has_will_do(
    slurm: Slurm, middle: Between, bench: RestBench, version: int
) -> None:
    if slurm.is_24 != (version >= 40):
        pytest.skip(f"this slurmrestd has no v0.0.{version}")
    scheduler = replace(bench, at=middle.url, newest=version).scheduler()
    handles = scheduler.submit(submission(bench, "exit $((EB_TASK + 2))", tasks=2))
    books = booked(scheduler, bench, handles)
    assert [books[handle].exit_code for handle in handles] == [2, 3]
    assert all(f"/v0.0.{version}/" in asked for asked in middle.asked[1:])


def test_partitions_are_what_the_cluster_has(bench: RestBench) -> None:
    main, brief, closed = bench.scheduler().queues()
    assert (main.name, main.cores, main.memory, main.minutes, main.gpus) == ("main", 8, 8192, 0, 1)
    assert (brief.name, brief.minutes, brief.gpus, brief.closed) == ("brief", 10, 0, "")
    assert closed.closed == "partition closed is drain"


@pytest.mark.parametrize("ways", [{"memory": 1 << 30}, {"gpus": 4}, {"queue": "closed"}, {"queue": "none"}])
def test_a_refusal_has_words_of_slurm(bench: RestBench, ways: dict[str, object]) -> None:
    with pytest.raises(SubmissionRefusedError, match=r"not available|Invalid partition"):
        bench.scheduler().submit(replace(submission(bench, "true"), **ways))  # type: ignore[arg-type]


def test_more_cores_than_slurm_can_count_are_refused(bench: RestBench) -> None:
    given = replace(submission(bench, "true"), cores=100_000)
    with pytest.raises(SubmissionRefusedError, match="100000 cores"):
        bench.scheduler().submit(given)


def test_an_option_that_rest_has_not_is_told_before(bench: RestBench) -> None:
    given = submission(bench, "true", options=("--profile=all",))
    assert "--profile" in bench.scheduler().trial(given).refusal
    with pytest.raises(SubmissionRefusedError, match="--profile"):
        bench.scheduler().submit(given)


def test_options_reach_slurm(bench: RestBench) -> None:
    scheduler = bench.scheduler()
    options = ("--account=eb", "-H", "--nice", "7", "--gres=gpu:1", "-wn1")
    (handle,) = scheduler.submit(submission(bench, "true", options=options))
    shown = subprocess.run(
        ["scontrol", "show", "job", handle], capture_output=True, text=True, check=True, timeout=20
    )
    scheduler.cancel([handle])
    for word in ("Account=eb", "Nice=7", "Reason=JobHeldUser", "gpu:1", "Requeue=0", "ReqNodeList=n1"):
        assert word in shown.stdout


def test_programs_find_who_and_where_they_are(bench: RestBench) -> None:
    scheduler = bench.scheduler()
    given = submission(bench, 'test -d "$HOME" && test "$USER" = "$(id -un)" && echo "$USER" "$EB_HANDLE"')
    (handle,) = scheduler.submit(given)
    assert ended(scheduler, bench, [handle])[handle].phase is Phase.COMPLETED
    wait_until(lambda: Path(given.log).read_text() == f"{bench.user} {handle}\n", 5)


def test_a_thousand_tasks_are_looked_at_in_one_call(
    watched: SlurmREST, middle: Between, bench: RestBench
) -> None:
    handles = watched.submit(waiting(bench, tasks=1000))
    assert len(handles) == 1000
    found = counted(middle, lambda: watched.look(handles))
    assert len(found) == 1
    assert {seen.phase for seen in watched.look(handles).values()} == {Phase.WAITING}
    watched.cancel(handles)
    assert {seen.phase for seen in watched.look(handles).values()} == {Phase.CANCELLED}


def test_a_list_that_slurm_cuts_off_hides_no_task(bench: RestBench) -> None:
    scheduler = bench.scheduler()
    given = waiting(bench, tasks=200)
    handles = scheduler.submit(given)
    scheduler.cancel(handles[1::2])
    found = scheduler.find(given.identifier)
    assert [found[number] for number in range(0, 200, 2)] == list(handles[::2])
    seen = scheduler.look(handles)
    assert {seen[handle].phase for handle in handles[::2]} == {Phase.WAITING}
    assert {seen[handle].phase for handle in handles[1:10:2]} <= {Phase.CANCELLED}
    scheduler.cancel(handles)


def test_an_array_is_cancelled_by_few_calls(watched: SlurmREST, middle: Between, bench: RestBench) -> None:
    handles = watched.submit(waiting(bench, tasks=1000))
    assert len(counted(middle, lambda: watched.cancel(handles))) <= 4


def test_several_submissions_are_looked_at_in_one_call(
    watched: SlurmREST, middle: Between, bench: RestBench
) -> None:
    handles = [*watched.submit(waiting(bench)), *watched.submit(waiting(bench, tasks=2))]
    assert len(counted(middle, lambda: watched.look(handles))) == 1
    assert len(watched.look(handles)) == 3
    watched.cancel(handles)


def test_a_lost_answer_is_found_afterwards(watched: SlurmREST, middle: Between, bench: RestBench) -> None:
    given = waiting(bench, tasks=2)
    watched.queues()
    middle.answers["job/submit"] = None
    with pytest.raises(BrokerUnavailableError) as lost:
        watched.submit(given)
    assert not lost.value.is_unsent
    assert sum("submit" in asked for asked in middle.asked) == 1
    found = watched.find(given.identifier)
    assert list(found) == [0, 1]
    watched.cancel(list(found.values()))


def test_what_another_user_calls_the_same_is_not_found(
    watched: SlurmREST, middle: Between, bench: RestBench
) -> None:
    given = waiting(bench)
    handles = watched.submit(given)
    stranger = SlurmREST(middle.url, user="somebody", token=partial(str, bench.token))
    assert stranger.find(given.identifier) == {} or bench.user == "somebody"
    watched.cancel(handles)


def test_what_slurmctld_forgot_is_found_in_the_books(
    slurm: Slurm, watched: SlurmREST, middle: Between, bench: RestBench
) -> None:
    if not slurm.has_accounts:
        pytest.skip("this cluster keeps no accounts")
    given = submission(bench, "true", tasks=2)
    handles = watched.submit(given)
    booked(watched, bench, handles)
    nothing = json.dumps({"jobs": [], "errors": []}).encode()
    slurmctld = middle.asked[1].split("/job/")[0].removeprefix("POST ")
    middle.answers[f"{slurmctld}/jobs"] = (200, nothing)
    assert watched.find(given.identifier) == dict(enumerate(handles))


def test_the_books_agree_with_sacct(slurm: Slurm, bench: RestBench) -> None:
    if not slurm.has_accounts:
        pytest.skip("this cluster keeps no accounts")
    scheduler = bench.scheduler()
    work = "head -c 30000000 /dev/zero > $PWD/eb-rest-$$; rm $PWD/eb-rest-$$; sleep 1.2; exit 3"
    (handle,) = scheduler.submit(submission(bench, f"cd {bench.directory}; {work}"))
    book = booked(scheduler, bench, [handle])[handle]
    fields = "ExitCode,NodeList,MaxRSS,MaxDiskWrite"
    asked = ("sacct", "-nP", "--noconvert", f"--jobs={handle}.batch", f"--format={fields}")
    said = subprocess.run(asked, capture_output=True, text=True, check=True, timeout=20).stdout
    code, node, memory, written = said.strip().split("|")
    assert (f"{book.exit_code}:0", book.nodes, str(book.peak_memory)) == (code, (node,), memory)
    assert book.written_bytes == pytest.approx(float(written.rstrip("M")) * (1 << 20), rel=0.01)
    assert book.cpu_seconds is not None


def test_an_exit_code_that_is_lost_is_said_to_be(
    slurm: Slurm, watched: SlurmREST, middle: Between, bench: RestBench
) -> None:
    if slurm.is_24 or not slurm.has_accounts:
        pytest.skip("only the books of old versions lose exit codes")
    handles = watched.submit(submission(bench, "exit 3"))
    booked(watched, bench, handles)
    error = {"error_number": 2017, "error": "Invalid job id specified"}
    middle.answers[f"/slurm/v0.0.38/job/{handles[0]}"] = (500, json.dumps({"errors": [error]}).encode())
    account = watched.accounts(handles)[handles[0]]
    assert (account.phase, account.exit_code) == (Phase.FAILED, None)
    assert "lose exit codes" in account.reason


def test_a_token_that_is_refused_is_renewed(slurm: Slurm) -> None:
    tokens = iter(["nonsense", slurm.token])
    scheduler = SlurmREST(slurm.url, user=slurm.user, token=lambda: next(tokens))
    assert len(scheduler.queues()) == 3


def test_a_token_that_has_ended_is_renewed_before_a_submission(
    slurm: Slurm, watched: SlurmREST, middle: Between, bench: RestBench
) -> None:
    tokens = iter([brief_token(32), slurm.token])
    scheduler = SlurmREST(middle.url, user=slurm.user, token=lambda: next(tokens))
    scheduler.queues()
    time.sleep(2.5)
    scheduler.cancel(scheduler.submit(waiting(bench)))
    sent = [headers["x-slurm-user-token"] for headers in middle.headers]
    assert sent[-1] == slurm.token != sent[0]


def test_a_token_that_stays_refused_is_said_to_be(slurm: Slurm) -> None:
    scheduler = SlurmREST(slurm.url, user=slurm.user, token=lambda: brief_token(1))
    time.sleep(1.5)
    scheduler.queues()  # a token of now
    with pytest.raises(BrokerUnavailableError, match="token"):
        SlurmREST(slurm.url, user=slurm.user, token=lambda: "nonsense").queues()


@pytest.mark.parametrize("token", ["", "sec ret", "sec\nret", "secrét"])
def test_what_is_no_token_is_not_sent_and_not_told(slurm: Slurm, token: str) -> None:
    with pytest.raises(BrokerUnavailableError, match="no token") as told:
        SlurmREST(slurm.url, user=slurm.user, token=lambda: token).queues()
    assert "sec" not in str(told.value)


def test_a_pickled_one_goes_on_without_its_token(slurm: Slurm) -> None:
    scheduler = SlurmREST(slurm.url, user=slurm.user, token=token_of_environment)
    scheduler.queues()
    pickled = pickle.dumps(scheduler)
    assert slurm.token.encode() not in pickled
    assert len(pickle.loads(pickled).queues()) == 3


@pytest.mark.parametrize(
    "answer",
    [(502, b"<html>Bad Gateway</html>"), (200, b"[]"), (503, b""), (404, b"no"), (404, b"{}"), (200, b"{}")],
)
def test_what_is_no_answer_of_slurm_is_unavailable(
    watched: SlurmREST, middle: Between, bench: RestBench, answer: tuple[int, bytes]
) -> None:
    watched.queues()
    middle.answers["/jobs"] = answer
    with pytest.raises(BrokerUnavailableError, match=f"it answers {answer[0]}"):
        watched.look(["1", "2"])


def test_an_answer_that_is_late_is_not_waited_for(middle: Between, bench: RestBench) -> None:
    scheduler = SlurmREST(middle.url, user=bench.user, token=partial(str, bench.token), patience=3.0)
    scheduler.queues()
    middle.delay = 12.0
    begun = time.monotonic()
    with pytest.raises(BrokerUnavailableError):
        scheduler.look(["1"])
    assert time.monotonic() - begun < 10


def test_a_daemon_that_speaks_no_known_version_is_said_to(watched: SlurmREST, middle: Between) -> None:
    middle.answers["/openapi/v3"] = (200, b'{"paths": {"/slurm/v0.0.36/jobs": {}}}')
    with pytest.raises(BrokerUnavailableError, match=r"none of the versions v0\.0\.38 to"):
        watched.queues()

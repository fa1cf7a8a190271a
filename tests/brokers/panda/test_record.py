# SPDX-License-Identifier: Apache-2.0
"""What is told of a session's end, from what a real server had on its books."""

from datetime import UTC, datetime
from typing import Any

import pytest

from eb_prefect.brokers.panda.phases import JOB_PHASES, TASK_PHASES, later
from eb_prefect.brokers.panda.record import recorded
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import finish, offered
from tests.brokers.panda.bench import PandaBench
from tests.brokers.panda.documents import body
from tests.brokers.panda.serving import StandIn

MADE = {
    "lfn": "user.stargazer.x.log.tgz",
    "type": "log",
    "status": "ready",
    "scope": "user.stargazer",
    "fsize": 1234,
    "checksum": "ad:0a1b2c3d",
    "destinationDBlock": "user.stargazer.x.log",
    "destinationSE": "STORAGE",
}


def real(name: str, **changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = body(f"job-{name}")["data"][0]
    return found | changes


def test_a_finished_job_has_all_that_panda_knows() -> None:
    outcome = recorded("6004", "finished", [real("finished")]).outcome
    assert (outcome.exit_code, outcome.identifier, outcome.state) == (0, "6004", "finished")
    assert (outcome.site, outcome.nodes) == ("EB_TEST", ("wn01.eb",))
    assert (outcome.cpu_seconds, outcome.peak_memory) == (500.0, 123456 * 1024)
    assert (outcome.read_bytes, outcome.written_bytes) == (4096, 8192)
    assert outcome.carbon == pytest.approx(0.00208, rel=0.01)
    assert outcome.started is not None
    assert outcome.ended is not None
    assert outcome.started < outcome.ended < datetime.now(UTC)
    assert outcome.codes == {}


def test_a_failed_job_has_its_codes_by_panda_s_names() -> None:
    found = recorded("1", "failed", [real("failed")])
    assert found.outcome.exit_code == 65
    assert found.outcome.codes == {"transExitCode": 65, "exeErrorCode": 65, "pilotErrorCode": 1305}
    told = [message.text for message in found.messages]
    assert "the pilot says with pilotErrorCode 1305: Failed to execute payload" in told
    assert "what ran on the node ended with exit code 65" in told


CODES = ("pilot", "exe", "sup", "ddm", "brokerage", "jobDispatcher", "taskBuffer")


@pytest.mark.parametrize("part", CODES)
def test_each_of_panda_s_codes_is_told_with_what_it_means(part: str) -> None:
    job = real("finished", **{f"{part}ErrorCode": 1234, f"{part}ErrorDiag": "a disk is full"})
    found = recorded("1", "failed", [job])
    assert found.outcome.codes[f"{part}ErrorCode"] == 1234
    assert any(f"{part}ErrorCode 1234: a disk is full" in message.text for message in found.messages)


def test_a_job_that_never_started_has_no_exit_code_and_no_node() -> None:
    job = real("cancelled", transExitCode=None, startTime=None)
    outcome = recorded("1", "cancelled", [job]).outcome
    assert (outcome.exit_code, outcome.nodes) == (None, ())


def test_both_figures_of_carbon_are_told() -> None:
    found = recorded("1", "finished", [real("finished", gco2_regional=3.5, gco2_global=7)])
    assert found.outcome.carbon == 3.5
    assert any("7 g by the mean of all" in message.text for message in found.messages)


def test_several_jobs_are_summed_up_and_the_first_that_failed_is_told() -> None:
    jobs = [real("finished", maxRSS=10), real("failed"), real("finished", modificationHost="wn02")]
    outcome = recorded("1", "finished", jobs).outcome
    assert (outcome.cpu_seconds, outcome.peak_memory) == (1500.0, 123456 * 1024)
    assert (outcome.exit_code, outcome.nodes) == (65, ("wn01.eb", "wn02"))


def test_a_job_that_was_tried_again_with_success_has_no_say() -> None:
    found = recorded("1", "done", [real("failed"), real("finished")])
    assert (found.outcome.exit_code, found.outcome.codes) == (0, {})


def test_no_job_is_no_more_than_a_name_and_a_state() -> None:
    found = recorded("1", "broken", [])
    assert found.outcome.neutral() == {"identifier": "1", "state": "broken"}


def test_logs_and_outputs_in_rucio_are_products() -> None:
    found = recorded("1", "finished", [real("finished", Files=[MADE])])
    [made] = found.products
    assert made.location == "rucio:user.stargazer:user.stargazer.x.log.tgz"
    assert (made.size, made.checksum and made.checksum.neutral()) == (
        1234,
        {"type": "adler32", "value": "0a1b2c3d"},
    )
    assert found.datasets == ("user.stargazer:user.stargazer.x.log",)


@pytest.mark.parametrize("change", [{"destinationSE": "local"}, {"status": "failed"}, {"type": "input"}])
def test_what_is_not_in_rucio_is_no_product(change: dict[str, str]) -> None:
    assert recorded("1", "finished", [real("finished", Files=[MADE | change])]).products == ()


@pytest.mark.parametrize("odd", ["NULL", None, "", [], {}, "x", 1e400, True, "9" * 400])
def test_one_odd_attribute_spoils_no_other(odd: Any) -> None:
    names = ("transExitCode", "maxRSS", "cpuConsumptionTime", "startTime", "modificationHost", "Files")
    for name in names:
        found = recorded("1", "failed", [real("failed", **{name: odd})])
        assert found.outcome.codes["exeErrorCode"] == 65
        assert found.outcome.site == "EB_TEST"


def test_numbers_may_be_text() -> None:
    outcome = recorded(
        "1", "failed", [real("failed", transExitCode="65", maxRSS="10", pilotErrorCode="0")]
    ).outcome
    assert (outcome.exit_code, outcome.peak_memory) == (65, 10240)
    assert outcome.codes == {"transExitCode": 65, "exeErrorCode": 65}


def test_every_state_of_panda_s_is_a_phase() -> None:
    jobs = "pending defined waiting assigned throttled activated sent starting running holding transferring"
    jobs += " merging finished failed cancelled closed"
    tasks = (
        "registered defined assigning ready pending scouting scouted running prepared done failed finished"
    )
    tasks += " aborting aborted finishing topreprocess preprocessing broken toretry toincexec rerefine"
    tasks += " paused throttled exhausted staging passed tobroken toreassign toabort"
    assert set(jobs.split()) <= JOB_PHASES.keys()
    assert set(tasks.split()) <= TASK_PHASES.keys()


def test_a_session_never_goes_back() -> None:
    assert later(Phase.RUNNING, Phase.WAITING) == Phase.RUNNING
    assert later(Phase.WAITING, Phase.PREPARING) == Phase.PREPARING


def test_the_session_of_a_task_tells_of_its_job(tasks: PandaBench) -> None:
    broker = tasks.broker()
    final = finish(broker, offered(broker, tasks.failing(65)), tasks)
    assert final.outcome is not None
    assert (final.outcome.exit_code, final.outcome.site, final.outcome.state) == (65, "EB_TEST", "failed")
    assert final.outcome.identifier is not None
    assert int(final.outcome.identifier) >= 6001


def test_a_session_under_way_says_what_panda_calls_it(bench: PandaBench) -> None:
    broker = bench.broker()
    offer = offered(broker, bench.lasting(60))
    broker.accept(offer.uuid)
    now = broker.session(offer.uuid)
    assert now.outcome is not None
    assert now.outcome.identifier is not None
    assert now.outcome.state is not None
    broker.cancel(offer.uuid)


def test_the_end_is_kept_and_needs_panda_no_more(bench: PandaBench, standin: StandIn) -> None:
    broker = bench.broker()
    final = finish(broker, offered(broker, bench.succeeding()), bench)
    asked = len(standin.panda.calls)
    standin.panda.tasks.clear()
    standin.panda.jobs.clear()
    assert bench.broker().session(final.uuid) == bench.broker().cancel(final.uuid) == final
    assert len(standin.panda.calls) == asked

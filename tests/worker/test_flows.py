# SPDX-License-Identifier: Apache-2.0
"""Whole flows as sessions: of this machine, of a Slurm cluster and in containers."""

import sys
from pathlib import Path
from uuid import UUID

import pytest
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.states import Cancelling

from eb_prefect.blocks import ExecutionBroker
from eb_prefect.brokers.embedded.broker import EmbeddedBroker
from eb_prefect.model.phase import FINAL
from tests.containers import Images
from tests.slurm import Slurm
from tests.tasks.test_steps_task import until
from tests.worker.contained import contained
from tests.worker.pools import Pool, deployed
from tests.worker.prefect_image import build
from tests.worker.stepping import stepping
from tests.worker.test_worker import session_of, working

# what a program without Python says to the server, from inside of a container
_TELLING = """
tell() {
    wget -q -O /dev/null --header 'Content-Type: application/json' \\
        --post-data '{"state": {"type": "'$1'"}}' "$PREFECT_API_URL/flow_runs/$PREFECT__FLOW_RUN_ID/set_state"
}
. /data/secrets.sh && tell RUNNING && sleep "$1" && tell COMPLETED
"""

pytestmark = pytest.mark.timeout(400)


async def test_a_flow_asks_brokers_from_within_its_session(work_pool: Pool, tmp_path: Path) -> None:
    run = await deployed(work_pool, stepping, {"counts": str(tmp_path / "counts"), "brokers": ["embedded"]})
    async with working(work_pool):
        assert await work_pool.ended(run) == "Completed"
    assert lines(tmp_path) == {"flow": 1, "embedded": 1}


async def test_a_flow_runs_on_a_node_of_slurm_and_asks_brokers_there(
    work_pool: Pool, slurm: Slurm, tmp_path: Path
) -> None:
    block = await ExecutionBroker(kind="slurm", interval=0.2).save(f"for-{work_pool.name}")
    names = {"counts": str(tmp_path / "counts"), "brokers": ["embedded", "slurm"]}
    reference = {"$ref": {"block_document_id": str(block)}}
    # it needs about what a core is given where no memory is asked for, and is killed above that
    run = await deployed(work_pool, stepping, names, block=reference, memory=1)
    async with working(work_pool):
        assert await work_pool.ended(run) == "Completed"
    assert lines(tmp_path) == {"flow": 1, "embedded": 1, "slurm": 1}
    jobs = [(tmp_path / "counts" / name).read_text().strip() for name in ("flow", "slurm")]
    assert jobs[0] != jobs[1]
    assert all(job.isdecimal() for job in jobs)


async def test_a_flow_run_that_waits_in_the_queue_of_slurm_is_cancelled(
    work_pool: Pool, slurm: Slurm
) -> None:
    async with working(work_pool):
        first = [await work_pool.schedule(3600, broker="slurm", cores=8, grace=0) for _ in range(2)]
        for run in first:
            await work_pool.until(run, lambda now: now.state and now.state.is_running())
        last = await work_pool.schedule(3600, broker="slurm", cores=8)
        await work_pool.until(last, lambda now: now.infrastructure_pid)
        for run in (last, *first):
            await work_pool.client.set_flow_run_state(run, Cancelling())
        assert [await work_pool.ended(run) for run in (last, *first)] == ["Cancelled"] * 3
    assert work_pool.count(last) == 0
    assert not slurm.ask("squeue", "--noheader")


async def test_a_flow_run_runs_in_a_container(work_pool: Pool, images: Images, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secrets.sh").write_text('test "$MY_TOKEN" = swordfish')
    (tmp_path / "data" / "tell.sh").write_text(_TELLING)
    image = f"{images.plain.locations[0]}@{images.plain.digest}"
    common = {
        "image": image,
        "volumes": [f"{tmp_path}/data:/data"],
        "env": {"MY_TOKEN": "swordfish"},
        "grace": 0,
    }
    async with working(work_pool):
        run = await work_pool.schedule(command="sh /data/tell.sh 0", **common)
        assert await work_pool.ended(run) == "Completed"
        run = await work_pool.schedule(command="sh /data/tell.sh 3600", **common)
        await work_pool.until(run, lambda now: now.state and now.state.is_running())
        await work_pool.client.set_flow_run_state(run, Cancelling())
        assert await work_pool.ended(run) == "Cancelled"


async def test_a_flow_runs_in_a_container_and_asks_the_broker_in_it(
    work_pool: Pool, images: Images, tmp_path: Path
) -> None:
    common = {
        "image": build(images, tmp_path),
        "command": f"{sys.executable} -m prefect flow-run execute",
        "env": {"HOME": "/tmp"},
    }
    async with working(work_pool):
        brief = await deployed(work_pool, contained, {"seconds": 0.1}, **common)
        run = await deployed(work_pool, contained, {"seconds": 900.0}, **common)
        assert await work_pool.ended(brief) == "Completed"
        await until(lambda: names(work_pool, run), lambda names: "inside: RUNNING" in names)
        await work_pool.client.set_flow_run_state(run, Cancelling())
        assert await work_pool.ended(run) == "Cancelled"
        assert await names(work_pool, run) == {"inside: CANCELLED"}
        for each in (brief, run):  # what runs containers goes with the test
            await until(lambda run=each: phase(work_pool, run), FINAL.__contains__)


async def phase(pool: Pool, run: UUID) -> str:
    pid = (await pool.client.read_flow_run(run)).infrastructure_pid
    return str(EmbeddedBroker().session(session_of(pid)).phase)


async def names(pool: Pool, run: UUID) -> set[str]:
    ours = FlowRunFilter(id=FlowRunFilterId(any_=[run]))
    return {each.name for each in await pool.client.read_task_runs(flow_run_filter=ours)}


def lines(directory: Path) -> dict[str, int]:
    counts = directory / "counts"
    return {path.name: len(path.read_text().splitlines()) for path in counts.iterdir()}

# SPDX-License-Identifier: Apache-2.0
import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from eb_prefect.brokers.embedded.directory import Directory
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import offered, wait_final, wait_until
from tests.brokers.embedded.bench import EmbeddedBench, data, storage, texts, volume

TRIALS = int(os.environ.get("EB_KILL_TRIALS", "30"))
SEED = int(os.environ.get("EB_KILL_SEED", "1"))
LOST = "the supervisor was lost while the program ran"


def accepted(bench: EmbeddedBench, text: str, **parts: object) -> str:
    broker = bench.broker()
    return broker.accept(offered(broker, bench.script(text, **parts)).uuid).uuid


def kill_supervisor(bench: EmbeddedBench, session: str) -> None:
    """Kill -9 the supervisor of a session, if there is one now."""
    if pid := Directory(bench.directory(session)).supervisor():
        os.kill(pid, signal.SIGKILL)


def wait_logged(bench: EmbeddedBench, session: str, phase: str) -> None:
    log = bench.directory(session) / "log"
    wait_until(lambda: f'"phase": "{phase}"' in log.read_text(), 10)


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
def silent_server() -> Iterator[str]:
    """The address of a server that takes requests and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/data"


def test_a_caller_killed_before_it_started_the_supervisor_loses_nothing(bench: EmbeddedBench) -> None:
    broker = bench.broker()
    offer = offered(broker, bench.succeeding())
    directory = Directory(bench.directory(offer.uuid))
    directory.make_ready()
    directory.decide(Phase.ACCEPTED)
    assert broker.accept(offer.uuid).phase == Phase.ACCEPTED
    assert wait_final(broker, offer.uuid, bench).phase == Phase.COMPLETED
    assert bench.starts() == 1


def test_a_watcher_alone_gets_such_a_session_going_too(bench: EmbeddedBench) -> None:
    offer = offered(bench.broker(), bench.succeeding())
    directory = Directory(bench.directory(offer.uuid))
    directory.make_ready()
    directory.decide(Phase.ACCEPTED)
    assert wait_final(bench.broker(), offer.uuid, bench).phase == Phase.COMPLETED
    assert bench.starts() == 1


def test_lost_while_it_prepares_it_goes_on(bench: EmbeddedBench, silent_server: str, tmp_path: Path) -> None:
    resource = data("in", silent_server)
    session = accepted(bench, "true", compute={"volumes": [volume("/eb-in", "in")]}, data=[resource])
    wait_logged(bench, session, "PREPARING")
    killed = Directory(bench.directory(session)).supervisor()
    kill_supervisor(bench, session)

    def has_another() -> bool:
        looked = bench.broker().session(session)  # whoever looks gets it going again
        supervisor = Directory(bench.directory(session)).supervisor()
        return looked.phase == Phase.PREPARING and supervisor not in (0, killed)

    wait_until(has_another, 5)
    bench.broker().cancel(session)
    assert wait_final(bench.broker(), session, bench).phase == Phase.CANCELLED
    assert bench.starts() == 0


def test_lost_while_the_program_runs_all_of_it_ends_and_it_failed(bench: EmbeddedBench) -> None:
    hide = f"setsid sh -c 'echo $$ > {bench.root}/pid; exec sleep 60' & sleep 60"
    session = accepted(bench, hide)
    wait_until(lambda: (bench.root / "pid").exists() and bool((bench.root / "pid").read_text()), 10)
    kill_supervisor(bench, session)
    final = wait_final(bench.broker(), session, bench)
    assert final.phase == Phase.FAILED
    assert LOST in texts(final)
    assert not lives(int((bench.root / "pid").read_text()))
    assert (bench.starts(), bench.ends()) == (1, 0)


def test_lost_while_products_are_looked_at_the_outcome_is_kept(bench: EmbeddedBench) -> None:
    session = accepted(
        bench,
        "truncate -s 600M /eb-out/sparse; echo x > /eb-out/x",
        compute={"volumes": [volume("/eb-out", "room", mode="READWRITE")]},
        storage=[storage("room")],
    )
    wait_logged(bench, session, "RELEASING")
    kill_supervisor(bench, session)
    final = wait_final(bench.broker(), session, bench)
    assert final.phase == Phase.COMPLETED
    assert final.outcome.exit_code == 0
    assert [product.name for product in final.products] == ["sparse", "x"]
    assert bench.starts() == 1


def test_a_machine_that_went_down_is_told(bench: EmbeddedBench) -> None:
    session = accepted(bench, "sleep 60")
    wait_until(lambda: bench.starts() == 1, 10)
    kill_supervisor(bench, session)
    wait_until(lambda: not Directory(bench.directory(session)).supervisor(), 5)
    log = bench.directory(session) / "log"
    this_boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    log.write_text(log.read_text().replace(this_boot, "another-boot"))
    final = wait_final(bench.broker(), session, bench)
    assert final.phase == Phase.FAILED
    assert "the machine went down while the program ran" in texts(final)


def test_a_supervisor_told_to_end_says_so_and_leaves_nothing(bench: EmbeddedBench) -> None:
    session = accepted(bench, f"echo $$ > {bench.root}/pid; sleep 60")
    wait_until(lambda: (bench.root / "pid").exists() and bool((bench.root / "pid").read_text()), 10)
    os.kill(Directory(bench.directory(session)).supervisor(), signal.SIGTERM)
    final = wait_final(bench.broker(), session, bench)
    assert final.phase == Phase.FAILED
    assert "told to end by a signal" in texts(final)
    assert not lives(int((bench.root / "pid").read_text()))


def test_a_supervisor_that_can_not_start_is_told(bench: EmbeddedBench) -> None:
    broker = bench.broker()
    offer = offered(broker, bench.succeeding())
    plan = bench.directory(offer.uuid) / "plan.json"
    whole = plan.read_text()
    plan.write_text("{}")
    broker.accept(offer.uuid)
    wait_until(lambda: "does not start: KeyError" in texts(broker.session(offer.uuid)), 10)
    plan.write_text(whole)
    assert wait_final(broker, offer.uuid, bench).phase == Phase.COMPLETED


def test_a_log_line_that_was_cut_short_is_none(bench: EmbeddedBench) -> None:
    session = accepted(bench, "sleep 60")
    wait_until(lambda: bench.starts() == 1, 10)
    kill_supervisor(bench, session)
    wait_until(lambda: not Directory(bench.directory(session)).supervisor(), 5)
    with (bench.directory(session) / "log").open("a") as log:
        log.write('{"at": "2026-01-01T00:00:00Z", "phase": "COMPL')
    assert bench.broker().session(session).phase == Phase.RUNNING
    final = wait_final(bench.broker(), session, bench)
    assert (final.phase, LOST in texts(final)) == (Phase.FAILED, True)


def test_supervisors_killed_at_any_moment_run_nothing_twice(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for trial in range(TRIALS):
        bench = EmbeddedBench(tmp_path / str(trial))
        bench.root.mkdir()
        session = accepted(bench, "sleep 0.01")
        for _ in range(chance.randint(1, 3)):
            time.sleep(chance.uniform(0, 0.03))
            kill_supervisor(bench, session)
        final = wait_final(bench.broker(), session, bench)
        assert bench.starts() <= 1
        assert (final.phase == Phase.COMPLETED) == (bench.ends() == 1) or LOST in texts(final)
        assert final.phase in (Phase.COMPLETED, Phase.FAILED)


def test_callers_killed_at_any_moment_run_nothing_twice(tmp_path: Path) -> None:
    chance = random.Random(SEED)
    for trial in range(TRIALS):
        bench = EmbeddedBench(tmp_path / str(trial))
        bench.root.mkdir()
        offer = offered(bench.broker(), bench.succeeding())
        for _ in range(chance.randint(1, 3)):
            caller = os.fork()
            if caller == 0:
                bench.broker().accept(offer.uuid)
                os._exit(0)
            time.sleep(chance.uniform(0, 0.004))
            os.kill(caller, signal.SIGKILL)
            os.waitpid(caller, 0)
        bench.broker().accept(offer.uuid)
        assert wait_final(bench.broker(), offer.uuid, bench).phase == Phase.COMPLETED
        assert (bench.starts(), bench.ends()) == (1, 1)

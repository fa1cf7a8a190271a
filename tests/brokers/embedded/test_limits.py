# SPDX-License-Identifier: Apache-2.0
import os
import signal
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from eb_prefect.model.phase import Phase
from eb_prefect.model.session import Session
from eb_prefect.testing.contract import offered, wait_final, wait_until
from tests.brokers.embedded.bench import EmbeddedBench, program, reasons, run, stream, texts

GIB = 1 << 30


def schedule(duration: str) -> dict[str, object]:
    return {"requested": {"duration": duration}}


def python(text: str, **parts: object) -> object:
    return program(sys.executable, "-I", "-S", "-c", text, **parts)


def outcome(session: Session) -> object:
    assert session.outcome is not None
    return session.outcome


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def children() -> set[str]:
    """Return the living and the dead children of this process."""
    threads = Path("/proc/self/task").iterdir()
    return {pid for thread in threads for pid in (thread / "children").read_text().split()}


def test_the_record_says_how_it_ended_and_what_it_used(bench: EmbeddedBench) -> None:
    burn = "while time.process_time() < t + 0.2: pass"
    text = f"import time; b = bytearray(200 << 20); t = time.process_time()\n{burn}"
    found = outcome(run(bench, python(text)))
    assert (found.exit_code, found.signal, found.nodes) == (0, None, (os.uname().nodename,))
    assert 0.2 < found.cpu_seconds < 2
    assert 200 << 20 < found.peak_memory < 300 << 20
    assert timedelta(seconds=0.2) < found.ended - found.started < timedelta(seconds=10)


def test_cpu_time_is_that_of_all_processes(bench: EmbeddedBench) -> None:
    burn = f"{sys.executable} -I -S -c 'import time\nwhile time.process_time() < 0.2: pass'"
    found = outcome(run(bench, program("sh", "-c", f"{burn} & {burn} & wait")))
    assert 0.4 < found.cpu_seconds < 2


def test_streams_are_kept_and_pointed_at(bench: EmbeddedBench) -> None:
    session = run(bench, program("sh", "-c", "echo out; echo err >&2"))
    assert stream(bench, session) == "out\n"
    assert stream(bench, session, "stderr") == "err\n"
    assert [(c.status, Path(str(c.location)).name) for c in session.connectors] == [
        ("FINISHED", "stdout"),
        ("FINISHED", "stderr"),
    ]


def test_a_signal_is_told_by_its_name(bench: EmbeddedBench) -> None:
    session = run(bench, program("sh", "-c", "kill -SEGV $$"))
    assert session.phase == Phase.FAILED
    assert outcome(session).signal == signal.SIGSEGV
    assert "Segmentation fault" in texts(session)


def test_a_program_that_runs_too_long_is_ended(bench: EmbeddedBench) -> None:
    session = run(bench, bench.script("sleep 60", schedule=schedule("PT0.3S")))
    assert session.phase == Phase.FAILED
    assert "ran longer than the 0.3 s" in texts(session)
    assert bench.ends() == 0
    assert outcome(session).ended - outcome(session).started < timedelta(seconds=5)


def test_what_it_wrote_until_then_is_kept(bench: EmbeddedBench) -> None:
    session = run(bench, program("sh", "-c", "echo early; exec sleep 60", schedule=schedule("PT0.3S")))
    assert stream(bench, session) == "early\n"


def test_a_program_that_takes_too_much_memory_is_ended(bench: EmbeddedBench) -> None:
    text = "b = bytearray(1500 << 20); import time; time.sleep(60)"
    session = run(bench, python(text, compute={"memory": {"min": 1, "max": 1}}))
    assert session.phase == Phase.FAILED
    assert "more memory" in texts(session)
    assert "the 1 GiB that it had" in texts(session)


def test_memory_is_counted_over_all_processes(bench: EmbeddedBench) -> None:
    hold = f"{sys.executable} -I -S -c 'b = bytearray(600 << 20); import time; time.sleep(60)'"
    session = run(bench, program("sh", "-c", f"{hold} & {hold} & wait", compute={"memory": {"max": 1}}))
    assert "more memory" in texts(session)


def test_a_program_sees_the_cores_it_was_offered(bench: EmbeddedBench) -> None:
    session = run(bench, program("nproc", compute={"cores": {"min": 1, "max": 1}}))
    assert stream(bench, session) == "1\n"


def test_processes_that_made_themselves_daemons_end_with_the_session(bench: EmbeddedBench) -> None:
    hide = "setsid sh -c 'echo $$; exec sleep 60' </dev/null & sleep 0.1"
    session = run(bench, program("sh", "-c", hide))
    assert session.phase == Phase.COMPLETED
    assert not lives(int(stream(bench, session)))


def test_cancelling_ends_every_process_of_the_session(bench: EmbeddedBench) -> None:
    text = (
        f"trap '' TERM; setsid sh -c 'trap \"\" TERM; echo $$ > {bench.root}/pid; sleep 60' & sleep 60; wait"
    )
    broker = bench.broker()
    offer = offered(broker, bench.script(text))
    broker.accept(offer.uuid)
    wait_until(lambda: (bench.root / "pid").exists() and bool((bench.root / "pid").read_text()), 10)
    broker.cancel(offer.uuid)
    assert wait_final(broker, offer.uuid, bench).phase == Phase.CANCELLED
    assert not lives(int((bench.root / "pid").read_text()))


def test_a_file_that_is_no_program_is_refused(bench: EmbeddedBench) -> None:
    assert "'/etc/passwd' is not an executable file" in reasons(bench, program("/etc/passwd"))
    assert "'no-such-program' is not an executable file" in reasons(bench, program("no-such-program"))


def test_a_program_that_can_not_be_executed_is_a_failure(bench: EmbeddedBench) -> None:
    broken = bench.root / "broken"
    broken.write_bytes(b"\x7fELF nonsense")
    broken.chmod(0o755)
    session = run(bench, program(str(broken)))
    assert session.phase == Phase.FAILED
    assert f"program '{broken}' can't be executed: Exec format error" in texts(session)


def test_a_program_that_vanished_since_the_offer_is_a_failure(bench: EmbeddedBench) -> None:
    tool = bench.root / "tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    broker = bench.broker()
    offer = offered(broker, program(str(tool)))
    tool.unlink()
    broker.accept(offer.uuid)
    session = wait_final(broker, offer.uuid, bench)
    assert session.phase == Phase.FAILED
    assert "No such file" in texts(session)


def test_a_caller_s_secrets_stay_with_the_caller(
    bench: EmbeddedBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_KEY", "secret")
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    session = run(bench, program("env", environment={"SIGMA": "3"}))
    seen = stream(bench, session)
    assert "secret" not in seen
    assert "SIGMA=3" in seen
    assert "OMP_NUM_THREADS=7" in seen
    assert f"EB_SESSION={session.uuid}" in seen


def test_nothing_is_left_to_wait_for(bench: EmbeddedBench) -> None:
    before = children()
    broker = bench.broker()
    offer = offered(broker, bench.lasting(0.1))
    broker.accept(offer.uuid)
    wait_until(lambda: bench.starts() == 1, 10)
    assert children() == before
    wait_final(broker, offer.uuid, bench)
    assert children() == before

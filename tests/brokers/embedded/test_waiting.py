# SPDX-License-Identifier: Apache-2.0
import os
import signal
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from eb_prefect.model.moment import instant_text
from eb_prefect.model.phase import Phase
from eb_prefect.testing.contract import offered, wait_final, wait_until
from tests.brokers.embedded.bench import EmbeddedBench, program, reasons, run, stream, texts

ALL = {"cores": {"min": len(os.sched_getaffinity(0))}}


def accepted(bench: EmbeddedBench, text: str, **parts: object) -> str:
    broker = bench.broker()
    return broker.accept(offered(broker, bench.script(text, **parts)).uuid).uuid


def phases(bench: EmbeddedBench, session: str) -> list[str]:
    """Return the phases that a session's log has entered."""
    text = (bench.directory(session) / "log").read_text()
    return [part.split('"')[0] for part in text.split('"phase": "')[1:]]


def supervisors(bench: EmbeddedBench) -> list[int]:
    """Return the pids of all supervisors of the bench's sessions."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if b"-S" in words and any(word.startswith(os.fsencode(bench.home)) for word in words):
            found.append(int(process.name))
    return found


def test_sessions_that_do_not_fit_now_wait_and_run_in_their_order(bench: EmbeddedBench) -> None:
    note = f"echo $NAME >> {bench.root}/order; sleep 0.1"
    sessions = [accepted(bench, f"NAME={n}; {note}", compute=ALL) for n in range(5)]
    wait_until(lambda: bench.broker().session(sessions[-1]).phase == Phase.WAITING, 10)
    finals = [wait_final(bench.broker(), session, bench) for session in sessions]
    assert {final.phase for final in finals} == {Phase.COMPLETED}
    assert (bench.root / "order").read_text().split() == ["0", "1", "2", "3", "4"]
    spans = [(final.outcome.started, final.outcome.ended) for final in finals if final.outcome]
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    assert all("WAITING" in phases(bench, session) for session in sessions[2:])


def test_memory_is_shared_out_too(bench: EmbeddedBench) -> None:
    most = {"memory": {"min": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30}}
    first = accepted(bench, "sleep 0.3", compute=most)
    wait_until(lambda: bench.starts() == 1, 10)
    second = accepted(bench, "true", compute=most)
    wait_until(lambda: bench.broker().session(second).phase == Phase.WAITING, 10)
    finals = [wait_final(bench.broker(), session, bench) for session in (first, second)]
    assert finals[0].outcome.ended <= finals[1].outcome.started
    assert "GiB of memory asked for" in texts(finals[1])


def test_any_number_of_sessions_waits_in_one_process(bench: EmbeddedBench) -> None:
    sessions = [accepted(bench, "sleep 0.3" if n == 0 else "true", compute=ALL) for n in range(20)]
    wait_until(lambda: bench.broker().session(sessions[-1]).phase == Phase.WAITING, 10)
    wait_until(lambda: len(supervisors(bench)) <= 2, 10)
    assert {wait_final(bench.broker(), session, bench).phase for session in sessions} == {Phase.COMPLETED}
    assert bench.starts() == 20


def test_waiting_sessions_go_on_without_anybody_looking(bench: EmbeddedBench) -> None:
    for _ in range(6):
        accepted(bench, "sleep 0.05", compute=ALL)
    wait_until(lambda: bench.ends() == 6, 20)


def test_a_waiting_session_can_be_cancelled(bench: EmbeddedBench) -> None:
    blocking = accepted(bench, "sleep 60", compute=ALL)
    waiting = [accepted(bench, "true", compute=ALL) for _ in range(3)]
    for session in (waiting[2], waiting[0]):
        bench.broker().cancel(session)
        assert wait_final(bench.broker(), session, bench).phase == Phase.CANCELLED
    bench.broker().cancel(blocking)
    assert wait_final(bench.broker(), waiting[1], bench).phase == Phase.COMPLETED
    assert bench.ends() == 1


@pytest.mark.parametrize("which", ["the one that runs", "the one that waits", "both"])
def test_the_queue_goes_on_when_a_supervisor_is_lost(bench: EmbeddedBench, which: str) -> None:
    running = accepted(bench, "sleep 60", compute=ALL)
    wait_until(lambda: bench.starts() == 1, 10)
    waiting = [accepted(bench, "true", compute=ALL) for _ in range(2)]
    wait_until(lambda: len(supervisors(bench)) == 2, 10)
    runs = int((bench.directory(running) / "log").read_text().split('"supervisor": ')[1].split("}")[0])
    lost = {
        pid
        for pid in supervisors(bench)
        if which == "both" or (pid == runs) == (which == "the one that runs")
    }
    for pid in lost:
        os.kill(pid, signal.SIGKILL)
    if which == "the one that waits":
        bench.broker().cancel(running)
    assert wait_final(bench.broker(), running, bench).phase in (Phase.FAILED, Phase.CANCELLED)
    assert {wait_final(bench.broker(), session, bench).phase for session in waiting} == {Phase.COMPLETED}
    assert (bench.starts(), bench.ends()) == (3, 2)


def test_a_start_in_the_future_is_waited_for(bench: EmbeddedBench) -> None:
    start = datetime.now(UTC) + timedelta(seconds=0.7)
    broker = bench.broker()
    offer = offered(
        broker, bench.script("true", schedule={"requested": {"start": f"{instant_text(start)}/PT1M"}})
    )
    assert offer.schedule.available.start.start == start
    broker.accept(offer.uuid)
    wait_until(lambda: broker.session(offer.uuid).phase == Phase.WAITING, 5)
    final = wait_final(broker, offer.uuid, bench)
    assert start <= final.outcome.started <= start + timedelta(seconds=5)


def test_a_session_with_a_later_start_holds_up_nobody(bench: EmbeddedBench) -> None:
    start = instant_text(datetime.now(UTC) + timedelta(hours=1))
    later = accepted(bench, "true", schedule={"requested": {"start": f"{start}/PT1M"}}, compute=ALL)
    now = accepted(bench, "true", compute=ALL)
    assert wait_final(bench.broker(), now, bench).phase == Phase.COMPLETED
    bench.broker().cancel(later)
    assert wait_final(bench.broker(), later, bench).phase == Phase.CANCELLED


def test_a_session_started_inside_another_lives_off_its_share(bench: EmbeddedBench) -> None:
    root = Path(__file__).parents[3]
    text = (
        f"import sys; sys.path.insert(0, {str(root)!r}); from pathlib import Path\n"
        "from tests.brokers.embedded.bench import EmbeddedBench, run, texts\n"
        f"bench = EmbeddedBench(Path({str(bench.root)!r}))\n"
        "for request in (bench.succeeding(), bench.succeeding()):\n"
        "    session = run(bench, request); print(session.phase, session.compute.cores.max)"
    )
    final = run(bench, program(sys.executable, "-c", text, compute=ALL))
    assert stream(bench, final) == "COMPLETED 1\nCOMPLETED 1\n", stream(bench, final, "stderr")
    assert bench.ends() == 2


def test_a_start_that_is_over_is_refused(bench: EmbeddedBench) -> None:
    start = instant_text(datetime.now(UTC) - timedelta(hours=1))
    request = bench.script("true", schedule={"requested": {"start": f"{start}/PT1M"}})
    assert "ask for one that lies ahead" in reasons(bench, request)

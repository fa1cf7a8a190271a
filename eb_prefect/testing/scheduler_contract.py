# SPDX-License-Identifier: Apache-2.0
"""What every batch system must do for its broker, as tests that any scheduler's tests inherit."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from shlex import quote
from uuid import uuid4

import pytest

from eb_prefect.brokers.batch.scheduler import Scheduler, SubmissionRefusedError
from eb_prefect.errors import BrokerUnavailableError
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.testing.contract import elsewhere, wait_until
from eb_prefect.testing.scheduler_bench import (
    SchedulerBench,
    booked,
    ended,
    lines,
    notes,
    noting,
    submission,
    waiting,
)

_LASTING = "sleep 60"


class SchedulerContract:
    """Inherit it, and give it a fixture ``bench``, new and empty for each test."""

    @pytest.fixture
    def scheduler(self, bench: SchedulerBench) -> Scheduler:
        """Return the scheduler under test."""
        return bench.scheduler()

    def test_what_ends_well_is_completed(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        (handle,) = scheduler.submit(submission(bench, "true"))
        assert ended(scheduler, bench, [handle])[handle].phase == Phase.COMPLETED

    def test_what_ends_otherwise_is_failed(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        (handle,) = scheduler.submit(submission(bench, "exit 3"))
        assert ended(scheduler, bench, [handle])[handle].phase == Phase.FAILED

    def test_what_runs_is_running_somewhere(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        (handle,) = scheduler.submit(submission(bench, f"{noting(bench)}; {_LASTING}"))
        wait_until(lambda: bool(notes(bench)), bench.patience)
        wait_until(lambda: scheduler.look([handle])[handle].phase == Phase.RUNNING, bench.patience)
        scheduler.cancel([handle])

    def test_what_names_no_limits_has_those_of_the_queue(
        self, scheduler: Scheduler, bench: SchedulerBench
    ) -> None:
        (handle,) = scheduler.submit(replace(submission(bench, "true"), minutes=0, memory=0))
        assert ended(scheduler, bench, [handle])[handle].phase == Phase.COMPLETED

    def test_a_single_task_has_number_0(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        handles = scheduler.submit(submission(bench, noting(bench)))
        ended(scheduler, bench, handles)
        assert notes(bench) == ["0"]

    def test_each_task_of_an_array_has_its_number(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        handles = scheduler.submit(submission(bench, noting(bench), tasks=3))
        ended(scheduler, bench, handles)
        assert sorted(notes(bench)) == ["0", "1", "2"]

    def test_each_task_knows_its_handle(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        alone = submission(bench, "echo $EB_HANDLE")
        array = submission(bench, "echo $EB_HANDLE", tasks=2)
        for given in (alone, array):
            handles = scheduler.submit(given)
            ended(scheduler, bench, handles)
            wait_until(lambda: sorted(lines(given.log)) == sorted(handles), bench.patience)  # noqa: B023 - now

    def test_what_the_caller_has_in_its_environment_stays_there(
        self, scheduler: Scheduler, bench: SchedulerBench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("EB_CONTRACT", "secret")
        given = submission(bench, "echo ${EB_CONTRACT-nothing}")
        ended(scheduler, bench, scheduler.submit(given))
        wait_until(lambda: lines(given.log) == ["nothing"], bench.patience)

    def test_handles_are_in_the_order_of_the_tasks(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        handles = scheduler.submit(submission(bench, '[ "$EB_TASK" != 1 ]', tasks=3))
        seen = ended(scheduler, bench, handles)
        assert [seen[handle].phase for handle in handles] == [Phase.COMPLETED, Phase.FAILED, Phase.COMPLETED]

    def test_the_script_runs_as_it_was_written(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        text = "a \"b\" 'c' $d `e` \\f %g {{h}} $(i) é\n#SBATCH --nonsense\n\n" + "long " * 30_000
        copy = bench.directory / "copy"
        handles = scheduler.submit(submission(bench, f"cat > {quote(str(copy))} <<'END'\n{text}\nEND"))
        ended(scheduler, bench, handles)
        assert copy.read_text() == f"{text}\n"

    def test_any_name_will_do(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        name = "-M 31, 'r' \"band\"; $(x) %j é\n2 " * 20
        handles = scheduler.submit(replace(submission(bench, "true"), name=name))
        assert ended(scheduler, bench, handles)[handles[0]].phase == Phase.COMPLETED

    def test_any_place_will_do_for_the_log(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        place = bench.directory / "a b 'c' %j $(d) é"
        place.mkdir()
        given = replace(submission(bench, "echo here"), log=str(place / "log"))
        ended(scheduler, bench, scheduler.submit(given))
        wait_until(lambda: lines(given.log) == ["here"], bench.patience)

    def test_the_log_has_what_the_script_says(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        given = submission(bench, "echo out; echo err >&2")
        ended(scheduler, bench, scheduler.submit(given))
        wait_until(lambda: sorted(lines(given.log)) == ["err", "out"], bench.patience)

    def test_the_log_has_what_all_tasks_say(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        given = submission(bench, "echo task $EB_TASK", tasks=3)
        ended(scheduler, bench, scheduler.submit(given))
        wait_until(lambda: sorted(lines(given.log)) == ["task 0", "task 1", "task 2"], bench.patience)

    def test_several_submissions_are_seen_in_one_look(
        self, scheduler: Scheduler, bench: SchedulerBench
    ) -> None:
        first = scheduler.submit(submission(bench, "exit 3"))
        second = scheduler.submit(submission(bench, "true", tasks=2))
        phases = [seen.phase for seen in ended(scheduler, bench, [*first, *second]).values()]
        assert sorted(phases) == [Phase.COMPLETED, Phase.COMPLETED, Phase.FAILED]

    def test_threads_do_not_mix_up_what_they_submit(
        self, scheduler: Scheduler, bench: SchedulerBench
    ) -> None:
        def submit(code: int) -> str:
            return scheduler.submit(submission(bench, f"exit {code}"))[0]

        with ThreadPoolExecutor(4) as pool:
            handles = list(pool.map(submit, (0, 1, 0, 1)))
        seen = ended(scheduler, bench, handles)
        assert [seen[handle].phase == Phase.FAILED for handle in handles] == [False, True, False, True]

    def test_what_is_unknown_is_left_out(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        (handle,) = scheduler.submit(submission(bench, "true"))
        ended(scheduler, bench, [handle])
        assert list(scheduler.look([bench.unknown, handle])) == [handle]
        assert bench.unknown not in scheduler.accounts([bench.unknown, handle])

    def test_who_asks_for_nothing_gets_nothing(self, scheduler: Scheduler) -> None:
        assert scheduler.look([]) == {}
        assert scheduler.accounts([]) == {}
        scheduler.cancel([])

    def test_what_waits_is_told_to_wait(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        handles = scheduler.submit(waiting(bench, tasks=2))
        assert [scheduler.look(handles)[handle].phase for handle in handles] == [Phase.WAITING] * 2
        scheduler.cancel(handles)

    def test_what_waits_is_cancelled_and_never_starts(
        self, scheduler: Scheduler, bench: SchedulerBench
    ) -> None:
        handles = scheduler.submit(waiting(bench, tasks=2))
        scheduler.cancel(handles)
        seen = ended(scheduler, bench, handles)
        assert [seen[handle].phase for handle in handles] == [Phase.CANCELLED] * 2
        assert notes(bench) == []

    def test_what_runs_is_cancelled(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        (handle,) = scheduler.submit(submission(bench, f"{noting(bench)}; {_LASTING} && {noting(bench)}"))
        wait_until(lambda: bool(notes(bench)), bench.patience)
        scheduler.cancel([handle])
        assert ended(scheduler, bench, [handle])[handle].phase == Phase.CANCELLED
        assert len(notes(bench)) == 1

    def test_one_task_is_cancelled_and_the_others_are_not(
        self, scheduler: Scheduler, bench: SchedulerBench
    ) -> None:
        handles = scheduler.submit(waiting(bench, tasks=3))
        scheduler.cancel(handles[1:2])
        wait_until(lambda: _is_over(scheduler, handles[1]), bench.patience)
        left = scheduler.look([handles[0], handles[2]])
        assert [left[handle].phase for handle in (handles[0], handles[2])] == [Phase.WAITING] * 2
        scheduler.cancel(handles)

    def test_what_has_ended_stays_as_it_is(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        (handle,) = scheduler.submit(submission(bench, "true"))
        before = ended(scheduler, bench, [handle])[handle].phase
        scheduler.cancel([handle, bench.unknown])
        assert scheduler.look([handle])[handle].phase == before

    def test_the_impossible_is_refused_with_a_reason(
        self, scheduler: Scheduler, bench: SchedulerBench
    ) -> None:
        given = bench.impossible(submission(bench, noting(bench)))
        with pytest.raises(SubmissionRefusedError, match=r"\w"):
            scheduler.submit(given)
        assert scheduler.find(given.identifier) == {}
        assert notes(bench) == []

    def test_a_trial_submits_nothing(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        given = submission(bench, noting(bench), tasks=2)
        trial = scheduler.trial(given)
        assert trial.refusal == ""
        assert trial.start is None or trial.start.tzinfo
        assert scheduler.find(given.identifier) == {}
        assert notes(bench) == []

    def test_what_was_submitted_is_found_by_another_object(
        self, scheduler: Scheduler, bench: SchedulerBench
    ) -> None:
        given = waiting(bench, tasks=3)
        handles = scheduler.submit(given)
        found = bench.scheduler().find(given.identifier)
        assert found == (dict(enumerate(handles)) if bench.finds else {})
        scheduler.cancel(handles)

    def test_what_has_just_ended_is_found(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        given = submission(bench, "true", tasks=2)
        handles = scheduler.submit(given)
        ended(scheduler, bench, handles)
        assert scheduler.find(given.identifier) == (dict(enumerate(handles)) if bench.finds else {})

    def test_what_was_never_submitted_is_not_found(self, scheduler: Scheduler) -> None:
        assert scheduler.find(str(uuid4())) == {}

    def test_another_process_sees_it(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        handles = scheduler.submit(waiting(bench))
        with elsewhere(1) as pool:
            assert pool.submit(_look_elsewhere, scheduler, handles).result() == [Phase.WAITING]
            pool.submit(_cancel_elsewhere, bench, handles).result()
        assert ended(scheduler, bench, handles)[handles[0]].phase == Phase.CANCELLED

    def test_books_tell_how_it_ended(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        handles = scheduler.submit(submission(bench, "exit $((EB_TASK + 2))", tasks=2))
        ended(scheduler, bench, handles)
        if not scheduler.keeps_accounts:
            assert scheduler.accounts(handles) == {}
            return
        books = booked(scheduler, bench, handles)
        assert [books[handle].exit_code for handle in handles] == [2, 3]
        assert {book.phase for book in books.values()} == {Phase.FAILED}

    def test_books_tell_when_and_where_it_ran(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        (handle,) = scheduler.submit(submission(bench, "sleep 1"))
        if not scheduler.keeps_accounts:
            return
        book = booked(scheduler, bench, [handle])[handle]
        assert isinstance(book.started, datetime)
        assert isinstance(book.ended, datetime)
        assert 1 <= (book.ended - book.started).total_seconds() < bench.patience
        assert book.started.tzinfo == book.ended.tzinfo == UTC
        assert book.nodes

    def test_books_tell_the_signal(self, scheduler: Scheduler, bench: SchedulerBench) -> None:
        (handle,) = scheduler.submit(submission(bench, "kill -9 $$"))
        if scheduler.keeps_accounts:
            book = booked(scheduler, bench, [handle])[handle]
            assert (book.phase, book.signal) == (Phase.FAILED, 9)
            assert not book.exit_code

    def test_books_have_nothing_of_what_has_not_ended(
        self, scheduler: Scheduler, bench: SchedulerBench
    ) -> None:
        handles = scheduler.submit(waiting(bench))
        assert scheduler.accounts(handles) == {}
        scheduler.cancel(handles)

    def test_the_default_queue_comes_first_and_takes_it(
        self, scheduler: Scheduler, bench: SchedulerBench
    ) -> None:
        for queue in scheduler.queues()[:1]:
            assert queue.cores >= 1
            assert queue.memory >= 1
            (handle,) = scheduler.submit(submission(bench, "true", queue=queue.name))
            assert ended(scheduler, bench, [handle])[handle].phase == Phase.COMPLETED

    def test_what_does_not_answer_is_unavailable(self, bench: SchedulerBench) -> None:
        scheduler = bench.unreachable()
        if scheduler is None:
            return
        with pytest.raises(BrokerUnavailableError):
            scheduler.submit(submission(bench, "true"))
        with pytest.raises(BrokerUnavailableError):
            scheduler.look([bench.unknown])
        with pytest.raises(BrokerUnavailableError):
            scheduler.cancel([bench.unknown])


def _is_over(scheduler: Scheduler, handle: str) -> bool:
    """Return whether it has ended; what never started may be forgotten at once."""
    seen = scheduler.look([handle]).get(handle)
    return seen is None or seen.phase in FINAL


def _look_elsewhere(scheduler: Scheduler, handles: Sequence[str]) -> list[Phase]:
    return [seen.phase for seen in scheduler.look(handles).values()]


def _cancel_elsewhere(bench: SchedulerBench, handles: Sequence[str]) -> None:
    bench.scheduler().cancel(handles)

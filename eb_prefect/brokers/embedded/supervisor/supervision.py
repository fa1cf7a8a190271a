# SPDX-License-Identifier: Apache-2.0
"""One session from its acceptance to its final phase."""

import os
import time

from .diary import FINAL, SPARE, Diary
from .granted import Granted
from .plan import Plan
from .preparing import prepare
from .process import Place, Program
from .releasing import Released, look_for_products
from .running import run, stopped
from .service import RELEASE, was_released
from .text import instant
from .tree import boot, kill_marked
from .turn import Waiting
from .verdict import COMPUTE, Verdict, failed
from .watching import Watch

_ATTEMPTS = 5
_TIDY_SECONDS = 30.0


class Supervision:
    """What one supervisor does for its session; it alone writes the session's log."""

    def __init__(
        self, plan: Plan, accepted: str, waiting: Waiting | Granted, *, was_queued: bool = False
    ) -> None:
        self._plan = plan
        self._was_queued = was_queued
        self._accepted = accepted
        self._diary = Diary(plan.directory)
        self._watch = Watch(f"{plan.directory}/cancel", f"{plan.directory}/{RELEASE}" if plan.serves else "")
        self._waiting = waiting
        self._outcome: object = {}
        self._is_clean = False

    def carry_on(self) -> None:
        """Do what is still to do, wherever an earlier supervisor was lost.

        Raises
        ------
        Queued
            The session waits, without this process.
        """
        if self._diary.phase in FINAL:
            return
        if not self._diary.phase:
            self._diary.enter("ACCEPTED", at=self._accepted)
            if self._was_queued:
                self._diary.enter("WAITING", at=self._accepted, why="other sessions were before it")
        try:
            released = self._carry_out()
        except Verdict as early:
            released = Released(early)
        except OSError as error:
            released = Released(failed(COMPUTE, f"the supervisor could not go on: {error}"))
        self._finish(released)

    @property
    def exit_code(self) -> int:
        """The program's own exit code, 128 and its signal where one ended it, else 1 for what failed."""
        outcome = self._outcome if isinstance(self._outcome, dict) else {}
        if self._diary.phase == "COMPLETED":
            return 0
        signal = outcome.get("signal")
        return int(outcome.get("exit_code") or (128 + signal if signal else 1))

    def _carry_out(self) -> Released:
        diary, watch = self._diary, self._watch
        if ended := diary.entered("RELEASING"):
            verdict = Verdict(str(ended["ends"]), str(ended["part"]), str(ended["text"]))
            return self._release(verdict, ended["outcome"])
        if begun := diary.begun:
            return self._release(*self._lost(begun))
        self._heed()
        self._waiting.until_start(diary, watch)
        self._heed()
        self._waiting.until_served(diary, watch)
        self._heed()
        self._count_attempt()
        cpus = self._waiting.cpus
        diary.enter("PREPARING", cpus=cpus)
        prepared = prepare(self._plan, diary, watch, cpus)
        self._heed()
        return self._release(*run(self._plan, prepared, diary, watch, cpus))

    def _heed(self) -> None:
        self._watch.look()
        if self._watch.stop:
            raise stopped(self._plan, self._watch)

    def _count_attempt(self) -> None:
        attempts = sum("supervisor" in entry for entry in self._diary.entries)
        if attempts >= _ATTEMPTS:
            raise failed(COMPUTE, f"{attempts} supervisors were lost before the program could be started")
        self._diary.note(at=instant(), supervisor=os.getpid())

    def _lost(self, begun: dict[str, object]) -> tuple[Verdict, dict[str, object]]:
        """Say that an earlier supervisor was lost, and end what it left."""
        outcome = {"started": begun["at"], "nodes": [os.uname().nodename]}
        if begun["boot"] != boot():
            return failed(COMPUTE, "the machine went down while the program ran"), outcome
        ended = 0
        while found := kill_marked(self._plan.session):
            ended += found
            time.sleep(0.02)
        if self._diary.entered("AVAILABLE") and was_released(self._plan):
            return Verdict("COMPLETED", "", "the session was released"), outcome
        left = f"; {ended} of its processes were left and have been ended" if ended else ""
        return failed(COMPUTE, f"the supervisor was lost while the program ran{left}"), outcome

    def _release(self, verdict: Verdict, outcome: object) -> Released:
        self._outcome = outcome
        self._diary.enter(
            "RELEASING", ends=verdict.phase, part=verdict.part, text=verdict.text, outcome=outcome
        )
        self._clean_up()
        return look_for_products(self._plan, self._diary, self._watch, verdict)

    def _finish(self, released: Released) -> None:
        self._clean_up()
        verdict = released.verdict
        record: dict[str, object] = {"part": verdict.part, "text": verdict.text, "outcome": self._outcome}
        try:
            self._diary.enter(verdict.phase, **record, messages=released.messages, products=released.products)
        except OSError as error:
            record["text"] = f"{verdict.text}; its products can't be recorded: {error}".lstrip("; ")
            self._diary.enter("FAILED", **record)
        if os.path.exists(f"{self._plan.directory}/{SPARE}"):
            os.unlink(f"{self._plan.directory}/{SPARE}")
        self._waiting.end()

    def _clean_up(self) -> None:
        """Run the commands for it, once and to their end: a container may have outlived its client."""
        plan = self._plan
        for command in () if self._is_clean else plan.cleanup:
            place = Place(plan.directory, plan.cpus)
            program = Program(command, plan.environment, (os.devnull, os.devnull), place)
            if not (program.wait_ready() or program.let_go()):
                self._watch.outlast(program.pid, _TIDY_SECONDS)
        self._is_clean = True

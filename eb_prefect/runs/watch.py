# SPDX-License-Identifier: Apache-2.0
"""The look at all live flow runs of a process, from one thread."""

import threading
from concurrent.futures import wait
from time import monotonic, sleep
from typing import Any

from prefect.client.schemas.objects import FlowRun

from eb_prefect.runs.live import LiveRun


class Watch:
    """Looks at all live runs of the process, from one thread that is there while there is one."""

    def __init__(self, *, glance: float = 0.25) -> None:
        self._glance = glance
        self._runs: dict[Any, LiveRun] = {}
        self._wake = threading.Condition()
        self._is_served = False

    def enter(self, flow_run: FlowRun) -> LiveRun:
        """Return the run, entered."""
        with self._wake:
            run = self._kept(flow_run)
            run.enter(flow_run)
        if run.is_begun_cancelled:
            run.cancel()
        return run

    def know(self, flow_run: FlowRun) -> None:
        """See to the end of a run, even if no step is its own."""
        with self._wake:
            self._kept(flow_run)

    def _kept(self, flow_run: FlowRun) -> LiveRun:
        run = self._runs.get(flow_run.id)
        if run is None:
            run = self._runs[flow_run.id] = LiveRun(flow_run)
        if not self._is_served:
            threading.Thread(target=self._serve, name="eb-runs", daemon=True).start()
            self._is_served = True
        return run

    def known(self, flow_run: FlowRun) -> LiveRun | None:
        """Return a run that was entered."""
        with self._wake:
            return self._runs.get(flow_run.id)

    def is_cancelled(self, run: LiveRun, *, within: float) -> bool:
        """Ask the server now, and wait for its answer for at most so many seconds."""
        asked = run.ask()
        with self._wake:
            self._wake.notify_all()
        wait([asked], within)
        run.give_up(asked)
        return run.is_cancelled

    def judge(self) -> None:
        """Find out which runs that have ended badly were being cancelled, as the process ends."""
        for run in self._there():
            run.judge()

    def finish(self, seconds: float) -> None:
        """Tell the server the end of all that were cancelled, as the process ends; for so many seconds."""
        until = monotonic() + seconds
        while (left := [run for run in self._there() if run.is_doubtful]) and monotonic() < until:
            for run in left:
                run.conclude()
            if any(run.is_doubtful for run in left):
                sleep(self._glance)

    def _serve(self) -> None:
        while True:
            for run in self._there():
                run.glance()
            with self._wake:
                for key in [key for key, run in self._runs.items() if run.is_over]:
                    self._runs.pop(key).close()
                if not self._runs:
                    self._is_served = False
                    return
                self._wake.wait(self._glance)

    def _there(self) -> list[LiveRun]:
        with self._wake:
            return list(self._runs.values())

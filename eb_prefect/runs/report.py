# SPDX-License-Identifier: Apache-2.0
"""The report of a step in its run, once it has ended."""

from collections.abc import Callable
from functools import partial

from eb_prefect.artifacts import key_of
from eb_prefect.model.steprun import StepRun
from eb_prefect.onlooking import Onlooker
from eb_prefect.reports.markdown import words
from eb_prefect.reports.report import More, report
from eb_prefect.runs.here import Here
from eb_prefect.runs.shown import beside, is_shown, make_page
from eb_prefect.step import StepOptions

_NOTHING = More()


def _nothing() -> More:
    return _NOTHING


class ShownReport(Onlooker):
    """Shows how a step went; who knows more of it when it has ended may hold it back until then."""

    def __init__(self, at: Here) -> None:
        self.at = at
        self._is_held = False

    def hold(self) -> None:
        """Let the report wait for `show`."""
        self._is_held = True

    def ended(self, run: StepRun) -> None:
        """Show the report, unless it is held."""
        if not self._is_held:
            self.show(run)

    def show(self, run: StepRun, more: Callable[[], More] = _nothing) -> None:
        """Show the report of a run, with what ``more`` returns when the report is written."""
        if is_shown(self.at):
            beside(partial(_show, self.at, run, more))


def report_of(options: StepOptions) -> ShownReport | None:
    """Return the report of the step that runs with these options, if it gets one."""
    return next((one for one in options.onlookers if isinstance(one, ShownReport)), None)


def _show(at: Here, run: StepRun, more: Callable[[], More]) -> None:
    text = report(run, more())
    make_page(at, key_of("report", at.name), text, f"{words(at.name)}: {words(run.session.phase)}")

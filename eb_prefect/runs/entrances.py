# SPDX-License-Identifier: Apache-2.0
"""That an interactive session is up: in the log of its task run, and as a link in the Prefect UI."""

from prefect import get_run_logger

from eb_prefect.brokers.protocol import Broker
from eb_prefect.entering import Entering, entrances
from eb_prefect.model.moment import instant_text
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import StepRun
from eb_prefect.reports.markdown import link, public_url, words
from eb_prefect.runs.here import Here
from eb_prefect.runs.shown import beside, make_page


class ShownEntrance(Entering):
    """Shows where a session is when a person can get in; the address that lets in is for its owner to ask."""

    def __init__(self, at: Here) -> None:
        self._at = at
        self._logger = get_run_logger()
        self._page = ""
        super().__init__(self._show)

    def _show(self, _: Broker, session: Session) -> None:
        at, where, how = self._at, entrances(session)[0].location or "", _how(session)
        self._logger.info("%s: it is up at %s; %s", at.name, public_url(where), how)
        self._page = f"eb-link-{session.uuid.lower()}"
        page = f"## {words(at.name)} is up\n\n{link(where)}\n\n{how}\n"
        beside(lambda: make_page(at, self._page, page, f"{at.name} is up; {how}"))

    def ended(self, run: StepRun) -> None:
        """Show that nobody gets in any more, where it was shown that somebody does."""
        if self._page:
            told = f"{self._at.name} was up, and is {run.session.phase}"
            beside(lambda: make_page(self._at, self._page, f"{words(told)}\n", told))


def _how(session: Session) -> str:
    window = session.schedule.releasing if session.schedule else None
    until = (
        f" It is kept until {instant_text(window.start.replace(microsecond=0))}."
        if window and window.start
        else ""
    )
    return (
        f"`eb session {session.uuid}` tells its owner the link that lets in,"
        f" and `eb release {session.uuid}` ends it.{until}"
    )

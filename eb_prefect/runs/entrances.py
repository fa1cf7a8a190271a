# SPDX-License-Identifier: Apache-2.0
"""That an interactive session is up: in the log of its task run, and as a link in the Prefect UI."""

import asyncio

from prefect import get_run_logger
from prefect.artifacts import acreate_link_artifact

from eb_prefect.aside import Aside
from eb_prefect.brokers.protocol import Broker
from eb_prefect.entering import Entering, entrances, public
from eb_prefect.model.moment import instant_text
from eb_prefect.model.session import Session
from eb_prefect.runs.here import Here

_aside = Aside("links")


class ShownEntrance(Entering):
    """Shows where a session is when a person can get in; the address that lets in is for its owner to ask."""

    def __init__(self, at: Here) -> None:
        self._at = at
        self._logger = get_run_logger()
        super().__init__(self._show)

    def _show(self, _: Broker, session: Session) -> None:
        name, where = self._at.name, public(entrances(session)[0].location or "")
        self._logger.info("%s: it is up at %s; %s", name, where, _how(session))
        _aside.put(lambda: asyncio.run(_link(session, name, where)))


async def _link(session: Session, name: str, where: str) -> None:
    key, said = f"eb-link-{session.uuid.lower()}", f"{name} is up; {_how(session)}"
    await acreate_link_artifact(where, name, key=key, description=said)


def _how(session: Session) -> str:
    window = session.schedule.releasing if session.schedule else None
    until = f" It is kept until {instant_text(window.start)}." if window and window.start else ""
    return (
        f"`eb session {session.uuid}` tells its owner the link that lets in,"
        f" and `eb release {session.uuid}` ends it.{until}"
    )

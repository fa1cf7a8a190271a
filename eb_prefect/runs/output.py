# SPDX-License-Identifier: Apache-2.0
"""What a session writes, in the log of the task run that runs its step."""

from concurrent.futures import wait
from contextvars import copy_context
from functools import partial
from uuid import UUID

from prefect import get_run_logger

from eb_prefect.brokers.protocol import Broker
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import BrokerIdentity, PhaseChange, StepRun
from eb_prefect.onlooking import Onlooker, Usual
from eb_prefect.redact import redacted
from eb_prefect.runs.claims import place
from eb_prefect.runs.here import Here
from eb_prefect.settings import settings
from eb_prefect.tail import Tail, tails_of

_WRITES = frozenset({Phase.RUNNING, Phase.AVAILABLE, Phase.RELEASING})
_PATIENCE = 5.0
_REMEMBERED = 1000
_read: dict[tuple[UUID | None, str], Tail] = {}  # so that a retry does not log the same again


class Output(Onlooker):
    """Logs the lines of both streams as they come; all at INFO, as many programs write progress to stderr."""

    def __init__(self, at: Here) -> None:
        self._at = at
        self._context = copy_context()
        self._logger = get_run_logger()
        self._tail: Tail | None = None

    def followed(self, broker: Broker, session: Session, usual: Usual) -> None:  # noqa: ARG002 -- as in Onlooker
        """Begin to read, where the settings let this step have its output in the log."""
        now = settings()
        if not now.log_lines or place(self._at) >= now.reports:
            return
        run = self._at.flow_run.id if self._at.flow_run else None
        key = (run, session.uuid)
        full = partial(self._point_to_the_rest, broker.identity, session.uuid)
        self._tail = _read.pop(key, None)
        if self._tail is None:
            self._tail = Tail(broker, session, self._say, full, now.log_lines)
        else:
            self._tail.begin(broker, session, self._say, full)
        _read[key] = self._tail
        if len(_read) > _REMEMBERED:
            del _read[next(iter(_read))]
        self._read(session)

    def changed(self, broker: Broker, session: Session, change: PhaseChange) -> None:  # noqa: ARG002 -- as in Onlooker
        """Learn where the streams are; what came before the end is logged before the end is."""
        if self._tail is None:
            return
        self._tail.hear(session)
        if change.phase in FINAL:
            self._read_rest(is_last=False)
        else:
            self._read(session)

    def ended(self, run: StepRun) -> None:
        """Log the last lines before the task run ends, if the broker gives them in a few seconds."""
        if self._tail is not None:
            self._tail.hear(run.session)
            self._read_rest(is_last=True)

    def left(self, reason: BaseException) -> None:  # noqa: ARG002 -- as in Onlooker
        """Read no more; a retry goes on where this was."""
        if self._tail is not None:
            tails_of(self._tail.broker).drop(self._tail)
            self._tail.let_go()

    def _read(self, session: Session) -> None:
        assert self._tail is not None
        if session.phase in _WRITES or (self._tail.is_located and not session.is_final):
            tails_of(self._tail.broker).put(self._tail)

    def _read_rest(self, *, is_last: bool) -> None:
        assert self._tail is not None
        done = tails_of(self._tail.broker).read_now(self._tail, is_last=is_last)
        if wait([done], _PATIENCE).done and is_last:
            self._tail.let_go()

    def _say(self, stream: str, line: str) -> None:
        name = self._at.name if stream == "stdout" else f"{self._at.name} {stream}"
        self._log("%s | %s", name, redacted(line).document)  # more people read the log than the session

    def _point_to_the_rest(self, broker: BrokerIdentity, session: str) -> None:
        where = f" --broker {broker.url}" if broker.kind == "http" else ""
        self._log("%s | no more lines here; eb logs %s%s shows all", self._at.name, session, where)

    def _log(self, text: str, *values: str) -> None:
        self._context.run(self._logger.info, text, *values)

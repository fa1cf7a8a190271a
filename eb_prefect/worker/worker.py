# SPDX-License-Identifier: Apache-2.0
"""The worker: takes flow runs out of a work pool and runs each as a session of a broker."""

import asyncio
import logging
from time import monotonic
from typing import Any
from uuid import UUID

from anyio import WouldBlock
from anyio.abc import TaskStatus
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.exceptions import InfrastructureNotAvailable, InfrastructureNotFound, ObjectNotFound
from prefect.states import Cancelled, Crashed
from prefect.workers.base import BaseWorker, BaseWorkerResult

from eb_prefect.brokers.protocol import Broker
from eb_prefect.errors import EBError, UnknownSessionError
from eb_prefect.model.session import Session
from eb_prefect.model.steprun import StepRun
from eb_prefect.outputs import owner_of, stream
from eb_prefect.worker import secret
from eb_prefect.worker.cancelling import Cancellations, NoAnswerError
from eb_prefect.worker.claim import ElsewhereError, FlowRunJournal, UnwantedError, claims, text_of
from eb_prefect.worker.conduct import Cancelling, Conduct, Log, Seen, conduct
from eb_prefect.worker.configuration import ExecutionBrokerJobConfiguration
from eb_prefect.worker.orphans import orphans
from eb_prefect.worker.requesting import request_for
from eb_prefect.worker.variables import ExecutionBrokerVariables

_LAST = 20
_AGAIN = 1.0
_log = logging.getLogger("eb_prefect")
_UNTOLD_IN = frozenset({StateType.PENDING, StateType.RUNNING})
_UNTOLD = 1
"""The exit code of a session that ended well, and its flow run did not tell how it ended."""


class ExecutionBrokerWorkerResult(BaseWorkerResult):
    """How the session of a flow run ended: ``identifier`` names the broker and the session."""


class ExecutionBrokerWorker(
    BaseWorker[ExecutionBrokerJobConfiguration, ExecutionBrokerVariables, ExecutionBrokerWorkerResult]
):
    """Runs each flow run of a work pool as one session of a broker.

    A flow run has one session for each time it is scheduled. Which one it is
    the Prefect server has before it is accepted, see `eb_prefect.worker.claim`:
    a worker that is killed leaves the session as it is, and the next worker
    of its name, or any of the pool once Prefect calls the first offline, goes
    on with it.
    """

    type = "execution-broker"
    job_configuration = ExecutionBrokerJobConfiguration
    job_configuration_variables = ExecutionBrokerVariables
    _display_name = "Execution Broker"
    _description = (
        "Run each flow run as a session of an IVOA Execution Broker, a Slurm cluster or another batch "
        "system, or on the worker's own machine: as a process or in a container."
    )
    _documentation_url = "https://www.ivoa.net/documents/ExecutionBroker/"

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]  # as Prefect has them
        self._cancellations = Cancellations()
        self._taken: set[UUID] = set()
        self._elsewhere: set[UUID | None] = set()  # states, as a flow run that is retried is another matter

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ExecutionBrokerJobConfiguration,
        task_status: "TaskStatus[Any] | None" = None,
    ) -> ExecutionBrokerWorkerResult:
        """Run a flow run as a session, and return when it has ended.

        Raises
        ------
        ElsewhereError
            The flow run has a session, at a broker that this worker does not have.
        EBError
            No session could be begun.
        """
        with self._cancellations.watching(self.client, flow_run.id) as cancelled:
            what = await self._prepared(flow_run, configuration)

            async def grace() -> float:
                now = await self.client.read_flow_run(flow_run.id)
                return configuration.grace if now.start_time else 0.0

            async def begun(session: str) -> None:
                name = _identifier(what.broker, session)
                if task_status is not None:
                    task_status.started(name)
                else:
                    await self.client.update_flow_run(flow_run.id, infrastructure_pid=name)

            try:
                story = await conduct(what, Cancelling(cancelled, grace), begun)
            except UnwantedError:
                story = None
            except EBError as error:
                if not what.seen.begun.done():
                    raise
                self.get_flow_run_logger(flow_run).error("%s", error)
                return _ended(what, _UNTOLD)
            if task_status is not None and not what.seen.begun.done():
                task_status.started(UnwantedError("ended"))
            return await self._result(flow_run, what, story)

    async def _prepared(
        self,
        flow_run: FlowRun,
        configuration: ExecutionBrokerJobConfiguration,
    ) -> Conduct:
        log = self.get_flow_run_logger(flow_run)
        kinds = {place.broker.identity.kind for place in await asyncio.to_thread(configuration.places)}
        broker = await asyncio.to_thread(configuration.the_broker)
        request, kept_back = request_for(flow_run.id, configuration, kinds)
        if kept_back:
            log.warning(
                "Not sent to a broker on another machine unless the work pool's `send_secrets` says so: %s",
                ", ".join(kept_back),
            )
        journal = FlowRunJournal(flow_run.id, broker.identity)
        return Conduct(broker, request, configuration.flow, journal, Seen(log))

    async def _result(
        self, flow_run: FlowRun, what: Conduct, story: StepRun | None
    ) -> ExecutionBrokerWorkerResult:
        """Return how it ended; the flow run tells that itself unless it could not."""
        now = (await self.client.read_flow_run(flow_run.id)).state
        if now is not None and now.type == StateType.CANCELLING:
            said = (
                f"Session {what.journal.session} has ended."
                if what.journal.session
                else "No session was begun."
            )
            await self.client.set_flow_run_state(flow_run.id, Cancelled(message=said), force=True)
        if story is None:
            return _ended(what, 0)
        secret.forget(flow_run.id)
        if now is None or now.type not in _UNTOLD_IN:
            return _ended(what, 0)
        await asyncio.to_thread(_explain, self.get_flow_run_logger(flow_run), what.broker, story.session)
        return _ended(what, _status(story.session))

    async def kill_infrastructure(
        self, infrastructure_pid: str, configuration: ExecutionBrokerJobConfiguration, grace_seconds: int = 30
    ) -> None:
        """Cancel the session of a flow run, and return when its broker says that it has ended.

        Raises
        ------
        InfrastructureNotFound
            The broker has no such session.
        InfrastructureNotAvailable
            It is at a broker that this worker does not have, or that does not answer, or it does not end.
        """
        where, _, session = infrastructure_pid.rpartition(" ")
        broker = await asyncio.to_thread(configuration.the_broker)
        if where != text_of(broker.identity):
            raise InfrastructureNotAvailable(
                f"session {session} is at {where}, not at {text_of(broker.identity)}"
            )
        await _kill(broker, session, grace_seconds)

    async def get_and_submit_flow_runs(self) -> list[FlowRun]:
        """Take over what workers that are gone have begun; then submit what is scheduled."""
        await self._take_over()
        return await super().get_and_submit_flow_runs()

    async def _take_over(self) -> None:
        if self._work_pool is None:
            return
        found = await orphans(self.client, self.work_pool.name, self.name)
        for flow_run in found:
            if flow_run.state_id in self._elsewhere or self._is_known(flow_run.id):
                continue
            if self._has_room(flow_run.id):
                self._taken.add(flow_run.id)
                self._runs_task_group.start_soon(self._go_on, flow_run.id)  # type: ignore[union-attr]  # set up by now

    def _is_known(self, flow_run: UUID) -> bool:
        return (
            flow_run in self._taken
            or flow_run in self._cancellations
            or flow_run in self._submitting_flow_run_ids
        )

    def _has_room(self, flow_run: UUID) -> bool:
        if self._limiter is not None:
            try:
                self._limiter.acquire_on_behalf_of_nowait(flow_run)
            except (WouldBlock, RuntimeError):  # the limit is reached, or it has its place already
                return False
        return True

    async def _go_on(self, flow_run_id: UUID) -> None:
        """Do with a flow run what its worker did not live to do.

        Uses of `BaseWorker` what does the same for one that is scheduled.
        """
        try:
            flow_run = await self.client.read_flow_run(flow_run_id)
            if await self._is_ours(flow_run):
                self.get_flow_run_logger(flow_run).info("Worker %r goes on with the flow run", self.name)
                await self._ended(flow_run, await self._submit_run_and_capture_errors(flow_run))
        except (NoAnswerError, ObjectNotFound) as error:  # either would end the worker; it looks again
            _log.warning("can't go on with flow run %s now: %s", flow_run_id, error)
        finally:
            self._release_limit_slot(flow_run_id)
            self._taken.discard(flow_run_id)

    async def _ended(self, flow_run: FlowRun, how: object) -> None:
        if isinstance(how, ElsewhereError):
            self._elsewhere.add(flow_run.state_id)
        elif isinstance(how, EBError):
            await self.client.set_flow_run_state(flow_run.id, Crashed(message=str(how)))

    async def _is_ours(self, flow_run: FlowRun) -> bool:
        if flow_run.state is None or flow_run.state.is_final():
            return False
        if flow_run.state.type != StateType.RUNNING:
            return flow_run.state.type in {StateType.PENDING, StateType.CANCELLING}
        if claims(await self.client.read_flow_run_states(flow_run.id)):
            return True
        self._elsewhere.add(flow_run.state_id)  # somebody runs it without a session
        return False

    async def _propose_submitting_state(self, flow_run: FlowRun) -> None:
        # it would let another worker claim what is claimed
        if flow_run.id not in self._taken:
            await super()._propose_submitting_state(flow_run)


def _identifier(broker: Broker, session: str) -> str:
    return f"{text_of(broker.identity)} {session}"


def _ended(what: Conduct, status: int) -> ExecutionBrokerWorkerResult:
    name = _identifier(what.broker, what.journal.session or "none")
    return ExecutionBrokerWorkerResult(identifier=name, status_code=status)


def _status(session: Session) -> int:
    """Return the exit code of a session whose flow run has not told how it ended; never 0."""
    outcome = session.outcome
    if outcome is not None and outcome.signal:
        return -outcome.signal
    return (outcome.exit_code if outcome else None) or _UNTOLD


def _explain(log: Log, broker: Broker, session: Session) -> None:
    said = [message.text for message in session.messages]
    log.error("Session %s is %s%s", session.uuid, session.phase, "".join(f"; {text}" for text in said))
    try:
        text = b"".join(stream(broker, session, "stderr")).decode(errors="replace")
    except EBError:  # it has written none, or the broker does not keep it
        return
    if lines := text.splitlines()[-_LAST:]:
        log.error("The end of what it wrote:\n%s", "\n".join(lines))


async def _kill(broker: Broker, session: str, seconds: float) -> None:
    end = monotonic() + seconds
    try:
        while not (await asyncio.to_thread(owner_of(broker, session).cancel, session)).is_final:
            if monotonic() > end:
                raise InfrastructureNotAvailable(f"session {session} was cancelled and has not ended yet")
            await asyncio.sleep(_AGAIN)
    except UnknownSessionError as error:
        raise InfrastructureNotFound(str(error)) from error
    except EBError as error:
        raise InfrastructureNotAvailable(str(error)) from error

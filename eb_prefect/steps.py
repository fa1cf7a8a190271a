# SPDX-License-Identifier: Apache-2.0
"""Many steps in one call: each is safe to kill by itself, and none holds a thread.

Called again after a kill, with the same names and requests, it goes on with
the sessions that are under way and does not repeat those that have ended.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from concurrent import futures
from concurrent.futures import Future
from typing import Generic, NamedTuple, TypeVar

from eb_prefect.brokers.protocol import Broker
from eb_prefect.crew import Running, default_crew
from eb_prefect.driving import is_borne, telling
from eb_prefect.ending import StepEndedError
from eb_prefect.gate import Gate
from eb_prefect.model.phase import AnyPhase
from eb_prefect.model.request import ExecutionRequest
from eb_prefect.model.steprun import StepRun
from eb_prefect.model.value import Value
from eb_prefect.onlooking import Onlooker, releases_of
from eb_prefect.options import StepOptions
from eb_prefect.pieces import asked, whole
from eb_prefect.watching.follow import Wait

K = TypeVar("K")

Looking = Callable[[str], Sequence[Onlooker]]


class Made(Value):
    """What is kept of a step of many: small, and plain JSON when dumped.

    ``products`` are the locations that the broker tells, by name.
    """

    name: str
    phase: AnyPhase
    session: str
    products: dict[str, str]


class Many(NamedTuple, Generic[K]):
    """How many steps ended, by their names in the order of the requests.

    ``failed`` has what each of the others was ended by: of a session that
    ended without success a `StepFailedError` or `StepCancelledError`, which
    has its story.
    """

    made: dict[str, K]
    failed: dict[str, Exception]


def made(run: StepRun) -> Made:
    """Return what is small of a story."""
    session = run.session
    products = {each.name: each.location for each in session.products}
    return Made(name=run.name, phase=session.phase, session=session.uuid, products=products)


def nobody(name: str) -> Sequence[Onlooker]:  # noqa: ARG001 -- the signature of `Looking`
    """Let nobody look on but those of the options."""
    return ()


_DEFAULT = StepOptions()


def run_steps(  # noqa: PLR0913 -- each is one thing that a caller may want otherwise
    broker: Broker,
    requests: Mapping[str, ExecutionRequest],
    *,
    keep: Callable[[StepRun], K],
    options: StepOptions = _DEFAULT,
    at_once: int | None = None,
    looking: Looking = nobody,
) -> Many[K]:
    """Run each request as one session, and return when all have ended.

    A step that fails stops no other. ``keep`` makes of each story what is
    kept of it, and may raise what the step then failed by; ``at_once`` is how
    many sessions there are at a time at most; ``looking`` says who looks on
    at the step of a name, beside those of the options. Requests are taken
    from the mapping one by one as they are due, so it may make them then.
    Offers of a broker that can accept many are accepted together.
    """
    batch = _Batch(broker, requests, keep, options, looking, at_once)
    while not batch.ended.done():
        try:
            futures.wait([batch.ended])
        except BaseException as reason:  # noqa: BLE001 -- it is raised when all have been left
            batch.interrupt(reason)
    return batch.many()


async def run_steps_async(  # noqa: PLR0913 -- as above
    broker: Broker,
    requests: Mapping[str, ExecutionRequest],
    *,
    keep: Callable[[StepRun], K],
    options: StepOptions = _DEFAULT,
    at_once: int | None = None,
    looking: Looking = nobody,
) -> Many[K]:
    """Do what `run_steps` does, in an event loop."""
    batch = _Batch(broker, requests, keep, options, looking, at_once)
    ended = asyncio.wrap_future(batch.ended)
    while not ended.done():
        try:
            await asyncio.wait([ended])
        except asyncio.CancelledError as reason:  # some cancel again and again until one ends
            batch.interrupt(reason)
    return batch.many()


class _Batch(Generic[K]):
    """Steps in lanes, each of which does one after the other; ``ended`` is done when all have."""

    def __init__(  # noqa: PLR0913, PLR0917 -- as above
        self,
        broker: Broker,
        requests: Mapping[str, ExecutionRequest],
        keep: Callable[[StepRun], K],
        options: StepOptions,
        looking: Looking,
        at_once: int | None,
    ) -> None:
        self.ended: Future[None] = Future()
        self.ended.set_running_or_notify_cancel()
        self._broker = broker
        self._requests = requests
        self._keep = keep
        self._looking = looking
        self._made: dict[str, K] = {}
        self._failed: dict[str, Exception] = {}
        self._reason: BaseException | None = None
        names = tuple(requests)
        self._left = deque(names)
        self._gate = Gate(broker, names[:at_once])
        self._options = options._replace(gate=self._gate)
        self._under_way = len(names[:at_once])
        self._open: dict[str, StepOptions] = {}
        self._lock = threading.Lock()
        if not names:
            self.ended.set_result(None)
        crew = default_crew()
        self._lanes = [_Lane() for _ in names[:at_once]]
        for lane in self._lanes:
            lane.running = crew.start(self._steps(lane))
            lane.running.ended.add_done_callback(self._one_less)

    def interrupt(self, reason: BaseException) -> None:
        """End the waiting, unless an onlooker knows that the end is near; sessions go on.

        They are all of one flow run if they are of any, so one speaks for all.
        """
        spokesman = next(iter(tuple(self._open.values())), None)
        if spokesman is not None and is_borne(reason, spokesman):
            return
        self._reason = self._reason or reason
        self._left.clear()
        self._gate.close()
        for lane in self._lanes:
            lane.stop(reason)

    def many(self) -> Many[K]:
        """Return how all have ended.

        Raises
        ------
        BaseException
            One ended by what is no error of a step.
        """
        if self._reason is not None:
            raise self._reason
        names = tuple(self._requests)
        return Many(
            {name: self._made[name] for name in names if name in self._made},
            {name: self._failed[name] for name in names if name in self._failed},
        )

    def _steps(self, lane: "_Lane") -> Generator[Wait, None, None]:
        while (name := self._next()) is not None:
            yield from self._step(lane, name)

    def _next(self) -> str | None:
        try:
            return self._left.popleft()
        except IndexError:
            return None

    def _step(self, lane: "_Lane", name: str) -> Generator[Wait, None, None]:
        onlookers = (*self._looking(name), *self._options.onlookers)
        options = self._open[name] = self._options._replace(onlookers=onlookers)
        lane.name = name
        for release in releases_of(options.onlookers):
            release.add_done_callback(lambda released: lane.stop(released.result(), name))
        try:
            step = asked(self._broker, self._requests[name], name, options)
            run = yield from telling(whole(step), options)
            self._made[name] = _kept(self._keep, run, onlookers)
        except Exception as reason:  # noqa: BLE001 -- whatever it is, the other steps go on
            self._failed[name] = reason
        finally:
            lane.name = None
            del self._open[name]
            self._gate.passed(name)

    def _one_less(self, ended: "Future[None]") -> None:
        with self._lock:
            self._reason = self._reason or ended.exception()
            self._under_way -= 1
            if self._under_way:
                return
        self.ended.set_result(None)


class _Lane:
    """One step after the other, of which ``name`` is the one that it does now."""

    __slots__ = ("name", "running")

    def __init__(self) -> None:
        self.name: str | None = None
        self.running: Running[None] | None = None

    def stop(self, reason: BaseException, name: str | None = None) -> None:
        """Throw the reason into the step; into that of a name only if it is the one."""
        if self.running is not None and name in (None, self.name):
            self.running.stop(reason)


def _kept(keep: Callable[[StepRun], K], run: StepRun, onlookers: Sequence[Onlooker]) -> K:
    try:
        return keep(run)
    except Exception as reason:
        if not isinstance(reason, StepEndedError):  # they know that it has ended, and how
            for onlooker in onlookers:
                onlooker.left(reason)
        raise

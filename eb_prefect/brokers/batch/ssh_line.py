# SPDX-License-Identifier: Apache-2.0
"""One connection, kept open for all threads of a process, and the thread that works for it."""

import asyncio
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import asyncssh
from asyncssh import SFTPClient, SSHClientConnection

from eb_prefect.brokers.batch.ssh_opening import Target, opened
from eb_prefect.errors import BrokerUnavailableError

_CLOSES_WITHIN = 2.0
LOST = (
    asyncssh.DisconnectError,
    asyncssh.ChannelOpenError,
    asyncssh.SFTPNoConnection,
    asyncssh.SFTPConnectionLost,
    ConnectionError,
)
"""What is raised where the connection, or the SFTP of it, is not there any more."""

_Kept = TypeVar("_Kept")
_Result = TypeVar("_Result")


class Line:
    """A connection to one host that is opened when it is needed, and again after a loss.

    ``patience`` is how many seconds anything may take, ``channels`` how many
    commands run at the same time. All that is awaited runs in its own thread.
    """

    def __init__(self, target: Target, *, patience: float, channels: int) -> None:
        self._target = target
        self._patience = patience
        self._owner = os.getpid()
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._connection: asyncio.Task[SSHClientConnection] | None = None
        self._files: tuple[SSHClientConnection, asyncio.Task[SFTPClient]] | None = None
        self._channels = channels
        self.room = asyncio.Semaphore(channels)

    def call(self, work: Coroutine[Any, Any, _Result]) -> _Result:
        """Do the work in the line's thread, and wait for it.

        Raises
        ------
        BrokerUnavailableError
            The connection was lost.
        """
        future = asyncio.run_coroutine_threadsafe(work, self._started())
        try:
            return future.result()
        except LOST as error:
            raise BrokerUnavailableError(self._target.host, f"the connection was lost: {error}") from error
        finally:
            future.cancel()

    def post(self, act: Callable[[], None]) -> None:
        """Let the line's thread do something that nobody waits for, unless it has ended."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(act)

    @asynccontextmanager
    async def patiently(self) -> AsyncIterator[Callable[[], None]]:
        """Let what is inside take its time; what is yielded, called, gives it that time once more.

        Raises
        ------
        BrokerUnavailableError
            It took too long, and was given up.
        """
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience) as limit:
                yield lambda: limit.reschedule(loop.time() + self._patience)
        except TimeoutError as late:
            reason = f"no answer in {self._patience:g} s"
            raise BrokerUnavailableError(self._target.host, reason) from late

    async def on_connection(self, work: Callable[[SSHClientConnection], Awaitable[_Result]]) -> _Result:
        """Do something over the connection."""
        async with self.patiently():
            return await work(await self._connected())

    async def _connected(self) -> SSHClientConnection:
        # all who ask while it is being opened get the same, or the same error
        if self._connection is None or _is_over(self._connection):
            self._connection = _task(self._opened())
        return await asyncio.shield(self._connection)

    async def on_files(self, work: Callable[[SFTPClient, Callable[[], None]], Awaitable[_Result]]) -> _Result:
        """Do something with files that is safe to repeat.

        That a connection was lost while nobody used it shows at its next use
        only, so the work is done once more then, over a new one.
        """
        try:
            return await self.on_files_once(work)
        except LOST:
            return await self.on_files_once(work)

    async def on_files_once(
        self, work: Callable[[SFTPClient, Callable[[], None]], Awaitable[_Result]]
    ) -> _Result:
        """Do something with files that is not safe to repeat."""
        async with self.patiently() as moved:
            connection = await self._connected()
            if self._files is None or self._files[0] is not connection or _has_failed(self._files[1]):
                self._files = connection, _task(_files(connection))
            mine = self._files
            try:
                return await work(await asyncio.shield(mine[1]), moved)
            except LOST:
                self._files = None if self._files is mine else self._files
                raise

    async def _opened(self) -> SSHClientConnection:
        async with self.patiently():
            return await opened(self._target)

    def close(self) -> None:
        """Close the connection; the next use opens another."""
        loop, thread, self._loop = self._loop, self._thread, None
        if loop is None or thread is None or os.getpid() != self._owner:
            return
        asyncio.run_coroutine_threadsafe(self._end(loop), loop)
        if threading.current_thread() is not thread:  # garbage is collected in any thread
            thread.join(_CLOSES_WITHIN)

    def _started(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop, self.room = asyncio.new_event_loop(), asyncio.Semaphore(self._channels)
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="ssh", daemon=True)
                self._thread.start()
            return self._loop

    async def _end(self, loop: asyncio.AbstractEventLoop) -> None:
        task, self._connection, self._files = self._connection, None, None
        if task is not None and task.done() and not _is_over(task):
            task.result().abort()
            await task.result().wait_closed()
        for left in asyncio.all_tasks() - {asyncio.current_task()}:
            left.cancel()
        loop.call_soon(loop.stop)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_default_executor())
    finally:
        loop.close()


async def _files(connection: SSHClientConnection) -> SFTPClient:
    return await connection.start_sftp_client()


def _task(work: Coroutine[Any, Any, _Kept]) -> asyncio.Task[_Kept]:
    task = asyncio.ensure_future(work)
    # whoever waited for it may have given up by then
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


def _has_failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)


def _is_over(task: asyncio.Task[SSHClientConnection]) -> bool:
    return _has_failed(task) or (task.done() and task.result().is_closed())

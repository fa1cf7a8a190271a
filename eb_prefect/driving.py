# SPDX-License-Identifier: Apache-2.0
"""Doing the waiting that the pieces of a step yield: in a thread or in an event loop."""

import asyncio
import time
from collections.abc import Generator
from concurrent import futures
from typing import Any, TypeVar

from eb_prefect.options import StepOptions
from eb_prefect.watching.follow import Wait

V = TypeVar("V")


class _End:
    """What a piece of a step returned; its waits are told apart from it by this."""

    def __init__(self, value: object) -> None:
        self.value = value


def drive(piece: Generator[Wait, None, V], options: StepOptions) -> V:
    """Wait in this thread until the piece has its value, and return it."""
    try:
        while isinstance(turn := _advance(piece), Wait):
            _rest(turn, options)
    except BaseException as reason:
        _left(reason, options)
        raise
    finally:
        piece.close()  # lets the journal's entry go when the caller is interrupted
    return turn.value  # type: ignore[return-value]  # what the piece returned


async def drive_async(piece: Generator[Wait, None, V], options: StepOptions) -> V:
    """Do what `drive` does, without holding a thread while it waits."""
    releases = [asyncio.wrap_future(release) for release in _releases(options)]
    try:
        while isinstance(turn := await _turn(piece, options), Wait):
            await _rest_async(turn, releases, options)
    except BaseException as reason:
        _left(reason, options)
        raise
    finally:
        piece.close()
    return turn.value  # type: ignore[return-value]  # what the piece returned


def _left(reason: BaseException, options: StepOptions) -> None:
    for onlooker in options.onlookers:
        onlooker.left(reason)


def _releases(options: StepOptions) -> list["futures.Future[BaseException]"]:
    return [onlooker.release for onlooker in options.onlookers if onlooker.release is not None]


def _rest(wait: Wait, options: StepOptions) -> None:
    releases = _releases(options)
    try:
        if wait.arrival is None and not releases:
            time.sleep(wait.seconds or 0.0)
        else:
            arrivals: list[futures.Future[Any]] = [wait.arrival] if wait.arrival is not None else []
            futures.wait([*arrivals, *releases], wait.seconds, futures.FIRST_COMPLETED)
    except BaseException as reason:  # noqa: BLE001 -- raised again, unless an onlooker bears it
        _bear(reason, options)
    for release in releases:
        if release.done():
            raise release.result()


async def _rest_async(
    wait: Wait, releases: "list[asyncio.Future[BaseException]]", options: StepOptions
) -> None:
    try:
        if wait.arrival is None and not releases:
            await asyncio.sleep(wait.seconds or 0.0)
        else:
            arrival = [] if wait.arrival is None else [asyncio.wrap_future(wait.arrival)]
            waiting: list[asyncio.Future[Any]] = [*arrival, *releases]
            await asyncio.wait(waiting, timeout=wait.seconds, return_when=asyncio.FIRST_COMPLETED)
    except asyncio.CancelledError as reason:
        _bear(reason, options)
    for release in releases:
        if release.done():
            raise release.result()


async def _turn(piece: Generator[Wait, None, V], options: StepOptions) -> Wait | _End:
    turn = asyncio.ensure_future(asyncio.to_thread(_advance, piece))
    reason: asyncio.CancelledError | None = None
    while not turn.done():  # a generator can't be closed while a thread is in it
        try:
            await asyncio.wait([turn])
        except asyncio.CancelledError as error:  # some cancel again and again until one ends
            reason = error
    if reason is not None:
        _bear(reason, options)
    return turn.result()


def _bear(reason: BaseException, options: StepOptions) -> None:
    """Raise what interrupts the waiting, unless somebody knows that the end is near."""
    heard = [onlooker.interrupted(reason) for onlooker in options.onlookers]
    if not any(heard):
        raise reason


def _advance(piece: Generator[Wait, None, V]) -> Wait | _End:
    try:
        return next(piece)
    except StopIteration as end:
        return _End(end.value)

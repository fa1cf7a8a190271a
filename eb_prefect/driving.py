# SPDX-License-Identifier: Apache-2.0
"""Doing the waiting that the pieces of a step yield: in a thread or in an event loop."""

import asyncio
import time
from collections.abc import Generator
from concurrent import futures
from contextlib import suppress
from typing import TypeVar

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
            _rest(turn)
    except BaseException as reason:
        _left(reason, options)
        raise
    finally:
        piece.close()  # lets the journal's entry go when the caller is interrupted
    return turn.value  # type: ignore[return-value]  # what the piece returned


async def drive_async(piece: Generator[Wait, None, V], options: StepOptions) -> V:
    """Do what `drive` does, without holding a thread while it waits."""
    try:
        while isinstance(turn := await _turn(piece), Wait):
            await _rest_async(turn)
    except BaseException as reason:
        _left(reason, options)
        raise
    finally:
        piece.close()
    return turn.value  # type: ignore[return-value]  # what the piece returned


def _left(reason: BaseException, options: StepOptions) -> None:
    for onlooker in options.onlookers:
        onlooker.left(reason)


def _rest(wait: Wait) -> None:
    if wait.arrival is None:
        time.sleep(wait.seconds or 0.0)
    else:
        futures.wait([wait.arrival], timeout=wait.seconds)


async def _rest_async(wait: Wait) -> None:
    if wait.arrival is None:
        await asyncio.sleep(wait.seconds or 0.0)
    else:
        await asyncio.wait([asyncio.wrap_future(wait.arrival)], timeout=wait.seconds)


async def _turn(piece: Generator[Wait, None, V]) -> Wait | _End:
    turn = asyncio.ensure_future(asyncio.to_thread(_advance, piece))
    try:
        return await asyncio.shield(turn)
    except asyncio.CancelledError:
        while not turn.done():  # a generator can't be closed while a thread is in it
            with suppress(asyncio.CancelledError):  # some cancel again and again until one ends
                await asyncio.wait([turn])
        raise


def _advance(piece: Generator[Wait, None, V]) -> Wait | _End:
    try:
        return next(piece)
    except StopIteration as end:
        return _End(end.value)

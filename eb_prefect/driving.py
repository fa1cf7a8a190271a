# SPDX-License-Identifier: Apache-2.0
"""Doing the waiting that the pieces of a step yield: in a thread or in an event loop."""

import asyncio
import time
from collections.abc import Generator
from concurrent import futures
from contextlib import suppress
from typing import TypeVar

from eb_prefect.crew import default_crew
from eb_prefect.options import StepOptions
from eb_prefect.watching.follow import Wait

V = TypeVar("V")


def drive(piece: Generator[Wait, None, V], options: StepOptions) -> V:
    """Wait in this thread until the piece has its value, and return it."""
    heard = telling(piece, options)
    reason: BaseException | None = None
    while True:
        try:
            wait = next(heard) if reason is None else heard.throw(reason)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]  # a generator's return value is untyped here
        try:
            _rest(wait)
        except BaseException as interruption:  # noqa: BLE001 -- it is thrown to where the piece waits
            reason = interruption


async def drive_async(piece: Generator[Wait, None, V], options: StepOptions) -> V:
    """Do what `drive` does, without holding a thread while it waits."""
    running = default_crew().start(telling(piece, options))
    ended = asyncio.wrap_future(running.ended)
    try:
        return await asyncio.shield(ended)
    except asyncio.CancelledError as reason:
        running.stop(reason)
        while not ended.done():  # a hand may be in it
            with suppress(asyncio.CancelledError):  # some cancel again and again until one ends
                await asyncio.wait([ended])
        raise


def telling(piece: Generator[Wait, None, V], options: StepOptions) -> Generator[Wait, None, V]:
    """Return the piece, of which onlookers hear how it was left if it was."""
    try:
        return (yield from piece)
    except BaseException as reason:
        for onlooker in options.onlookers:
            onlooker.left(reason)
        raise


def _rest(wait: Wait) -> None:
    if wait.arrival is None:
        time.sleep(wait.seconds or 0.0)
    else:
        futures.wait([wait.arrival], timeout=wait.seconds)

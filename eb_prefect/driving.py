# SPDX-License-Identifier: Apache-2.0
"""Doing the waiting that the pieces of a step yield: in a thread or in an event loop."""

import asyncio
import time
from collections.abc import Generator
from concurrent import futures
from typing import Any, TypeVar

from eb_prefect.crew import default_crew
from eb_prefect.onlooking import released_by, releases_of
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
        reason = _rested(wait, options)


async def drive_async(piece: Generator[Wait, None, V], options: StepOptions) -> V:
    """Do what `drive` does, without holding a thread while it waits."""
    running = default_crew().start(telling(piece, options))
    for release in releases_of(options.onlookers):
        release.add_done_callback(lambda released: running.stop(released.result()))
    ended = asyncio.wrap_future(running.ended)
    reason: asyncio.CancelledError | None = None
    while not ended.done():  # a hand may be in it, and some cancel again and again until one ends
        try:
            await asyncio.wait([ended])
        except asyncio.CancelledError as error:
            if not is_borne(error, options):
                running.stop(error)
                reason = error
    if reason is not None:
        ended.exception()  # so that nobody is told that it was not looked at
        raise reason
    return ended.result()


def telling(piece: Generator[Wait, None, V], options: StepOptions) -> Generator[Wait, None, V]:
    """Return the piece, of which onlookers hear how it was left if it was."""
    try:
        return (yield from piece)
    except BaseException as reason:
        for onlooker in options.onlookers:
            onlooker.left(reason)
        raise


def _rested(wait: Wait, options: StepOptions) -> BaseException | None:
    """Wait, and return what is to be thrown to where the piece waits."""
    releases = releases_of(options.onlookers)
    try:
        if wait.arrival is None and not releases:
            time.sleep(wait.seconds or 0.0)
        else:
            arrivals: list[futures.Future[Any]] = [wait.arrival] if wait.arrival is not None else []
            futures.wait([*arrivals, *releases], wait.seconds, futures.FIRST_COMPLETED)
    except BaseException as interruption:  # noqa: BLE001 -- thrown to the piece, unless it is borne
        return None if is_borne(interruption, options) else interruption
    return released_by(options.onlookers)


def is_borne(reason: BaseException, options: StepOptions) -> bool:
    """Ask whether somebody knows that the end is near, so that the waiting goes on."""
    heard = [onlooker.interrupted(reason) for onlooker in options.onlookers]  # all are to hear of it
    return any(heard)

# SPDX-License-Identifier: Apache-2.0
"""Sessions that a flow run has left behind, whose process may be gone."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from eb_prefect.brokers.remaking import remade
from eb_prefect.cancelling import PATIENCE, Target, cancel_all, command_for
from eb_prefect.errors import EBError, SessionGoesOnError
from eb_prefect.journal import Handle, Kept
from eb_prefect.model.phase import FINAL
from eb_prefect.model.steprun import BrokerIdentity


class Left(NamedTuple):
    """A session that a journal has, its step, and its broker."""

    session: str
    step: str
    broker: BrokerIdentity


def left_of(kept: Iterable[Kept]) -> list[Left]:
    """Return the sessions of which no end was seen, each once."""
    going = (each.handle for each in kept if each.phase not in FINAL)
    left = [Left(each.session, each.call.name, _broker_of(each)) for each in going]
    return list({each.session: each for each in left}.values())


def cancel_left(left: Iterable[Left], *, patience: float = PATIENCE) -> list[SessionGoesOnError]:
    """Cancel sessions at their brokers, made anew, and return those that may go on.

    One whose broker can't be made here is among them, with the reason.
    """
    made = list(_made(left))
    failures = [each for each in made if isinstance(each, SessionGoesOnError)]
    targets = [each for each in made if isinstance(each, Target)]
    return [*failures, *cancel_all(targets, patience=patience)]


def _made(left: Iterable[Left]) -> Iterator[Target | SessionGoesOnError]:
    for each in left:
        try:
            yield Target(remade(each.broker), each.session)
        except EBError as error:
            command = command_for(each.broker, each.session)
            yield SessionGoesOnError(each.broker.name, each.session, str(error), command)


def _broker_of(handle: Handle) -> BrokerIdentity:
    if handle.broker is not None:
        return handle.broker
    kind, _, where = handle.call.broker.partition(" ")  # version 0.1.0 wrote no more
    return BrokerIdentity(kind=kind, name=where, url=where if "://" in where else None)

# SPDX-License-Identifier: Apache-2.0
"""Whether what came out of a file may run: at once, after a person agrees, or not at all."""

from collections.abc import Callable, Iterator
from enum import IntEnum
from fnmatch import fnmatchcase
from os.path import normpath
from typing import NamedTuple

from eb_prefect.model.request import ExecutionRequest
from provenance.errors import ConsentError
from provenance.exposure import Exposure, exposure, is_below
from provenance.policy import Policy, Rerun
from provenance.products.found import Binding, Found
from provenance.rerun import Plan
from provenance.witness import Trust, Witness, witness


class Decision(IntEnum):
    """What may be done; the greatest of several holds."""

    RUN = 0
    ASK = 1
    FORBID = 2


_WORDS = {"run": Decision.RUN, "ask": Decision.ASK, "forbid": Decision.FORBID}


class Verdict(NamedTuple):
    """The decision, and all that it rests on.

    ``objections`` are what the policy forbids. ``is_tampered``: a person has
    to agree to that, too.
    """

    decision: Decision
    witness: Witness
    binding: Binding
    objections: tuple[str, ...] = ()

    @property
    def is_tampered(self) -> bool:
        """Whether the record or the content is not what it was."""
        return self.binding is Binding.TAMPERED or self.witness.trust is Trust.BAD


def judged(found: Found, planned: Plan, rules: Policy, who: Witness | None = None) -> Verdict:
    """Return whether a plan made of a record that was found may run.

    What a person has changed in the request is that person's own: lists of
    the policy hold for what the record still asks for.
    """
    who = who or witness(found)
    rerun = rules.rerun
    votes = dict(_votes(who, found.binding, rerun))
    asked = exposure(planned.request).shared(exposure(planned.recorded))
    objections = tuple(
        [f"the policy forbids {why}" for why, vote in votes.items() if vote is Decision.FORBID]
        + list(_objections(asked, rerun))
    )
    decision = Decision.FORBID if objections else max(votes.values())
    return Verdict(decision, who, found.binding, objections)


def released(
    verdict: Verdict, planned: Plan, *, agree: Callable[[], bool], even_tampered: bool = False
) -> ExecutionRequest:
    """Return the request of a plan that may run; ``agree`` is called where a person has to be asked.

    Raises
    ------
    ConsentError
        The policy forbids it, nobody agreed, or it is tampered with and that was not agreed to.
    CanNotRerunError
        Something must be given first.
    """
    request = planned.ready()
    if verdict.decision is Decision.FORBID:
        raise ConsentError(verdict.objections)
    if verdict.is_tampered and not even_tampered:
        raise ConsentError(["the record or the content was changed by nobody knows whom (TAMPERED)"])
    if verdict.decision is Decision.ASK and not agree():
        raise ConsentError(["nobody agreed to it"])
    return request


def _votes(who: Witness, binding: Binding, rules: Rerun) -> Iterator[tuple[str, Decision]]:
    match who.trust:
        case Trust.TRUSTED:
            yield "records that are signed by a trusted key", _WORDS[rules.trusted]
        case Trust.UNKNOWN:
            yield "records that are signed by an unknown key", _WORDS[rules.unknown]
        case Trust.UNSIGNED:
            yield "records that are unsigned", _WORDS[rules.unsigned]
        case Trust.BAD:
            yield "records with a BAD signature", _WORDS[rules.tampered]
    match binding:
        case Binding.BOUND:
            return
        case Binding.STALE | Binding.UNCHECKED:
            yield f"files that are {binding}", _WORDS[rules.stale]
        case Binding.TAMPERED:
            yield f"files that are {binding}", _WORDS[rules.tampered]


def _objections(asked: Exposure, rules: Rerun) -> Iterator[str]:
    lists = (rules.images, rules.programs, rules.hosts, rules.paths)
    if any(one is not None for one in lists):
        yield from (f"{one} can't be judged by the policy" for one in sorted(asked.strange))
    if rules.images is not None or rules.programs is not None:
        yield from _outside("images", asked.images, rules.images or ())
        yield from _outside("programs", frozenset(map(_plain_path, asked.programs)), rules.programs or ())
        yield from (f"{name} in the environment decides what runs" for name in sorted(asked.steering))
    if rules.hosts is not None:
        yield from _outside("hosts", asked.hosts, rules.hosts)
    if rules.paths is not None:
        outside = sorted(path for path in asked.files if not is_below(path, rules.paths))
        yield from (f"{path} is below none of the paths of the policy" for path in outside)


def _plain_path(program: str) -> str:
    return normpath(program) if program.startswith("/") else program


def _outside(name: str, asked: frozenset[str], patterns: tuple[str, ...]) -> Iterator[str]:
    for one in sorted(asked):
        if not any(fnmatchcase(one, pattern) for pattern in patterns):
            yield f"{one} is none of the {name} of the policy"

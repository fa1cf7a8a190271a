# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator

from eb_prefect import errors
from eb_prefect.errors import EBError
from provenance.cli.exits import CODES, Exit, exit_of


def leaves(kind: type[EBError]) -> Iterator[type[EBError]]:
    below = [each for each in kind.__subclasses__() if each.__module__ == errors.__name__]
    yield from [kind] if not below else [leaf for each in below for leaf in leaves(each)]


def test_every_error_of_a_step_has_an_exit_code_of_its_own_choice() -> None:
    chosen = tuple(kind for kind in CODES if kind is not EBError)
    assert [leaf.__name__ for leaf in leaves(EBError) if not issubclass(leaf, chosen)] == []


def test_the_exit_code_says_who_can_help() -> None:
    refused = errors.RequestRefusedError("b", 400, "what")
    assert exit_of(refused) is Exit.REFUSED
    assert exit_of(errors.NotABrokerError("http://b", "it is a teapot")) is Exit.WRONG
    assert exit_of(errors.AccessDeniedError("b", 401, "who")) is Exit.BROKER
    assert exit_of(errors.InvalidChoiceError("it", [])) is Exit.WRONG

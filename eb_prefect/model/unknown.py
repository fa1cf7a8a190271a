# SPDX-License-Identifier: Apache-2.0
"""Fields that the model does not know, which it keeps."""

from collections.abc import Iterator

from eb_prefect.model.compute import OtherCompute, OtherVolume
from eb_prefect.model.data import OtherData
from eb_prefect.model.executable import OtherExecutable
from eb_prefect.model.storage import OtherStorage
from eb_prefect.model.value import Value

_OTHERS = (OtherExecutable, OtherCompute, OtherVolume, OtherStorage, OtherData)


def unknown_fields(
    value: Value, at: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Value]]:
    """Yield the path of each field that the model does not know, and the value that holds it.

    What is in a component of an unknown kind is not among them: nobody can
    say what such a component has.
    """
    if not isinstance(value, _OTHERS):
        for key in value.model_extra or {}:
            yield (*at, key), value
    for key in type(value).model_fields:
        item = getattr(value, key)
        if isinstance(item, Value):
            yield from unknown_fields(item, (*at, key))
        elif isinstance(item, tuple):
            for n, part in enumerate(item):
                if isinstance(part, Value):
                    yield from unknown_fields(part, (*at, key, n))

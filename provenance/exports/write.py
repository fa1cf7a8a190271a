# SPDX-License-Identifier: Apache-2.0
"""Put an export where its user wants it, whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from provenance.errors import CanNotExportError
from provenance.unfinished import unfinished


@contextmanager
def placed(out: Path, *, force: bool = False) -> Iterator[IO[bytes]]:
    """Give a file to fill, which is at ``out`` in the end, and only if all of it could be written.

    What is there already is left alone, or with ``force`` replaced.

    Raises
    ------
    CanNotExportError
        There is something already, or there is no room.
    """
    try:
        with unfinished(out) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if force:
                Path(file.name).replace(out)
            else:
                os.link(file.name, out)
    except FileExistsError as reason:
        raise CanNotExportError(out, "there is a file already; choose another, or say --force") from reason
    except OSError as reason:
        raise CanNotExportError(out, reason.strerror or str(reason)) from reason

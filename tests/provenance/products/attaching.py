# SPDX-License-Identifier: Apache-2.0
"""Attach in a process of its own, which starts in milliseconds: a server forks it with all imports done."""

import multiprocessing
import resource
import signal
import time
from multiprocessing.connection import Connection
from pathlib import Path

from provenance.errors import ProvenanceError
from provenance.products.attach import attach
from provenance.record import read_record

_FORKED = multiprocessing.get_context("forkserver")
_FORKED.set_forkserver_preload([__name__])


def _attach(path: Path, record: str, room: int | None, told: Connection) -> None:
    if room is not None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    read = read_record(record)
    told.send("ready")
    try:
        attach(path, read, path.name)
    except ProvenanceError as error:
        told.send(type(error).__name__)
    else:
        told.send("done")


def _begun(
    path: Path, record: str, room: int | None
) -> tuple[multiprocessing.process.BaseProcess, Connection]:
    here, there = _FORKED.Pipe(duplex=False)
    process = _FORKED.Process(target=_attach, args=(path, record, room, there))
    process.start()
    there.close()
    assert here.recv() == "ready"
    return process, here


def killed(path: Path, record: str, after: float) -> None:
    """Attach the record, and kill the process after so many seconds."""
    process, told = _begun(path, record, None)
    time.sleep(after)
    process.kill()
    process.join()
    told.close()


def without_room(path: Path, record: str, room: int) -> str:
    """Attach the record where no file may have more than so many bytes; return ``done`` or the error."""
    process, told = _begun(path, record, room)
    said = str(told.recv())
    process.join()
    told.close()
    return said

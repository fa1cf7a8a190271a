# SPDX-License-Identifier: Apache-2.0
"""A submission as slurmrestd takes it."""

from typing import Any

from eb_prefect.brokers.batch.scheduler import Submission, SubmissionRefusedError
from eb_prefect.brokers.slurm import naming
from eb_prefect.brokers.slurm.slurmrestd.interface import Interface, NotSayableError
from eb_prefect.brokers.slurm.slurmrestd.options import UnknownOptionError, properties

_MOST_CORES = 65533
"""The largest number of 16 bits that has no meaning of its own; slurmrestd takes larger ones for others."""
# slurmrestd must be given an environment and adds nothing, so even HOME is the script's to find
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin"}
_PRELUDE = (
    'export USER="${USER:-$(id -un)}"\n'
    'export LOGNAME="${LOGNAME:-$USER}"\n'
    'export HOME="${HOME:-$(eval echo "~$USER")}"\n'
)


def body(submission: Submission, interface: Interface) -> dict[str, Any]:
    """Return the document to submit with.

    Raises
    ------
    SubmissionRefusedError
        It can't be said in this version of the interface.
    """
    if submission.cores > _MOST_CORES:
        raise SubmissionRefusedError(f"{submission.cores} cores are more than Slurm can count")
    try:
        return interface.body(_script(submission.script), _given(submission, interface))
    except UnknownOptionError as unknown:
        raise SubmissionRefusedError(f"option {unknown} can't be given by Slurm's REST interface") from None
    except NotSayableError as missing:
        where = f"v0.0.{interface.version} of Slurm's REST interface"
        raise SubmissionRefusedError(f"{missing} can't be given by {where}") from None


def _given(submission: Submission, interface: Interface) -> dict[str, Any]:
    options = properties(submission.options)
    gpus = f"gpu:{submission.gpus}" if submission.gpus else ""
    gres = ",".join(filter(None, [str(options.pop("gres", "")), gpus]))
    given = {
        "name": naming.name(submission.name, submission.identifier),
        "comment": naming.comment(submission.identifier),
        "partition": submission.queue,
        "tasks": 1,
        "cpus_per_task": submission.cores,
        "memory_per_node": submission.memory,
        "time_limit": submission.minutes,
        "array": f"0-{submission.tasks - 1}" if submission.tasks > 1 else "",
        "standard_output": submission.log.replace("%", "%%"),
        "current_working_directory": "/",
        "open_mode": "append",
        "environment": _ENVIRONMENT,
        **(interface.gres(gres) if gres else {}),
        **options,
    }
    return interface.once | {name: value for name, value in given.items() if value}


def _script(text: str) -> str:
    first, _, rest = naming.script(text).partition("\n")
    return f"{first}\n{_PRELUDE}{rest}"

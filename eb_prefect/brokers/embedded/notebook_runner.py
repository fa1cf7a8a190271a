# SPDX-License-Identifier: Apache-2.0
"""Run one notebook to its end: the program of a notebook's session.

It is run as a script, in a process of its own, and imports nothing of this
package. The last line on stderr says what failed.
"""

import json
import sys
from pathlib import Path
from typing import Any

import papermill
from papermill.exceptions import PapermillExecutionError


def main(given: str, made: str, parameters: str, *texts: str) -> None:
    """Run ``given`` and write it as ``made`` after each cell.

    ``parameters`` is a file with a JSON object; ``texts`` are names and values in turn.
    """
    language = _language(json.loads(Path(given).read_text(encoding="utf-8")))
    if language != "python":
        sys.exit(f"the notebook is written in {language}; this broker runs notebooks in python")
    values = json.loads(Path(parameters).read_text(encoding="utf-8"))
    try:
        papermill.execute_notebook(
            given,
            made,
            parameters={**values, **dict(zip(texts[::2], texts[1::2], strict=True))},
            kernel_name="python3",  # always this very Python, whatever kernel its author had
            language="python",
            progress_bar=False,
            stdout_file=sys.stdout,
            stderr_file=sys.stderr,
        )
    except PapermillExecutionError as error:
        reason = " ".join(f"{error.ename}: {error.evalue}".split())
        sys.exit(f"cell In [{error.exec_count}] failed: {reason}")


def _language(notebook: dict[str, Any]) -> str:
    about = notebook.get("metadata", {})
    named = about.get("kernelspec", {}).get("language") or about.get("language_info", {}).get("name")
    return str(named or "python").lower()


if __name__ == "__main__":
    main(*sys.argv[1:])

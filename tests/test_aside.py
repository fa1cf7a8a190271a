# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys

PROCESS = """
import time
from concurrent.futures import ThreadPoolExecutor
from eb_prefect.aside import Aside

pool, aside = ThreadPoolExecutor(), Aside("test")
def late():
    time.sleep(1)
    print(pool.submit(lambda: "done").result())
aside.put(late)
"""


def test_what_is_left_when_a_process_ends_can_still_use_threads() -> None:
    done = subprocess.run([sys.executable, "-c", PROCESS], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("done\n", "")

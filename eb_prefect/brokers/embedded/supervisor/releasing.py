# SPDX-License-Identifier: Apache-2.0
"""From the end of the program to what it left: products found, inputs looked at again."""

from .diary import Diary
from .plan import Plan
from .process import Helper, Report
from .release import changed, release
from .verdict import DATA, Verdict
from .watching import CANCELLED, Watch

_NAMED = 10


class Released:
    """What a session left, and how it ended when all of that is known."""

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.products: list[dict[str, object]] = []
        self.messages: list[dict[str, object]] = []


def look_for_products(plan: Plan, diary: Diary, watch: Watch, verdict: Verdict) -> Released:
    """Digest every product, also those of a program that failed or was stopped by a limit.

    Nothing is looked for once the session is cancelled or the machine goes down.
    """
    released = Released(verdict)
    watch.go_on()
    if watch.stop:
        return released
    staged = [entry for note in diary.entries for entry in _list(note.get("staged"))]
    if not (plan.writable or plan.keep or staged):
        return released
    before = {str(entry["path"]): str(entry["sha256"]) for entry in staged if "sha256" in entry}
    writable = {item.path for item in plan.stage if not item.is_read_only}
    fixed = [entry for entry in staged if entry["path"] not in writable]

    def work(report: Report) -> None:
        release(plan.writable, plan.keep, before, report)
        changed(fixed, report)

    helper = Helper(work)
    watch.over(helper.pid)
    _sort_out(helper.results(), released)
    if watch.stop == CANCELLED:
        released.verdict = Verdict(
            "CANCELLED", "", "the session was cancelled while its products were looked at"
        )
    return released


def _list(given: object) -> list[dict[str, object]]:
    return given if isinstance(given, list) else []


def _sort_out(results: list[dict[str, object]], released: Released) -> None:
    skipped = [str(result["skipped"]) for result in results if "skipped" in result]
    released.products = [result for result in results if "product" in result]
    if skipped:
        more = f" and {len(skipped) - _NAMED} more" if len(skipped) > _NAMED else ""
        text = f"no products: {'; '.join(skipped[:_NAMED])}{more}"
        released.messages.append({"level": "WARN", "kind": "skipped", "text": text})
    for result in results:
        if "changed" in result:
            released.messages.append({"level": "WARN", "kind": "input-changed", "text": result["changed"]})
        elif "broken" in result and released.verdict.phase == "COMPLETED":
            released.verdict = Verdict("FAILED", DATA, str(result["broken"]))
        elif "error" in result:
            released.verdict = Verdict("FAILED", DATA, f"products can't be read: {result['error']}")

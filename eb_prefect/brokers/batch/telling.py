# SPDX-License-Identifier: Apache-2.0
"""How a session of a batch system ended, from its log, the batch system's word and its books."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from eb_prefect.brokers.batch.scheduler import Account, Seen
from eb_prefect.brokers.embedded.reading import told
from eb_prefect.brokers.embedded.supervisor.verdict import COMPUTE, TOLD_TO_END
from eb_prefect.model.parts import Message
from eb_prefect.model.phase import FINAL, Phase
from eb_prefect.model.session import Outcome, Session

Entries = list[dict[str, Any]]
_ORDINARY = frozenset({"COMPLETED", "FAILED"})
_TEARING = frozenset({"TIMEOUT", "OUT_OF_MEMORY", "PREEMPTED", "DEADLINE"})
"""What ends some of a program's processes, so that the rest may end as if all were well."""
_MEASURED = ("started", "ended", "cpu_seconds", "peak_memory")


class End:
    """The end of one session: who says what of it.

    ``name`` is the batch system's, ``word`` its last one about the session,
    None where it knows nothing any more. ``trouble`` is what the session's
    script said last.
    """

    def __init__(self, name: str, handle: str, word: Account | Seen | None, trouble: str = "") -> None:
        self._name = name
        self._handle = handle
        self._word = word
        self._trouble = trouble

    def told(self, offer: Session, entries: Entries, directory: Path, said: tuple[Message, ...]) -> Session:
        """Return the final session."""
        whole = (
            [*entries[:-1], self._amended(entries[-1])] if _is_final(entries) else [*entries, self._last()]
        )
        session = told(offer, whole, Phase(whole[-1]["phase"]), directory)
        return session.model_copy(
            update={
                "outcome": self._joined(session.outcome or Outcome()),
                "messages": (*session.messages, *said),
            }
        )

    def _amended(self, last: dict[str, Any]) -> dict[str, Any]:
        """Return the supervisor's verdict with what it can't know: who told it to end, or killed it."""
        word = self._word
        if word is None or word.state in _ORDINARY:
            return last
        if last["phase"] == "FAILED":
            return {**last, **self._joined_verdict(last.get("text", ""), word)}
        if last["phase"] == "COMPLETED" and (word.phase is Phase.CANCELLED or word.state in _TEARING):
            return {**last, **self._verdict(word)}
        return last

    def _joined_verdict(self, text: str, word: Account | Seen) -> dict[str, Any]:
        """Return the batch system's verdict on what failed; its signal may have come to the program first."""
        if text == TOLD_TO_END:
            return self._verdict(word)
        joined = {"text": f"{text}; {self._name} says {_words(word)}".lstrip("; ")}
        return {**self._verdict(word), **joined} if word.phase is Phase.CANCELLED else joined

    def _last(self) -> dict[str, Any]:
        """Return the verdict where there is none of the supervisor's."""
        at = datetime.now(UTC).isoformat()
        if self._word is None:
            text = f"{self._name} lost the record of {self._handle}: it is not known how the session ended"
            return {"at": at, "phase": "FAILED", "part": COMPUTE, "text": text, "kind": "record-lost"}
        return {"at": at, **self._verdict(self._word)}

    def _verdict(self, word: Account | Seen) -> dict[str, Any]:
        if word.phase is Phase.CANCELLED:
            return {"phase": "CANCELLED", "part": "", "text": f"{self._name} says {_words(word)}"}
        more = f"; its script said: {self._trouble}" if self._trouble else ""
        text = f"{self._name} ended the session: {_words(word)}{more}"
        return {"phase": "FAILED", "part": COMPUTE, "text": text}

    def _joined(self, own: Outcome) -> Outcome:
        """Join what the supervisor measured, which is finer, with what the batch system has on its books."""
        known: dict[str, Any] = {"identifier": self._handle}
        word = self._word
        if word is not None:
            known |= {"state": word.state, "nodes": word.nodes or own.nodes}
        if isinstance(word, Account):
            known |= {name: getattr(word, name) for name in ("energy", "read_bytes", "written_bytes")}
            known |= {name: getattr(word, name) for name in _MEASURED if getattr(own, name) is None}
            if own.exit_code is None and own.signal is None:
                known |= {"exit_code": None if word.signal else word.exit_code, "signal": word.signal}
        return own.model_copy(update=known)


def _is_final(entries: Entries) -> bool:
    return bool(entries) and entries[-1].get("phase") in FINAL


def _words(word: Account | Seen) -> str:
    return f"{word.state} ({word.reason})" if word.reason else word.state

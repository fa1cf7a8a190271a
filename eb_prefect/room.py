# SPDX-License-Identifier: Apache-2.0
"""Whether one thread more would help: not where the process works as fast as it can."""

from time import monotonic, process_time

_PERIOD = 0.25
_LONGEST = 5.0
_MOST = 0.6


class Room:
    """Tells whether to start another thread, of which Python lets one at a time work.

    ``most`` is the share of a processor beyond which the process is busy.
    """

    def __init__(self, most: float = _MOST) -> None:
        self._most = most
        self._since, self._used = monotonic(), process_time()

    def for_another(self) -> bool:
        """Ask whether to start one now; True a few times a second at most.

        What counts is how busy the process was since this was last asked, for
        a quarter of a second to five seconds.
        """
        passed = monotonic() - self._since
        if passed < _PERIOD:
            return False
        used = process_time() - self._used
        self._since, self._used = monotonic(), process_time()
        return passed < _LONGEST and used / passed <= self._most

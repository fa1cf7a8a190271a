# SPDX-License-Identifier: Apache-2.0
"""What runs beside a session: waits, stages, starts, watches, releases, records.

Nothing here may import more than a few small C modules of the standard
library: a supervisor starts in some 10 ms because of that. ``json``, ``re``,
``signal``, ``typing``, ``dataclasses`` and ``subprocess`` cost more than all
the rest together, which is why private modules behind them are used instead.
Imports inside the package are relative, so that it starts by itself.
"""

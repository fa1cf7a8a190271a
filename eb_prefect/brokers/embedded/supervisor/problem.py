# SPDX-License-Identifier: Apache-2.0
"""What can go wrong with data that is no error of the operating system."""


class StagingError(Exception):
    """A resource can't be made ready; the message says why."""

# SPDX-License-Identifier: Apache-2.0
"""HTCondor for the batch broker, through its own bindings."""

# SPDX-License-Identifier: Apache-2.0
"""PBS and LSF for the batch broker, through psij-python."""

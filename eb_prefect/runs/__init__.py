# SPDX-License-Identifier: Apache-2.0
"""What a Prefect run adds to a step that runs within it."""

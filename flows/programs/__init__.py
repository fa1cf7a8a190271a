# SPDX-License-Identifier: Apache-2.0
"""Programs that steps run: each one file that needs nothing of this package."""

# SPDX-License-Identifier: Apache-2.0
"""Who says that a record is true: signatures by the keys that ssh users have."""

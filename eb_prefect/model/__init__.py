# SPDX-License-Identifier: Apache-2.0
"""The Execution Step data model: neutral, frozen, without I/O or dialect."""

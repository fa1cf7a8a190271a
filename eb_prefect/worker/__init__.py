# SPDX-License-Identifier: Apache-2.0
"""Whole flow runs as sessions of a broker: the work pool type ``execution-broker``."""

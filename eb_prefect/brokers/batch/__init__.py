# SPDX-License-Identifier: Apache-2.0
"""Batch systems as brokers: one broker over any scheduler and any host that reaches it."""

# SPDX-License-Identifier: Apache-2.0
"""Brokers: one module a kind, behind one protocol of four verbs."""

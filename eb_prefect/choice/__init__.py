# SPDX-License-Identifier: Apache-2.0
"""Asking several brokers at once, and choosing among what they offer."""

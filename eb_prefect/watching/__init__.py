# SPDX-License-Identifier: Apache-2.0
"""Watching any number of sessions: when to look, who looks, and what is told."""

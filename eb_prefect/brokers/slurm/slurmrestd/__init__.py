# SPDX-License-Identifier: Apache-2.0
"""Slurm's REST daemon: how it is asked, and what its versions say."""

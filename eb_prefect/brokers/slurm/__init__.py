# SPDX-License-Identifier: Apache-2.0
"""Slurm as a broker: its command line and its REST interface as schedulers."""

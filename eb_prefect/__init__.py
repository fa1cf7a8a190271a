# SPDX-License-Identifier: Apache-2.0
"""Ask an IVOA Execution Broker to run a step, and watch it, from Prefect."""

# SPDX-License-Identifier: Apache-2.0
"""The client of Execution Brokers that speak the IVOA's web interface."""

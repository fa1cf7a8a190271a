# SPDX-License-Identifier: Apache-2.0
"""Any broker of ours as an IVOA Execution Broker."""

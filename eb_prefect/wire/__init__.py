# SPDX-License-Identifier: Apache-2.0
"""The dialects of the Execution Broker: bytes to model and back."""

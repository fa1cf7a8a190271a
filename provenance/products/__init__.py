# SPDX-License-Identifier: Apache-2.0
"""Put a record into a product, and get it out again: one module a file format."""

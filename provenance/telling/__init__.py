# SPDX-License-Identifier: Apache-2.0
"""What a record says in the terms of W3C PROV, written as PROV-JSON without the library."""

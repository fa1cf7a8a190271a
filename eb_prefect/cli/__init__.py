# SPDX-License-Identifier: Apache-2.0
"""Commands on documents, for the group `eb`."""

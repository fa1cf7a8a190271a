# SPDX-License-Identifier: Apache-2.0
"""Whether a PROV document is valid by PROV-CONSTRAINTS (W3C Recommendation, 30 April 2013)."""

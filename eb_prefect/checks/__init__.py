# SPDX-License-Identifier: Apache-2.0
"""What can be wrong with a request, one module a part of it; `eb_prefect.check` asks them all."""

# SPDX-License-Identifier: Apache-2.0
"""Remember each step, keep its record in its products, and run it again from them."""

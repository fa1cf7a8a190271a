# SPDX-License-Identifier: Apache-2.0
"""For the tests of anyone who runs steps or writes a broker."""

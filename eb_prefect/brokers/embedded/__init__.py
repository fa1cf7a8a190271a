# SPDX-License-Identifier: Apache-2.0
"""The embedded broker: real execution on this machine, with nothing to install."""

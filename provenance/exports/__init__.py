# SPDX-License-Identifier: Apache-2.0
"""The record of a step in the forms that others read."""

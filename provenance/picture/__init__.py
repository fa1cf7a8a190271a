# SPDX-License-Identifier: Apache-2.0
"""Pictures of where a product came from, drawn without any other program."""

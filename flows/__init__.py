# SPDX-License-Identifier: Apache-2.0
"""Ready pipelines, one file each, named by the science."""

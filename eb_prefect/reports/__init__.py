# SPDX-License-Identifier: Apache-2.0
"""The story of a step for a person to read, as Markdown with pictures that need nothing else."""

# SPDX-License-Identifier: Apache-2.0
"""PanDA as an Execution Broker: tasks of JEDI or single jobs, over its REST interface."""

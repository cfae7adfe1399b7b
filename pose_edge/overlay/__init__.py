"""Skeleton, posture and events on the pictures they were found in: a second pass, in its own process.

`require_possible` and `render` are all that others need. What crosses into the process is a `Job`; pixels
never come back.
"""

from pose_edge.overlay.job import Job, require_possible
from pose_edge.overlay.parent import render

__all__ = ["Job", "render", "require_possible"]

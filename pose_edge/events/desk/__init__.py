"""How people sit, measured against how they sit when they sit well; and how long they sit.

Begins (`slouch_started`, `forward_head_started`, `shoulder_tilt_started`, `head_tilt_started`) after 3 s of
sitting badly, in a view that has been the same for 10 s. A reminder (`posture_reminder`, only with `remind`)
comes by dose: the worse, the sooner. Ends after 15 s of good, on getting up, or out of sight for 10 s. A
hidden part is not judged; an oblique view is told (`desk_started`, reason `oblique`) and not measured.
"""

from pose_edge.events.desk.detector import REMINDER, DeskDetector
from pose_edge.events.desk.options import DeskOptions

__all__ = ["REMINDER", "DeskDetector", "DeskOptions"]

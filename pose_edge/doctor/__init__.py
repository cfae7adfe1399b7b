"""`pose-edge doctor`: looks at everything the daemon needs, and says what to do about what is wrong."""

from pose_edge.doctor.bundle import write_bundle
from pose_edge.doctor.examination import CHECKS, Result, examine, report
from pose_edge.doctor.findings import Finding, Surroundings, Verdict
from pose_edge.doctor.surroundings import look_around

__all__ = [
    "CHECKS",
    "Finding",
    "Result",
    "Surroundings",
    "Verdict",
    "examine",
    "look_around",
    "report",
    "write_bundle",
]

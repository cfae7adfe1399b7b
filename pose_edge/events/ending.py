"""How an event ends: what begun said, and when and why it was over."""

from __future__ import annotations

from collections.abc import Mapping

from pose_edge.records import Event, Scalar, Stage


def ended(
    begun: Event,
    event_type: str,
    now_ms: int,
    end_ms: int,
    reason: str,
    evidence: Mapping[str, Scalar] | None = None,
) -> Event:
    """Return the end of `begun`, which is never before its beginning, with `evidence` of its own."""
    return Event(
        kind=begun.kind,
        event_type=event_type,
        stage=Stage.END,
        number=begun.number,
        timestamp_ms=now_ms,
        start_ms=begun.start_ms,
        end_ms=max(end_ms, begun.start_ms),
        person_id=begun.person_id,
        confidence=begun.confidence,
        reason=reason,
        details=begun.details,
        evidence=evidence or {},
    )

"""Recordings, manifests and events made by hand."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from pose_edge.evaluation.playing import Moment, Played
from pose_edge.messages import Device, Messages
from pose_edge.recording import write_line
from pose_edge.records import Event, PoseResult, PostureClass, Scalar, Stage


def write_recording(path: Path, results: Iterable[PoseResult], model: str = "by_hand.task") -> Path:
    messages = Messages(Device("test"), "test", model, "video", replayed=True)
    path.write_bytes(b"".join(write_line(result, None, messages) for result in results))
    return path


def write_manifest(path: Path, *clips: dict[str, Any], **more: Any) -> Path:
    path.write_text(yaml.safe_dump({"version": 1, "clips": list(clips), **more}, sort_keys=False))
    return path


def event(
    event_type: str,
    at_s: float,
    *,
    kind: str = "fall",
    stage: Stage = Stage.NEW,
    number: int = 1,
    start_s: float | None = None,
    details: dict[str, Scalar] | None = None,
    evidence: dict[str, Scalar] | None = None,
) -> Event:
    return Event(
        kind=kind,
        event_type=event_type,
        stage=stage,
        number=number,
        timestamp_ms=round(at_s * 1000),
        start_ms=round(1000 * (at_s if start_s is None else start_s)),
        end_ms=round(at_s * 1000) if stage is Stage.END else None,
        person_id=1,
        details=details or {},
        evidence=evidence or {},
    )


def posture_event(posture: str, start_s: float, at_s: float, number: int = 1) -> Event:
    details: dict[str, Scalar] = {"posture": posture}
    return event("posture_started", at_s, kind="posture", number=number, start_s=start_s, details=details)


def played(
    *events: Event,
    duration_s: float = 8.0,
    seen: PostureClass | None = PostureClass.STANDING,
    occupied: bool = True,
    step_s: float = 0.1,
) -> Played:
    """A clip in which every picture looks the same, and these events."""
    moments = tuple(
        Moment(round(index * step_s, 3), 1, 1, occupied, seen, seen)
        for index in range(round(duration_s / step_s))
    )
    return Played(moments, events, duration_s, held_s=12.0)

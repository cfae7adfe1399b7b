"""One photo by itself: poses with what can be said without a past."""

from __future__ import annotations

from typing import Any

import orjson

from pose_edge.messages import Device, Messages
from pose_edge.posture import describe, measure
from pose_edge.records import Pose, PoseResult
from pose_edge.replay import REPLAY_DEVICE
from pose_edge.tracking import MIN_TORSO_SHARE


def describe_photo(result: PoseResult, model: str) -> dict[str, Any]:
    """Return the `landmarks` payload of one photo; each pose also has what can be measured on it.

    `person` says whether it is large enough for one: the model sees small poses in table legs.
    """
    messages = Messages(Device(REPLAY_DEVICE), REPLAY_DEVICE, model, "image", replayed=True)
    payload: dict[str, Any] = orjson.loads(messages.landmarks(result).payload)
    for entry, pose in zip(payload["poses"], result.poses, strict=True):
        entry.update(_measured(pose, result))
    return payload


def _measured(pose: Pose, result: PoseResult) -> dict[str, Any]:
    body = measure(pose, result.width_px, result.height_px)
    if body is None:
        return {"person": False, "posture": "unknown", "confidence": 0.0}
    posture = describe(body, person_id=0, scale_px=body.torso_px, timestamp_ms=result.timestamp_ms)
    return {
        "person": body.torso_px >= MIN_TORSO_SHARE * result.height_px,
        "posture": posture.posture_class.value,
        "confidence": round(posture.confidence, 2),
        "torso_angle_deg": round(body.torso_tilt_deg, 1),
        "bbox": {name: round(getattr(body.box, name), 4) for name in ("x", "y", "width", "height")},
    }

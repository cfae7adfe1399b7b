"""What can be chosen about the landmarker: every option of MediaPipe's Pose Landmarker guide."""

from enum import StrEnum

from pydantic import Field

from pose_edge.options import Options


class RunningMode(StrEnum):
    """How pictures go in and results come out; one landmarker class each."""

    IMAGE = "image"
    """Single pictures that have nothing to do with each other."""
    VIDEO = "video"
    """Every frame of a clip, in order; each call waits for its result."""
    LIVE_STREAM = "live_stream"
    """A camera: frames that come too fast are dropped and counted."""


class LandmarkerOptions(Options):
    """How the model looks at pictures. MediaPipe accepts values outside these bounds without a word."""

    num_poses: int = Field(1, ge=1, le=5)
    """Most people found in one picture. Above 1 MediaPipe does not smooth, jitters more and takes longer."""

    # 0.3, where the guide says 0.5: a body on the floor is easily lost. In the last quarter of 14 public fall
    # clips (237 frames at 10 Hz) the pose was lost in 9 frames with 0.3 and in 40 with 0.5.
    min_pose_detection_confidence: float = Field(0.3, ge=0, le=1)
    """How sure the detector must be that there is a person before a pose is looked for."""

    min_pose_presence_confidence: float = Field(0.3, ge=0, le=1)
    """How sure the landmark model must be that it is looking at a person; below it the pose is dropped."""

    min_tracking_confidence: float = Field(0.3, ge=0, le=1)
    """How much the body's box must overlap with the one before to be taken for the same person."""

    output_segmentation_masks: bool = False
    """Also say for each pixel how likely it is a person. 4 bytes a pixel; never leaves the machine."""

    stall_limit_s: float = Field(10.0, gt=0)
    """Live only: no result for this long after a frame went in is an error."""

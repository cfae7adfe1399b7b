"""From what cameras and files deliver to R, G, B: uint8, C-contiguous, in memory of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pose_edge.errors import SourceError

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from cv2.typing import MatLike

JPEG_BEGIN: Final = b"\xff\xd8"


def from_bgr(image_bgr: MatLike) -> npt.NDArray[np.uint8]:
    """Return OpenCV's usual order the other way round."""
    import cv2
    import numpy as np

    return np.asarray(cv2.cvtColor(image_bgr, cv2.COLOR_BGR2RGB), dtype=np.uint8)


def from_padded_rgb(
    buffer: npt.NDArray[np.uint8], width_px: int, height_px: int, stride_bytes: int
) -> npt.NDArray[np.uint8]:
    """Return a copy of the picture in a flat buffer whose rows are `stride_bytes` apart."""
    import numpy as np

    rows = buffer.reshape(-1)[: height_px * stride_bytes].reshape(height_px, stride_bytes)
    return np.array(rows[:, : width_px * 3], order="C").reshape(height_px, width_px, 3)


def from_yuyv(buffer: npt.NDArray[np.uint8], width_px: int, height_px: int) -> npt.NDArray[np.uint8]:
    """Return a camera's YUYV buffer as R, G, B; its rows may be padded.

    Raises SourceError when the buffer is too short, as it is when USB lost a packet.
    """
    import cv2
    import numpy as np

    if not whole_yuyv(buffer, width_px, height_px):
        msg = f"a YUYV picture of {width_px} x {height_px} px cannot have {buffer.size} bytes"
        raise SourceError(msg)
    rows = buffer.reshape(height_px, buffer.size // height_px)[:, : width_px * 2]
    yuyv = np.ascontiguousarray(rows).reshape(height_px, width_px, 2)
    return np.asarray(cv2.cvtColor(yuyv, cv2.COLOR_YUV2RGB_YUYV), dtype=np.uint8)


def whole_yuyv(buffer: npt.NDArray[np.uint8], width_px: int, height_px: int) -> bool:
    """Tell at a glance whether a YUYV buffer can be a complete picture."""
    return buffer.size % height_px == 0 and buffer.size // height_px >= width_px * 2


def from_mjpg(buffer: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return one JPEG of a camera's MJPG stream as R, G, B. Raises SourceError when it cannot be decoded."""
    import cv2

    image_bgr = None
    if whole_mjpg(buffer):
        image_bgr = cv2.imdecode(buffer.reshape(-1), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    if image_bgr is None:
        msg = f"an MJPG picture of {buffer.size} bytes cannot be decoded"
        raise SourceError(msg)
    return from_bgr(image_bgr)


def whole_mjpg(buffer: npt.NDArray[np.uint8]) -> bool:
    """Tell at a glance whether an MJPG buffer can be decoded."""
    return buffer.reshape(-1)[: len(JPEG_BEGIN)].tobytes() == JPEG_BEGIN

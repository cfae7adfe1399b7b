"""Held against MediaPipe's own Python classes, which make the same calls another way."""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
import queue
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from pose_edge.landmarker.mediapipe_engine import RawLandmarker
from pose_edge.landmarker.mediapipe_import import import_mediapipe, installed_version
from pose_edge.landmarker.mediapipe_result import RawResult, convert
from pose_edge.records import PoseResult, Timing
from pose_edge.sandbox import lock_network_out

pytestmark = pytest.mark.skipif(installed_version().startswith("0."), reason="0.10 has no C functions")

OURS = ("pose_edge.landmarker.mediapipe_c", "pose_edge.landmarker.mediapipe_c")
TASKS = "mediapipe.tasks.python"
THEIRS = ("mediapipe.tasks.python.vision.pose_landmarker", "mediapipe.tasks.python.vision.core.image")


@contextmanager
def opened(modules: tuple[str, str], model: Path, mode: str, **options: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (landmarker, class of pictures); closed afterwards."""
    mediapipe = import_mediapipe()
    landmarker, image = (importlib.import_module(module) for module in modules)
    wanted = mediapipe.landmarker_options(
        base_options=mediapipe.base_options(model_asset_path=str(model)),
        running_mode=mediapipe.running_mode[mode],
        **options,
    )
    # All on one thread that may not open sockets: see `unheard.py`.
    lock = partial(lock_network_out, only_this_thread=True)
    with ThreadPoolExecutor(1, initializer=lock) as locked:
        raw = locked.submit(landmarker.PoseLandmarker.create_from_options, wanted).result()
        try:
            yield raw, image.Image
        finally:
            locked.submit(raw.close).result()


def as_ours(raw: RawResult, *, masks: bool = False) -> PoseResult:
    return convert(raw, 0, 640, 480, Timing(0, 0, 0), masks=masks)


def assert_same(one: PoseResult, other: PoseResult) -> None:
    assert len(one.poses) == len(other.poses) > 0
    for mine, theirs in zip(one.poses, other.poses, strict=True):
        np.testing.assert_array_equal(mine.landmarks, theirs.landmarks)
        np.testing.assert_array_equal(mine.world_landmarks, theirs.world_landmarks)


def picture(image: Any, rgb: npt.NDArray[np.uint8]) -> Any:
    return image(image_format=import_mediapipe().image_format.SRGB, data=rgb)


def two_people(person_rgb: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(np.hstack([person_rgb, person_rgb[:, ::-1]]))


def test_a_photo_of_two_gives_the_numbers_and_masks_of_mediapipes_class(
    model_path: Path, person_rgb: npt.NDArray[np.uint8]
) -> None:
    rgb, found = two_people(person_rgb), []
    for modules in (OURS, THEIRS):
        options = {"num_poses": 2, "output_segmentation_masks": True}
        with opened(modules, model_path, "IMAGE", **options) as (landmarker, image):
            found.append(as_ours(landmarker.detect(picture(image, rgb)), masks=True))
    mine, theirs = found

    assert len(mine.poses) == 2
    assert_same(mine, theirs)
    assert mine.segmentation_masks is not None
    assert theirs.segmentation_masks is not None
    for one, other in zip(mine.segmentation_masks, theirs.segmentation_masks, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_clip_gives_the_numbers_of_mediapipes_class(
    model_path: Path, person_rgb: npt.NDArray[np.uint8]
) -> None:
    found: list[list[PoseResult]] = []
    for modules in (OURS, THEIRS):
        with opened(modules, model_path, "VIDEO") as (landmarker, image):
            moved = (np.ascontiguousarray(np.roll(person_rgb, 3 * step, axis=1)) for step in range(4))
            raw = [landmarker.detect_for_video(picture(image, rgb), 40 * at) for at, rgb in enumerate(moved)]
            found.append([as_ours(one) for one in raw])

    for mine, theirs in zip(*found, strict=True):
        assert_same(mine, theirs)


def test_live_pictures_give_the_numbers_of_mediapipes_class(
    model_path: Path, person_rgb: npt.NDArray[np.uint8], empty_rgb: npt.NDArray[np.uint8]
) -> None:
    found: list[list[tuple[int, PoseResult]]] = []
    for modules in (OURS, THEIRS):
        results: queue.Queue[tuple[int, RawResult]] = queue.Queue()

        def take(raw: RawResult, _: object, ms: int, into: queue.Queue[Any] = results) -> None:
            into.put((ms, raw))

        with opened(modules, model_path, "LIVE_STREAM", result_callback=take) as (landmarker, image):
            seen = []
            for at, rgb in enumerate([person_rgb, person_rgb, empty_rgb]):
                landmarker.detect_async(picture(image, rgb), 40 * at)
                seen.append(results.get(timeout=10))
        # Kept until MediaPipe has let go of its memory: a result must not borrow it.
        found.append([(ms, as_ours(raw)) for ms, raw in seen])
    mine, theirs = found

    assert [ms for ms, _ in mine] == [ms for ms, _ in theirs] == [0, 40, 80]
    for (_, one), (_, other) in zip(mine[:2], theirs[:2], strict=True):
        assert_same(one, other)
    assert len(mine[2][1].poses) == len(theirs[2][1].poses)


def test_closing_from_another_thread_waits_for_the_picture_that_is_worked_on(
    model_path: Path, person_rgb: npt.NDArray[np.uint8]
) -> None:
    """Two calls at a time would be MediaPipe's end, and the process's."""
    refused = threading.Event()

    def work(landmarker: RawLandmarker, image: Any) -> None:
        results = iter(lambda: landmarker.detect(picture(image, person_rgb)), None)
        with pytest.raises(ValueError, match="closed"):
            deque(results, maxlen=0)
        refused.set()

    with opened(OURS, model_path, "IMAGE") as (landmarker, image):
        working = threading.Thread(target=work, args=(landmarker, image), daemon=True)
        working.start()
        landmarker.detect(picture(image, person_rgb))
        landmarker.close()
        assert refused.wait(10)
        landmarker.close()


def imported_afresh() -> None:
    import_mediapipe()
    spec = importlib.util.find_spec(OURS[0])
    assert spec is not None
    assert spec.loader is not None
    spec.loader.exec_module(importlib.util.module_from_spec(spec))


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (f"{TASKS}.core.base_options:BaseOptions", "to_ctypes"),
        (f"{TASKS}.core.mediapipe_c_bindings", "load_raw_library"),
        (f"{TASKS}.core.mediapipe_c_utils", "handle_status"),
        (f"{TASKS}.vision.pose_landmarker", "_CTYPES_SIGNATURES"),
        (f"{TASKS}.vision.pose_landmarker", "_C_TYPES_RESULT_CALLBACK"),
        (f"{TASKS}.vision.pose_landmarker:MpPoseLandmarkerOptionsC", "from_c_options"),
        (f"{TASKS}.vision.core.image:Image", "create_from_ctypes"),
    ],
)
def test_what_is_no_longer_there_is_missed_on_import(
    owner: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Later it would end the vision process at each start, and nobody would ask for the public classes."""
    import_mediapipe()
    monkeypatch.delattr(pkgutil.resolve_name(owner), name)

    with pytest.raises((AttributeError, ImportError), match=name):
        imported_afresh()


def test_a_function_that_takes_something_else_is_noticed_on_import(monkeypatch: pytest.MonkeyPatch) -> None:
    imported_afresh()
    signatures = pkgutil.resolve_name(f"{TASKS}.vision.pose_landmarker:_CTYPES_SIGNATURES")
    [live] = [one for one in signatures if one.func_name == "MpPoseLandmarkerDetectAsync"]
    monkeypatch.setitem(live.__dict__, "argtypes", [*live.argtypes, *live.argtypes[:1]])

    with pytest.raises(AttributeError, match="MpPoseLandmarkerDetectAsync: missing, or called differently"):
        imported_afresh()

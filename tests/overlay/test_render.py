"""The whole second pass, with the real process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from pose_edge.errors import PoseEdgeError, SourceError, UsageError
from pose_edge.overlay import Job, render
from pose_edge.overlay.parent import DrawingProcess
from pose_edge.overlay.skeleton import LEFT
from pose_edge.sources.actor import ActorOptions
from pose_edge.sources.images import ImagesOptions
from pose_edge.sources.v4l2 import V4l2Options
from pose_edge.sources.video import VideoOptions
from tests.overlay.material import (
    Image,
    Landmarks,
    Teller,
    eventually,
    limited_file_size,
    names_in,
    person,
    plain,
    read_clip,
    write_clip,
    write_lines,
)

TELLER = Teller()
FRAMES = 24
WRIST = 15


def counter_picture(number: int) -> Image:
    """Return a picture whose upper left corner says its number by its grey."""
    image = plain(320, 240, 120)
    image[:40, :40] = 10 * number
    return image


def number_of(image: Image) -> int:
    return round(float(image[5:35, 5:35].mean()) / 10)


def pointing_body(number: int) -> Landmarks:
    """Return a body with nothing but a left wrist, whose place says a number."""
    landmarks = person()
    landmarks[:, 3] = 0.0
    landmarks[WRIST] = ((60 + 10 * number) / 320, 0.5, 0, 0.99, 0.99)
    landmarks[WRIST + 2] = (
        *landmarks[WRIST, :1],
        0.6,
        0,
        0.99,
        0.99,
    )  # a line is found more surely than a dot
    return landmarks


def pointed_at(image: Image) -> int | None:
    """Return the number the drawn wrist says; None: there is none."""
    likeness = np.abs(image[100:160].astype(int) - LEFT).sum(axis=2)
    columns = np.flatnonzero((likeness < 120).any(axis=0))
    return round((float(columns.mean()) - 60) / 10) if len(columns) else None


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A film at 10 Hz that counts its frames."""
    folder = tmp_path / "in"
    folder.mkdir()
    return write_clip(folder / "clip.avi", map(counter_picture, range(FRAMES)))


@pytest.fixture
def told(clip: Path) -> Path:
    """What was found in it: a wrist that counts along."""
    lines = (TELLER.landmarks(100 * number, pointing_body(number)) for number in range(FRAMES))
    return write_lines(clip.parent / "told.jsonl", lines)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder of which everything in it is known."""
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def endless(tmp_path: Path) -> Job:
    """A job that would take until tomorrow."""
    (tmp_path / "out").mkdir()
    told = write_lines(tmp_path / "told.jsonl", [TELLER.landmarks(10**9)])
    return Job(source=ActorOptions(), annotations=told, outputs=(tmp_path / "out" / "film.mp4",))


@pytest.mark.parametrize("ending", [".mp4", ".mkv"])
def test_each_frame_carries_what_was_found_in_it(clip: Path, told: Path, out: Path, ending: str) -> None:
    steps: list[int] = []

    render(VideoOptions(path=clip), told, (out / f"film{ending}",), steps.append)

    pictures, rate_hz = read_clip(out / f"film{ending}")
    assert [number_of(it) for it in pictures] == list(range(FRAMES))
    assert [pointed_at(it) for it in pictures] == list(range(FRAMES))
    assert rate_hz == pytest.approx(10)
    assert steps[-1] == FRAMES
    assert steps == sorted(steps)
    assert names_in(out) == [f"film{ending}"]


def test_frames_that_were_dropped_live_show_the_result_before_them(clip: Path, out: Path) -> None:
    seen = [2, 5, 6, 14]
    told = write_lines(
        clip.parent / "told.jsonl",
        (TELLER.landmarks(100 * number, pointing_body(number)) for number in seen),
    )

    render(VideoOptions(path=clip), told, (out / "film.avi",))

    pictures, _ = read_clip(out / "film.avi")
    expected = [None, None, 2, 2, 2, 5, *[6] * 6, None, None, *[14] * 6, *[None] * 4]
    assert [pointed_at(it) for it in pictures] == expected


def test_a_part_of_a_film_is_drawn_with_the_times_of_the_whole(clip: Path, told: Path, out: Path) -> None:
    render(VideoOptions(path=clip, start_s=1.0, end_s=1.5), told, (out / "film.avi",))

    pictures, _ = read_clip(out / "film.avi")
    assert [number_of(it) for it in pictures] == [10, 11, 12, 13, 14]
    assert [pointed_at(it) for it in pictures] == [10, 11, 12, 13, 14]


def test_photos_keep_size_and_content_and_get_each_its_own_body(tmp_path: Path, out: Path) -> None:
    photos = [tmp_path / "a.png", tmp_path / "b.png", tmp_path / "c.png"]
    for number, photo in enumerate(photos):
        cv2.imwrite(str(photo), counter_picture(number + 3)[:, : 320 - number])
    told = write_lines(
        tmp_path / "told.jsonl",
        [
            TELLER.landmarks(0, pointing_body(3)),
            TELLER.landmarks(1000),
            TELLER.landmarks(2000, pointing_body(5)),
        ],
    )
    outputs = (out / "a.png", out / "b.JPG", out / "c.png")

    render(ImagesOptions(path=tuple(photos)), told, outputs)

    pictures = [image for path in outputs if (image := cv2.imread(str(path))) is not None]
    rgb = [np.asarray(picture[..., ::-1], np.uint8) for picture in pictures]
    assert [it.shape for it in rgb] == [(240, 320, 3), (240, 319, 3), (240, 318, 3)]
    assert [number_of(it) for it in rgb] == [3, 4, 5]
    assert [pointed_at(it) for it in rgb] == [3, None, 5]
    assert names_in(out) == ["a.png", "b.JPG", "c.png"]


def test_a_looping_actor_is_drawn_as_far_as_it_was_looked_at(tmp_path: Path, out: Path) -> None:
    told = write_lines(
        tmp_path / "told.jsonl", [TELLER.landmarks(0, person()), TELLER.landmarks(1000, person())]
    )

    render(ActorOptions(rate_hz=10, width_px=160, height_px=120), told, (out / "film.mp4",))

    assert len(read_clip(out / "film.mp4")[0]) == 16  # 0 to 1500 ms


@pytest.mark.parametrize(
    ("outputs", "complaint"),
    [
        (["film.wmv"], r"film\.wmv: unknown ending, found '\.wmv', allowed are \.mp4 \.avi \.mkv"),
        (["film"], r"film: unknown ending, found none"),
        (["film.png"], r"film\.png: unknown ending"),
        (["folder.mp4"], r"folder\.mp4: is a folder"),
        (["none/film.mp4"], r"film\.mp4: cannot write in .*none: no such file or directory"),
        (["../in/clip.avi"], r"clip\.avi: is read to draw on it"),
    ],
)
def test_an_output_that_cannot_be_is_refused_before_any_work(
    clip: Path, told: Path, out: Path, outputs: list[str], complaint: str
) -> None:
    (out / "folder.mp4").mkdir()
    before = clip.read_bytes()

    with pytest.raises(UsageError, match=complaint):
        render(VideoOptions(path=clip), told, [out / name for name in outputs])

    assert names_in(out) == ["folder.mp4"]
    assert clip.read_bytes() == before


@pytest.mark.parametrize(
    ("outputs", "complaint"),
    [
        (["a.png"], r"1 outputs for 2 photos"),
        (["a.png", "a.png"], r"a\.png: named as output 2 times"),
        (["a.png", "b.mp4"], r"b\.mp4: unknown ending, found '\.mp4', allowed are \.png"),
    ],
)
def test_photos_want_one_output_each(tmp_path: Path, out: Path, outputs: list[str], complaint: str) -> None:
    photos = (tmp_path / "a.png", tmp_path / "b.png")
    for photo in photos:
        cv2.imwrite(str(photo), plain(64, 48))
    told = write_lines(tmp_path / "told.jsonl", [])

    with pytest.raises(UsageError, match=complaint):
        render(ImagesOptions(path=photos), told, [out / name for name in outputs])

    assert names_in(out) == []


def test_a_camera_cannot_be_looked_at_again(told: Path, out: Path) -> None:
    with pytest.raises(UsageError, match=r"--overlay .* camera \(v4l2\)"):
        render(V4l2Options(), told, (out / "film.mp4",))


def test_what_fails_in_the_process_is_raised_here_and_leaves_the_earlier_film_alone(
    clip: Path, told: Path, out: Path
) -> None:
    (out / "film.mp4").write_bytes(b"earlier")
    with told.open("ab") as file:
        file.write(b"garbage\n")

    with pytest.raises(SourceError, match=r"told\.jsonl, line 25: "):
        render(VideoOptions(path=clip), told, (out / "film.mp4",))

    assert names_in(out) == ["film.mp4"]
    assert (out / "film.mp4").read_bytes() == b"earlier"


def test_the_second_photo_that_cannot_be_read_takes_the_first_with_it(tmp_path: Path, out: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), plain(64, 48))
    (tmp_path / "b.png").write_bytes(b"no picture")
    told = write_lines(tmp_path / "told.jsonl", [])

    with pytest.raises(SourceError, match=r"b\.png"):
        render(
            ImagesOptions(path=(tmp_path / "a.png", tmp_path / "b.png")), told, (out / "a.png", out / "b.png")
        )

    assert names_in(out) == []


@pytest.mark.parametrize("ending", [".mp4", ".avi", ".mkv"])
def test_a_full_disk_is_an_error_and_leaves_nothing(clip: Path, out: Path, ending: str) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (10, 240, 320, 3), dtype=np.uint8)
    write_clip(clip, noise)
    told = write_lines(clip.parent / "told.jsonl", [])

    with (
        limited_file_size(20_000),
        pytest.raises(PoseEdgeError, match=rf"film\{ending}: not written completely: .* MB free"),
    ):
        render(VideoOptions(path=clip), told, (out / f"film{ending}",))

    assert names_in(out) == []


MAIN_THEN_SOCKETS = """
import errno, socket, sys
from pose_edge.overlay import process

assert "cv2" not in sys.modules, "OpenCV was there before the network was locked out"
assert process.main() == 0
for family in (socket.AF_INET, socket.AF_INET6):
    try:
        socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        print(errno.errorcode[error.errno], file=sys.stderr)
"""


def test_the_process_that_draws_cannot_open_a_network_socket(clip: Path, told: Path, out: Path) -> None:
    pytest.importorskip("pyseccomp", exc_type=ImportError)
    job = Job(source=VideoOptions(path=clip), annotations=told, outputs=(out / "film.mp4",))

    done = subprocess.run(
        [sys.executable, "-c", MAIN_THEN_SOCKETS],
        input=job.model_dump_json() + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout.splitlines()[-1] == '{"frames":24}'
    if "could reach the network" in done.stderr:
        pytest.skip(f"this kernel has no seccomp: {done.stderr}")
    assert done.stderr.split() == ["EACCES", "EACCES"]


def test_a_process_that_crashes_is_an_error_and_leaves_nothing(endless: Job) -> None:
    with DrawingProcess(endless) as process:
        begin(process, endless)
        os.kill(process._child.pid, signal.SIGSEGV)
        with pytest.raises(PoseEdgeError, match="the drawing process died: signal SIGSEGV"):
            eventually(lambda: process.poll(1.0) == -1)

    assert names_in(endless.outputs[0].parent) == []


def test_a_process_that_hangs_does_not_outlive_us(endless: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose_edge.overlay.parent.CLOSE_S", 0.3)  # no need to wait for it 3 s
    with DrawingProcess(endless) as process:
        begin(process, endless)
        pid = process._child.pid
        os.kill(pid, signal.SIGSTOP)

    assert not is_alive(pid)
    assert names_in(endless.outputs[0].parent) == []


def test_a_silent_process_is_an_error(endless: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pose_edge.overlay.parent.CLOSE_S", 0.3)
    with DrawingProcess(endless) as process:
        begin(process, endless)
        os.kill(process._child.pid, signal.SIGSTOP)
        monkeypatch.setattr("pose_edge.overlay.parent.SILENCE_LIMIT_S", 1.0)
        with pytest.raises(PoseEdgeError, match="the drawing process has been silent for 1 s: killed"):
            eventually(lambda: process.poll(0.2) == -1)


DRAW = """
import sys
from pose_edge.overlay import Job, render

job = Job.model_validate_json(sys.argv[1])
render(job.source, job.annotations, job.outputs)
"""


@pytest.fixture
def drawing(endless: Job) -> Iterator[subprocess.Popen[bytes]]:
    """A command of its own process group, as a shell starts it, while it draws."""
    command = [sys.executable, "-c", DRAW, endless.model_dump_json()]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as parent:
        try:
            assert eventually(lambda: names_in(endless.outputs[0].parent) != [])
            yield parent
        finally:
            parent.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_stopping_the_command_leaves_no_process_and_no_file(
    drawing: subprocess.Popen[bytes], endless: Job, number: signal.Signals
) -> None:
    [child] = children(drawing.pid)

    if number is signal.SIGINT:
        os.killpg(drawing.pid, number)  # Ctrl-C
    else:
        drawing.send_signal(number)

    assert drawing.wait(10) == -number
    assert eventually(lambda: not is_alive(child), 3)
    assert eventually(lambda: names_in(endless.outputs[0].parent) == [], 3)
    assert drawing.stderr is not None
    assert (b"KeyboardInterrupt" in drawing.stderr.read()) is (number is signal.SIGINT)


def begin(process: DrawingProcess, job: Job) -> None:
    """Wait until it has begun to write."""
    assert eventually(lambda: process.poll(0.1) is not None)
    assert eventually(lambda: names_in(job.outputs[0].parent) != [])


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.brokers import Mosquitto, Subscriber, free_port
from tests.cli.command import lines, refused, run

# Puts stand-ins for the libraries a recording must not need in front of the real ones.
BLOCKED = ("mediapipe", "cv2")


@pytest.fixture(scope="module")
def presence_clip(shared_data: Path) -> Path:
    return shared_data / "clips" / "presence_enter_stand_leave.mp4"


@pytest.fixture(scope="module")
def recorded(
    presence_clip: Path, model_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """A recording of the clip, and what the clip's own replay printed."""
    path = tmp_path_factory.mktemp("recorded") / "poses.jsonl"
    done = run("replay", presence_clip, "--record", path, "--model", model_path)
    assert done.returncode == 0, done.stderr
    return path, done.stdout


def test_nobody_somebody_nobody_at_the_right_seconds(recorded: tuple[Path, str]) -> None:
    events = [json.loads(line) for line in recorded[1].splitlines()]
    told = [
        (event["event_type"], event["frame_timestamp_ms"] / 1000)
        for event in events
        if event["kind"] == "presence"
    ]

    assert [name for name, _ in told] == ["presence_ended", "presence_started", "presence_ended"]
    assert told[1][1] == pytest.approx(5.2, abs=1)  # labelled: partly in from 4.0, fully from 5.2
    assert told[2][1] == pytest.approx(17.8, abs=1)


def test_an_empty_room_has_nobody_in_it(shared_data: Path, model_path: Path) -> None:
    done = run("replay", shared_data / "clips" / "empty_room.mp4", "--model", model_path)

    assert [event["event_type"] for event in lines(done)] == ["presence_ended"]


def test_two_runs_give_the_same_bytes(
    presence_clip: Path, model_path: Path, recorded: tuple[Path, str]
) -> None:
    assert run("replay", presence_clip, "--model", model_path).stdout == recorded[1]


def test_a_recording_needs_neither_mediapipe_nor_opencv(recorded: tuple[Path, str], tmp_path: Path) -> None:
    for name in BLOCKED:
        (tmp_path / f"{name}.py").write_text(f"raise ImportError('{name} is blocked')\n")

    done = run("replay", recorded[0], PYTHONPATH=f"{tmp_path}{os.pathsep}{Path.cwd()}")

    assert done.returncode == 0, done.stderr
    assert done.stdout == recorded[1]


def test_a_recording_is_in_the_format_of_the_landmarks_topic(recorded: tuple[Path, str]) -> None:
    from tests.contract import check_json

    for line in recorded[0].read_bytes().splitlines()[::20]:
        check_json("landmarks", line)


def test_live_mode_plays_in_real_time_and_tells_the_same_story(presence_clip: Path, model_path: Path) -> None:
    begun_s = time.monotonic()
    done = run("replay", presence_clip, "--mode", "live", "--model", model_path)

    assert 20 < time.monotonic() - begun_s < 40
    kinds = [event["event_type"] for event in lines(done) if event["kind"] == "presence"]
    assert kinds == ["presence_ended", "presence_started", "presence_ended"]


def test_mqtt_gets_events_and_landmarks(recorded: tuple[Path, str], tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as broker, Subscriber(broker.port, "pose-edge/replay/#") as subscriber:
        done = run("replay", recorded[0], "--mqtt", "--broker", f"127.0.0.1:{broker.port}")

        assert done.returncode == 0, done.stderr
        assert subscriber.wait_for("events", len(lines(done))) == [
            json.dumps(event, separators=(",", ":")).encode() for event in lines(done)
        ]
        assert all(json.loads(event)["replayed"] for event in subscriber.payloads("events"))


def test_expectations_that_are_not_met_are_exit_3(recorded: tuple[Path, str], tmp_path: Path) -> None:
    wanted = tmp_path / "expect.yaml"
    wanted.write_text("expect: [{event: presence_started, at_s: 5.2}]\nnever: [lying]\n")
    assert run("replay", recorded[0], "--expect", wanted).returncode == 0

    wanted.write_text("expect: [{posture: sitting}]\nnever: [standing]\n")
    done = run("replay", recorded[0], "--expect", wanted)
    assert done.returncode == 3
    assert "expected posture sitting: did not happen" in done.stderr
    assert "never standing: happened at" in done.stderr


def test_several_inputs_say_which_is_which(recorded: tuple[Path, str]) -> None:
    done = run("replay", recorded[0], recorded[0])

    assert [event["input"] for event in lines(done)] == [str(recorded[0])] * (
        2 * len(recorded[1].splitlines())
    )


def test_a_truncated_video_keeps_what_was_read(presence_clip: Path, model_path: Path, tmp_path: Path) -> None:
    whole = presence_clip.read_bytes()
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(_index_first(whole)[: len(whole) // 2])

    done = run("replay", cut, "--model", model_path)

    assert done.returncode == 0, done.stderr
    assert "presence_started" in done.stdout
    assert "cut.mp4" in done.stderr


def _index_first(mp4: bytes) -> bytes:
    """Give an mp4 its index before its pictures, so that its end can be lost; as for streaming."""
    import struct

    boxes, at = [], 0
    while at < len(mp4):
        size, kind = struct.unpack_from(">I4s", mp4, at)
        boxes.append((kind, mp4[at : at + size]))
        at += size
    kinds = [kind for kind, _ in boxes]
    if kinds.index(b"moov") < kinds.index(b"mdat"):
        return mp4
    moov = bytearray(dict(boxes)[b"moov"])
    for table, width in ((b"stco", 4), (b"co64", 8)):
        start = 0
        while (start := moov.find(table, start)) >= 0:
            count = int.from_bytes(moov[start + 8 : start + 12], "big")
            for index in range(count):
                place = slice(start + 12 + index * width, start + 12 + (index + 1) * width)
                moov[place] = (int.from_bytes(moov[place], "big") + len(moov)).to_bytes(width, "big")
            start += 4
    order = [b"ftyp", b"moov"]
    first = [dict(boxes)[kind] if kind != b"moov" else bytes(moov) for kind in order]
    return b"".join([*first, *(box for kind, box in boxes if kind not in order)])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    refused(run("replay", tmp_path / "none.mp4"), 2, "none.mp4", "no such file")


def test_an_empty_folder_is_named(tmp_path: Path, model_path: Path) -> None:
    refused(run("replay", tmp_path, "--model", model_path), 2, str(tmp_path))


@pytest.mark.parametrize("content", [b"", b"this is no video\n" * 50], ids=["zero bytes", "text"])
def test_what_is_no_video_is_named(tmp_path: Path, model_path: Path, content: bytes) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(content)

    refused(run("replay", clip, "--model", model_path), 1, "clip.mp4")


def test_what_is_no_recording_is_named(tmp_path: Path) -> None:
    poses = tmp_path / "poses.jsonl"
    poses.write_text("hello\n")

    refused(run("replay", poses), 1, "poses.jsonl", "no landmarks")


@pytest.mark.parametrize("content", [b"", b"PK nonsense", b"x" * 5_777_746], ids=["empty", "short", "long"])
def test_a_corrupt_model_is_named(tmp_path: Path, presence_clip: Path, content: bytes) -> None:
    model = tmp_path / "model.task"
    model.write_bytes(content)

    refused(run("replay", presence_clip, "--model", model), 1, "model.task")


def test_a_missing_model_is_named(tmp_path: Path, presence_clip: Path) -> None:
    refused(run("replay", presence_clip, "--model", tmp_path / "none.task"), 2, "none.task")


def test_a_broker_that_is_not_there_is_named(recorded: tuple[Path, str]) -> None:
    port = free_port()

    refused(run("replay", recorded[0], "--mqtt", "--broker", f"127.0.0.1:{port}"), 69, f"127.0.0.1:{port}")


@pytest.mark.parametrize("port", ["0", "70000", "mqtt"])
def test_a_wrong_port_is_named(recorded: tuple[Path, str], port: str) -> None:
    refused(run("replay", recorded[0], "--mqtt", "--broker", f"localhost:{port}"), 2, port)


def test_options_for_one_input_are_refused_for_two(recorded: tuple[Path, str], tmp_path: Path) -> None:
    refused(run("replay", recorded[0], recorded[0], "--record", tmp_path / "r"), 2, "one input")


def test_a_recording_is_not_written_over_itself(recorded: tuple[Path, str], tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(recorded[0].read_bytes())

    refused(run("replay", copy, "--record", copy), 2, "copy.jsonl", "would be lost")
    assert copy.read_bytes() == recorded[0].read_bytes()


def test_a_recording_has_no_pictures_to_draw_on(recorded: tuple[Path, str], tmp_path: Path) -> None:
    refused(run("replay", recorded[0], "--overlay", tmp_path / "o.mp4"), 2, "needs pictures")


def test_ctrl_c_is_quiet_and_leaves_no_child(presence_clip: Path, model_path: Path) -> None:
    command = [sys.executable, "-m", "pose_edge", "replay", str(presence_clip)]
    command += ["--mode", "live", "--model", str(model_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()  # the first event: everything is running
        [child] = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)

    assert process.returncode == 130
    assert "Traceback" not in said
    assert not Path(f"/proc/{child}").exists()


def test_a_reader_who_leaves_early_is_no_traceback(recorded: tuple[Path, str]) -> None:
    shell = f"{sys.executable} -m pose_edge replay {recorded[0]} {recorded[0]} | head -1"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60, check=False)

    assert len(done.stdout.splitlines()) == 1
    assert "Traceback" not in done.stderr

"""`doctor` on real parts: brokers that refuse, a model with a flipped byte, processes that crash and hang."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pose_edge import doctor
from pose_edge.config import Config, load
from pose_edge.doctor import (
    Finding,
    Surroundings,
    apart,
    board,
    broker,
    camera,
    libraries,
    service,
    surroundings,
)
from pose_edge.doctor import model as model_check
from pose_edge.sinks.mqtt import MqttSink
from pose_edge.sinks.mqtt_options import MqttOptions
from pose_edge.sources.picamera2 import Picamera2Options
from pose_edge.sources.sensor_modes import SensorMode
from pose_edge.state_directory import StateDirectory
from pose_edge.status_file import Part, Status, StatusFile
from tests.brokers import Mosquitto, free_port

PASSWORD = 'kor"rekt pferd'


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Mosquitto]:
    """A broker that lets nobody in but `hall` with `PASSWORD`."""
    users = tmp_path / "users"
    users.touch(mode=0o600)
    subprocess.run(["mosquitto_passwd", "-b", users, "hall", PASSWORD], check=True, capture_output=True)
    with Mosquitto(tmp_path, f"password_file {users}", anonymous=False) as running:
        yield running


def known_as(path: Path, port: int, password: str) -> Config:
    secret = path / "password"
    secret.write_text(f"{password}\n")
    mqtt = {"host": "127.0.0.1", "port": port, "username": "hall", "password_file": str(secret)}
    return Config.model_validate({"device": {"id": "hall"}, "mqtt": mqtt})


def around(config: Config | None = None, **more: object) -> Surroundings:
    return Surroundings(config or Config(), **more)  # type: ignore[arg-type]  # the tests name what they set


def at(port: int) -> Config:
    return Config.model_validate({"mqtt": {"host": "127.0.0.1", "port": port}})


# The broker.


def test_a_broker_that_accepts_us_is_ok(guarded: Mosquitto, tmp_path: Path) -> None:
    found = broker.broker(around(known_as(tmp_path, guarded.port, PASSWORD)))

    assert found.verdict == "ok"
    assert "with the configured name and password, MQTT 5" in found.text


def test_a_wrong_password_is_named_with_what_to_do(guarded: Mosquitto, tmp_path: Path) -> None:
    found = broker.broker(around(known_as(tmp_path, guarded.port, "wrong")))

    assert found.verdict == "fault"
    assert "refused the connection: not authorized" in found.text
    assert "mqtt.password_file" in found.text
    assert "wrong" not in found.text


def test_root_uses_the_password_that_systemd_hands_to_the_service(guarded: Mosquitto, tmp_path: Path) -> None:
    """The installed configuration does not name it; without it a healthy service would have a fault."""
    known = known_as(tmp_path, guarded.port, PASSWORD)
    plain = known.model_copy(update={"mqtt": known.mqtt.model_copy(update={"password_file": None})})
    installed = {"unit": {"LoadState": "loaded"}}

    found = broker.broker(
        around(surroundings.with_service_password(plain, tmp_path / "password"), **installed)
    )
    other = broker.broker(around(surroundings.with_service_password(plain, tmp_path / "none"), **installed))

    assert found.verdict == "ok"
    assert other.verdict == "skipped"
    assert "with sudo" in other.text


def test_a_broker_that_is_not_there_and_one_that_is_none() -> None:
    nobody = broker.broker(around(at(free_port())))
    assert (nobody.verdict, "connection refused; is it running" in nobody.text) == ("fault", True)

    with socket.create_server(("127.0.0.1", 0)) as silent:
        options = at(silent.getsockname()[1]).mqtt
        begun_s = time.monotonic()
        answer = broker.ask(options, "hall", limit_s=0.5)
        assert time.monotonic() - begun_s < 1.5
    mute = broker.judge(options, answer)
    assert (mute.verdict, "does not answer" in mute.text) == ("fault", True)


def test_the_daemon_is_not_thrown_out(tmp_path: Path) -> None:
    with Mosquitto(tmp_path) as running:
        options = MqttOptions(host="127.0.0.1", port=running.port)
        with MqttSink(options, "hall") as daemon:
            daemon.wait_connected(5)
            assert broker.ask(options, "hall").protocol == "5"
            daemon.poll()
            assert (daemon.state().state, daemon.state().reconnects) == ("connected", 0)


# The model.


def test_a_model_with_a_flipped_byte_is_a_fault(
    model_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("POSE_EDGE_MODEL", raising=False)
    copy = tmp_path / "pose_landmarker_lite.task"
    data = bytearray(model_path.read_bytes())
    copy.write_bytes(data)
    config = Config.model_validate({"model": {"path": str(copy)}})
    assert model_check.model(around(config)).verdict == "ok"

    data[len(data) // 2] ^= 1
    copy.write_bytes(data)
    damaged = model_check.model(around(config))
    assert (damaged.verdict, "pose-edge models fetch lite" in damaged.text) == ("fault", True)

    own = copy.rename(tmp_path / "my_own.task")
    config = Config.model_validate({"model": {"path": str(own)}})
    assert model_check.model(around(config)).verdict == "warning"


def test_a_model_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    config = Config.model_validate({"model": {"path": str(tmp_path / "none.task")}})

    [found] = doctor.examine(around(config), [("model", model_check.model)])

    assert (found.verdict, "no such file" in found.text) == ("fault", True)


# Whatever happens below a check, doctor goes on.


def test_what_crashes_or_hangs_is_told_and_ends_nothing() -> None:
    killed = apart.run_python("import os, signal; os.kill(os.getpid(), signal.SIGILL)")
    assert killed == apart.Answer(problem="killed by SIGILL")
    missing = apart.run_python("import no_such_library")
    assert missing.problem == "ModuleNotFoundError: No module named 'no_such_library'"
    assert apart.run_python("import time; time.sleep(60)", limit_s=0.3).problem == "no answer in 0.3 s"
    assert apart.run_python("print('noise'); print('[1, 2]')") == apart.Answer([1, 2])
    assert apart.run_python("print('noise')").problem == "an answer that cannot be read"
    assert apart.run(("/no/such/program",)).problem == "/no/such/program: no such file or directory"


def test_the_directory_somebody_is_in_is_not_imported_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "planted.py").write_text("print('[1]')")
    monkeypatch.chdir(tmp_path)

    assert "No module named 'planted'" in apart.run_python("import planted").problem


def test_a_check_that_hangs_or_fails_hides_no_other() -> None:
    gate = threading.Event()

    def hangs(_around: Surroundings) -> Finding:
        gate.wait(20)
        return Finding("ok", "too late")

    def fails(_around: Surroundings) -> Finding:
        raise RuntimeError("of all things")

    begun_s = time.monotonic()
    checks = [("a", hangs), ("b", fails), ("c", board.memory)]
    results = list(doctor.examine(around(), checks, limit_s=0.5))
    gate.set()

    assert [line.verdict for line in results] == ["fault", "fault", "ok"]
    assert "no answer in 0.5 s" in results[0].text
    assert "of all things" in results[1].text
    assert time.monotonic() - begun_s < 2


def test_every_check_answers_even_without_a_configuration(tmp_path: Path) -> None:
    blind = Surroundings(
        None, "a.yaml, line 1: wrong", tmp_path / "a.yaml", tmp_path, tmp_path / "status.json"
    )

    results = {line.name: line for line in doctor.examine(blind)}

    assert results.keys() == doctor.CHECKS.keys()
    assert results["configuration"] == doctor.Result("configuration", "fault", "a.yaml, line 1: wrong")
    assert results["broker"].verdict == results["model"].verdict == "skipped"
    assert all(line.text and "\n" not in line.text for line in results.values())
    assert doctor.report(results.values())["ok"] is False


# State directory and daemon.


def test_a_directory_in_use_is_not_at_fault_and_stays_untouched(tmp_path: Path) -> None:
    path = tmp_path / "state"
    here = around(state_directory=path)
    assert service.state_directory(here).verdict == "ok"
    assert not path.exists()

    path.mkdir()
    assert service.state_directory(here).verdict == "ok"
    assert list(path.iterdir()) == []  # a lock of root's would keep the daemon out

    with StateDirectory(path):
        busy = service.state_directory(here)
        before = {one.name: one.stat().st_mtime_ns for one in path.iterdir()}
        assert busy.verdict == "ok"
        assert f"in use by the running daemon (process {os.getpid()})" in busy.text
        assert service.holds(here)
        assert {one.name: one.stat().st_mtime_ns for one in path.iterdir()} == before

    free = service.state_directory(here)
    assert (free.verdict, free.text) == ("ok", f"{path} is writable and free")
    with StateDirectory(path):
        pass  # doctor has let go of the lock


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look into every directory")
def test_whoever_may_not_look_into_the_state_directory_is_told_to_use_sudo(tmp_path: Path) -> None:
    closed = tmp_path / "state"
    closed.mkdir(mode=0)
    unit = {"LoadState": "loaded", "User": "daemon"}

    found = service.state_directory(around(state_directory=closed, unit=unit))

    assert found.verdict == "warning"
    assert "look again with sudo" in found.text


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_directory_of_somebody_else_is_told(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        assert service.state_directory(around(state_directory=tmp_path)).verdict == "warning"
        assert service.state_directory(around(state_directory=tmp_path / "new")).verdict == "fault"
    finally:
        tmp_path.chmod(0o700)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_root_left_in_the_directory_of_the_service_is_a_fault(tmp_path: Path) -> None:
    unit = {"LoadState": "loaded", "User": "nobody"}
    (tmp_path / "lock").touch()
    here = around(state_directory=tmp_path, unit=unit)
    found = service.state_directory(here)
    assert (found.verdict, f"chown -R nobody: {tmp_path}" in found.text) == ("fault", True)

    import pwd

    for path in (tmp_path, tmp_path / "lock"):
        os.chown(path, pwd.getpwnam("nobody").pw_uid, -1)
    assert service.state_directory(here).verdict == "ok"


def told(path: Path, pid: int, vision: str = "running", **problems: str) -> Finding:
    status = Status(
        pid=pid,
        since="2026-11-22T12:00:00Z",
        broker=Part(state="connected"),
        vision=Part(state=vision),
        problems=problems,
    )
    StatusFile(path).tell(status, 0.0)
    return service.daemon(around(status_path=path))


def test_the_running_daemon_speaks_for_itself(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    gone = subprocess.Popen(["true"])
    gone.wait()

    assert service.daemon(around(status_path=path)).verdict == "skipped"
    assert told(path, os.getpid()).verdict == "ok"
    assert told(path, os.getpid(), hot="the board is hot") == Finding("warning", "the board is hot")
    assert told(path, os.getpid(), "down", camera="no camera") == Finding("fault", "no camera")
    assert told(path, gone.pid, "ended", ended="no camera") == Finding("fault", "no camera")
    assert "was killed" in told(path, gone.pid, hot="the board is hot").text
    path.write_text("{")
    assert "cannot be understood" in service.daemon(around(status_path=path)).text


def test_no_room_is_told() -> None:
    assert service.disk(around(state_directory=Path("/proc/none"))).verdict == "fault"  # 0 bytes free there


# systemd, as it prints.


@pytest.mark.parametrize(
    ("shown", "verdict", "words"),
    [
        ("LoadState=not-found\nActiveState=inactive", "skipped", "not installed"),
        ("LoadState=bad-setting\nActiveState=inactive", "fault", "bad-setting"),
        ("LoadState=loaded\nActiveState=active\nSubState=running\nStatusText=15 poses/s", "ok", "15 poses/s"),
        ("LoadState=loaded\nActiveState=active\nSubState=running\nNRestarts=3", "warning", "3 times"),
        ("LoadState=loaded\nActiveState=failed\nResult=watchdog", "fault", "failed (watchdog)"),
        ("LoadState=loaded\nActiveState=inactive", "warning", "systemctl enable --now"),
    ],
)
def test_the_state_of_the_service(shown: str, verdict: str, words: str) -> None:
    found = service.unit(around(unit=surroundings.read_properties(shown)))

    assert found.verdict == verdict
    assert words in found.text


def test_it_looks_where_the_service_keeps_things() -> None:
    shown = "LoadState=loaded\nStateDirectory=pose-edge\nRuntimeDirectory=pose-edge other\nUser=pose"
    unit = surroundings.read_properties(shown)

    assert surroundings.service_environment({"HOME": "/root"}, unit) == {
        "HOME": "/root",
        "STATE_DIRECTORY": "/var/lib/pose-edge",
        "RUNTIME_DIRECTORY": "/run/pose-edge",
    }
    assert surroundings.service_environment({}, {"LoadState": "not-found"}) == {}
    assert surroundings.service_environment({}, None) == {}


# Board, camera and libraries.


@pytest.mark.parametrize(
    ("bits", "verdict", "words"),
    [
        ("0", "ok", "full speed"),
        ("50000", "warning", "too little voltage since it booted"),
        ("50005", "fault", "too little voltage now"),
        ("80008", "warning", "slows itself down"),
        ("20000", "warning", "slowed itself down since"),
    ],
)
def test_power_by_the_bits_of_the_firmware(tmp_path: Path, bits: str, verdict: str, words: str) -> None:
    folder = tmp_path / "devices/platform/soc/soc:firmware"
    folder.mkdir(parents=True)
    (folder / "get_throttled").write_text(f"{bits}\n")

    found = board.power(around(sys=tmp_path))

    assert found.verdict == verdict
    assert words in found.text


def test_memory_in_the_kernels_words(tmp_path: Path) -> None:
    def with_memory(total_kb: int, available_kb: int) -> str:
        (tmp_path / "meminfo").write_text(f"MemTotal: {total_kb} kB\nMemAvailable: {available_kb} kB\n")
        return board.memory(around(proc=tmp_path, state_directory=tmp_path)).verdict

    assert with_memory(4_000_000, 3_000_000) == "ok"
    assert with_memory(930_000, 100_000) == "warning"
    assert with_memory(440_000, 300_000) == "fault"


@pytest.mark.parametrize(
    ("user", "own", "verdict", "words"),
    [
        ("root", "", "ok", "root"),
        ("pose", "video render", "ok", "video and render"),
        ("pose", "video", "warning", "usermod -aG render pose"),
        ("pose", "render", "fault", "usermod -aG video pose"),
        ("pose", "audio", "fault", "usermod -aG video,render pose"),
    ],
)
def test_groups_of_the_user_of_the_service(user: str, own: str, verdict: str, words: str) -> None:
    found = camera.judge_groups(user, own.split(), ["video", "render", "audio"])

    assert found.verdict == verdict
    assert words in found.text


def test_a_group_this_system_does_not_have_is_not_missed() -> None:
    assert camera.judge_groups("pose", ["video"], ["video"]).verdict == "ok"


def test_sensor_modes_that_are_too_slow_are_told() -> None:
    modes = [
        SensorMode((2304, 1296), 10, (4608, 2592), 56.0),
        SensorMode((4608, 2592), 10, (4608, 2592), 14.0),
    ]

    good = camera.judge_modes(modes, Picamera2Options(fps=15))
    assert (good.verdict, "2304 x 1296 px at up to 56 Hz" in good.text) == ("ok", True)
    assert camera.judge_modes(modes[1:], Picamera2Options(fps=15)).verdict == "warning"
    assert camera.judge_modes([], Picamera2Options()).verdict == "ok"


def test_sources_that_are_no_camera_need_none() -> None:
    config = Config.model_validate({"source": {"kind": "actor"}})

    for check in (camera.camera, camera.groups, camera.sensor_modes):
        assert check(around(config)).verdict == "skipped"


def test_a_usb_camera_that_is_not_there_is_a_fault() -> None:
    config = Config.model_validate({"source": {"kind": "v4l2", "device": "/dev/video_none"}})

    [found] = doctor.examine(around(config), [("camera", camera.camera)])

    assert (found.verdict, "no such camera" in found.text) == ("fault", True)


def test_numpy_that_does_not_fit_is_told_by_what_the_import_says() -> None:
    said = "ValueError: numpy.dtype size changed, may indicate binary incompatibility"

    assert libraries.judge_simplejpeg("1.26.4", "").verdict == "ok"
    found = libraries.judge_simplejpeg("2.4.0", said)
    assert (found.verdict, "numpy < 2" in found.text) == ("fault", True)
    assert "killed by SIGILL" in libraries.judge_simplejpeg("2.4.0", "killed by SIGILL").text


def test_an_old_processor_is_named_before_mediapipe_crashes(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text("Features\t: fp asimd evtstrm crc32 cpuid\n")

    found = libraries.judge_processor("1.2.2", "aarch64", (tmp_path / "cpuinfo").read_text())

    assert (found.verdict, "pi4-bookworm.lock" in found.text) == ("fault", True)
    assert libraries.judge_processor("0.10.18", "aarch64", "").verdict == "ok"


def test_the_libraries_of_this_environment_are_sound() -> None:
    checks = (libraries.processor, libraries.mediapipe, libraries.opencv, libraries.network_lock)

    assert [check(around()).verdict for check in checks] == ["ok"] * len(checks)


def test_two_owners_of_cv2_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beside the real headless one, the metadata of another wheel that brings cv2."""
    folder = tmp_path / "opencv_contrib_python-4.11.0.86.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: opencv-contrib-python\nVersion: 4.11.0.86\n"
    )
    (folder / "top_level.txt").write_text("cv2\n")
    monkeypatch.syspath_prepend(tmp_path)

    found = libraries.opencv(around())

    assert found.verdict == "fault"
    assert "pip uninstall opencv-contrib-python," in found.text


# The bundle.


def test_the_bundle_has_no_password_and_is_for_its_owner_alone(guarded: Mosquitto, tmp_path: Path) -> None:
    config = known_as(tmp_path, guarded.port, PASSWORD)
    named = config.model_copy(
        update={"device": config.device.model_copy(update={"name": f"it is {PASSWORD}"})}
    )
    (tmp_path / "status.json").write_text(json.dumps({"problems": {"x": f"said {PASSWORD}"}}))
    packed = tmp_path / "help.tar.gz"
    here = around(named, status_path=tmp_path / "status.json", state_directory=tmp_path)
    files = doctor.write_bundle(packed, {"ok": True}, here)

    assert stat.S_IMODE(packed.stat().st_mode) == 0o600
    with tarfile.open(packed) as tar:
        texts = {
            name: (tar.extractfile(f"pose-edge-doctor/{name}") or pytest.fail(name)).read() for name in files
        }
    assert {name: len(text) for name, text in texts.items()} == files
    assert " ".join(sorted(files)) == "config.json doctor.json health.json status.json versions.json"
    for text in texts.values():
        assert PASSWORD.encode() not in text
        assert json.dumps(PASSWORD)[1:-1].encode() not in text
    shown = json.loads(texts["config.json"])
    assert shown["device"]["name"] == "it is <removed>"
    assert not {"username", "password_file"} & shown["mqtt"].keys()
    assert json.loads(texts["health.json"])["memory_mb"]["MemTotal"] > 0
    assert json.loads(texts["versions.json"])["mediapipe"]


def test_a_configuration_that_cannot_be_read_is_packed_as_its_complaints(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("mqtt: {host: 'pi:hunter2@broker', pasword: hunter3}\n")
    with pytest.raises(Exception, match="mqtt") as raised:
        load(path)
    blind = Surroundings(None, str(raised.value), path, tmp_path, tmp_path / "status.json")
    packed = tmp_path / "help.tar.gz"

    doctor.write_bundle(packed, {}, blind)

    with tarfile.open(packed) as tar:
        text = (tar.extractfile("pose-edge-doctor/config.json") or pytest.fail("missing")).read()
    assert b"did you mean" in text or b"unknown option" in text
    assert b"hunter" not in text

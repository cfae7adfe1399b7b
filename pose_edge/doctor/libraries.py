"""Libraries with native code: is there the right one, once, and does it run on this processor?"""

from __future__ import annotations

import platform
import sys
from importlib import metadata

from pose_edge.doctor.apart import run_python
from pose_edge.doctor.findings import Finding, Surroundings, fault, ok, skipped, warning
from pose_edge.errors import UnavailableError
from pose_edge.landmarker.cpu_features import check_cpu

IMPORT_CODE = """
import importlib, json, sys
module = importlib.import_module(sys.argv[2])
print(json.dumps(str(getattr(module, "__version__", ""))))
"""

LINK_CODE = """
import ctypes, json, sys
missing = []
for name in sys.argv[2:]:
    try:
        ctypes.CDLL(name)
    except OSError:
        missing.append(name)
print(json.dumps(missing))
"""

LOCK_CODE = """
import json, socket, sys
sys.path.insert(0, sys.argv[1])
from pose_edge.sandbox import lock_network_out
told = lock_network_out()
try:
    socket.socket().close()
except PermissionError:
    print(json.dumps([True, told]))
else:
    print(json.dumps([False, told]))
"""

LINKED = {"libEGL.so.1": "libegl1", "libGLESv2.so.2": "libgles2"}
"""What MediaPipe's library is linked with -> the package that has it."""

LINKED_SINCE = (1, 1)


def processor(around: Surroundings) -> Finding:
    """Can it run the installed MediaPipe?"""
    version = _version("mediapipe")
    if version is None:
        return skipped("mediapipe is not installed")
    try:
        cpuinfo = (around.proc / "cpuinfo").read_text()
    except OSError:
        cpuinfo = ""
    return judge_processor(version, platform.machine(), cpuinfo)


def judge_processor(version: str, machine: str, cpuinfo: str) -> Finding:
    """Say whether a processor can run this MediaPipe."""
    try:
        check_cpu(version, machine, cpuinfo)
    except UnavailableError as error:
        return fault(str(error))
    return ok(f"{machine} runs mediapipe {version}")


def mediapipe(_around: Surroundings) -> Finding:
    """Is it there with what it is linked with?"""
    version = _version("mediapipe")
    if version is None:
        return fault("mediapipe is not installed: install pose-edge again, with its lock file")
    if _release(version) < LINKED_SINCE:
        return ok(f"mediapipe {version}")
    answer = run_python(LINK_CODE, *LINKED)
    if answer.problem:
        return fault(f"what mediapipe is linked with cannot be loaded: {answer.problem}")
    if answer.value:
        packages = " ".join(LINKED[name] for name in answer.value)
        return fault(f"mediapipe {version} needs {' and '.join(answer.value)}: sudo apt install {packages}")
    return ok(f"mediapipe {version}, with libEGL and libGLESv2")


def opencv(_around: Surroundings) -> Finding:
    """Is there one OpenCV, and can it be imported?"""
    owners = sorted(set(metadata.packages_distributions().get("cv2", [])))
    if len(owners) > 1:
        pip = f"{sys.executable} -m pip"  # that of the environment; the system's refuses, and is another
        extra = " ".join(name for name in owners if name != "opencv-python-headless")
        return fault(
            f"cv2 belongs to {' and '.join(owners)}, which overwrite each other: {pip} uninstall {extra}, "
            f"then {pip} install --force-reinstall --no-deps opencv-python-headless"
        )
    answer = run_python(IMPORT_CODE, "cv2")
    if answer.problem:
        return fault(f"cv2 cannot be imported ({answer.problem}): install opencv-python-headless")
    return ok(f"{owners[0] if owners else 'the cv2 of the system'} {answer.value}")


def numpy_abi(_around: Surroundings) -> Finding:
    """Was picamera2's compiled neighbour built for this numpy?"""
    version = _version("numpy")
    answer = run_python(IMPORT_CODE, "simplejpeg")
    if "No module named 'simplejpeg'" in answer.problem:
        return skipped(f"numpy {version}; picamera2 and its simplejpeg are not installed")
    return judge_simplejpeg(version, answer.problem)


def judge_simplejpeg(version: str | None, problem: str) -> Finding:
    """Say what the failed import of simplejpeg means; no `problem`: it worked."""
    if not problem:
        return ok(f"numpy {version} fits the libraries of picamera2")
    if "numpy" in problem:
        return fault(
            f"picamera2's simplejpeg was built for another numpy than {version} ({problem}): install the "
            "lock file of this system, on Bookworm one with numpy < 2"
        )
    return fault(f"picamera2's simplejpeg cannot be imported: {problem}; sudo apt install python3-simplejpeg")


def network_lock(_around: Surroundings) -> Finding:
    """Can the process that sees pixels be locked out of the network?"""
    answer = run_python(LOCK_CODE)
    if answer.problem:
        return warning(
            f"whether the vision process can be locked out of the network is unknown: {answer.problem}"
        )
    locked, told = answer.value
    if not locked:
        return warning(f"the vision process could reach the network ({told}): sudo apt install libseccomp2")
    return ok("the vision process can open no network socket (seccomp)")


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())

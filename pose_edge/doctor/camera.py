"""The camera: is it there, may it be used, what can its sensor do?"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pose_edge.config import Config
from pose_edge.doctor.apart import run_python
from pose_edge.doctor.findings import Finding, Surroundings, configured, fault, ok, skipped, warning
from pose_edge.doctor.service import holds
from pose_edge.errors import SourceError
from pose_edge.sources.picamera2 import Picamera2Options
from pose_edge.sources.picamera2_device import find
from pose_edge.sources.sensor_modes import SensorMode, best_mode
from pose_edge.sources.v4l2 import V4l2Options
from pose_edge.sources.v4l2_node import ask_for_name

NEEDED = ("video",)
USEFUL = ("render",)
"""Owns /dev/dri/renderD*, the graphics core: a hint, for a camera may do without it."""

LIST_CODE = """
import json
from picamera2 import Picamera2
found = Picamera2.global_camera_info()
print(json.dumps([{key: camera.get(key) for key in ("Model", "Id", "Num")} for camera in found]))
"""

MODES_CODE = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from picamera2 import Picamera2
from pose_edge.sources import picamera2_device as device
wanted = int(sys.argv[2]) if sys.argv[2].isdecimal() else sys.argv[2]
number, name = device.find(Picamera2.global_camera_info(), wanted)
modes = device.modes_of(Picamera2(number))
print(json.dumps([[mode.size_px, mode.bit_depth, mode.field_px, mode.fps] for mode in modes]), flush=True)
os._exit(0)  # a camera that hangs when it is closed is not what was asked
"""


@configured
def camera(_around: Surroundings, config: Config) -> Finding:
    """Is the configured one there?"""
    match config.source:
        case Picamera2Options() as options:
            return _ribbon(options)
        case V4l2Options() as options:
            return ok(f"{_node(options)}: {ask_for_name(_node(options))}")
        case other:
            return skipped(f"source.kind is {other.kind}: no camera is used")


def _ribbon(options: Picamera2Options) -> Finding:
    answer = run_python(LIST_CODE)
    if "No module named 'picamera2'" in answer.problem:
        return fault(
            "picamera2 is not there: sudo apt install python3-picamera2 and make the environment with "
            f"--system-site-packages; for a USB camera set source.kind: v4l2 (devices: {_devices()})"
        )
    if answer.problem:
        return fault(
            f"picamera2 cannot list the cameras: {answer.problem}; see `rpicam-hello --list-cameras`"
        )
    return ok(find(answer.value, options.camera)[1])


def _node(options: V4l2Options) -> Path:
    device = str(options.device)
    return Path(f"/dev/video{device}") if device.isdecimal() else Path(device)


def _devices() -> str:
    return ", ".join(sorted(str(node) for node in Path("/dev").glob("video*"))) or "none"


@configured
def groups(around: Surroundings, config: Config) -> Finding:
    """May the user of the service open it?"""
    if not isinstance(config.source, Picamera2Options | V4l2Options):
        return skipped(f"source.kind is {config.source.kind}: no camera is used")
    user, own = _user_and_groups(around)
    return judge_groups(user, own, {group.gr_name for group in grp.getgrall()})


def judge_groups(user: str, own: Iterable[str], known: Iterable[str]) -> Finding:
    """Say what it means that a user is in the groups `own`, of all that are `known` here."""
    if user == "root":
        return ok("root may open every device")
    missing = [name for name in (*NEEDED, *USEFUL) if name not in set(own) and name in set(known)]
    if not missing:
        return ok(f"{user} is in {' and '.join(name for name in (*NEEDED, *USEFUL) if name in set(own))}")
    say = fault if set(missing) & set(NEEDED) else warning
    names = ",".join(missing)
    return say(f"{user} is not in {' and '.join(missing)}: sudo usermod -aG {names} {user}, then restart")


def _user_and_groups(around: Surroundings) -> tuple[str, set[str]]:
    """Return the user of the service where it is installed, else who asks, and all groups."""
    unit = (around.unit or {}) if around.unit_installed else {}
    if "User" in unit:
        user = unit["User"] or "root"
        extra = set(unit.get("SupplementaryGroups", "").split())
        return user, extra | _groups_of(user)
    try:
        user = pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid()), _names(os.getgroups())
    return user, _names(os.getgroups()) | _groups_of(user)


def _groups_of(user: str) -> set[str]:
    try:
        return _names(os.getgrouplist(user, pwd.getpwnam(user).pw_gid))
    except KeyError:
        return set()  # systemd makes it up when the service starts


def _names(numbers: Iterable[int]) -> set[str]:
    known = {group.gr_gid: group.gr_name for group in grp.getgrall()}
    return {known[number] for number in numbers if number in known}


@configured
def sensor_modes(around: Surroundings, config: Config) -> Finding:
    """Does a mode of the sensor serve what is wanted?"""
    options = config.source
    if not isinstance(options, Picamera2Options):
        return skipped(f"source.kind is {options.kind}: only cameras on the ribbon cable have sensor modes")
    if holds(around):
        return skipped("the running daemon has the camera")
    answer = run_python(MODES_CODE, str(options.camera))
    if any(error in answer.problem for error in (SourceError.__name__, "ModuleNotFoundError", "ImportError")):
        return skipped("no camera to ask")
    if answer.problem:
        return warning(f"the camera does not tell its modes ({answer.problem}): does another program use it?")
    return judge_modes(_read(answer.value), options)


def judge_modes(modes: list[SensorMode], options: Picamera2Options) -> Finding:
    """Say whether one of the modes serves the pictures that are wanted."""
    wanted = f"{options.width_px} x {options.height_px} px at {options.fps:g} Hz"
    best = best_mode(modes, (options.width_px, options.height_px), options.fps)
    if best is None:
        return ok(f"the camera has no choice of modes for {wanted}")
    fps = "" if best.fps is None else f" at up to {best.fps:g} Hz"
    text = f"{best.size_px[0]} x {best.size_px[1]} px{fps}, one of {len(modes)} modes, for {wanted}"
    if best.fps is not None and best.fps < options.fps:
        return warning(f"{text}: the widest view is slower than wanted, lower source.fps")
    return ok(text)


def _read(answered: list[Any]) -> list[SensorMode]:
    return [
        SensorMode(tuple(size), depth, tuple(field) if field else None, fps)
        for size, depth, field, fps in answered
    ]

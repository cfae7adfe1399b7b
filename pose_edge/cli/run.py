"""`pose-edge run`: the daemon."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from pose_edge.config import DEFAULT_PATH


def run(
    config: Annotated[
        Path, typer.Option("--config", "-c", help="The configuration; see `pose-edge config`.")
    ] = DEFAULT_PATH,
) -> None:
    """Watch the camera and tell the broker what happens, until stopped.

    SIGTERM and Ctrl-C end it; SIGHUP reads the configuration again.
    """
    from pose_edge.app import run as run_daemon

    if run_daemon(config):
        # A new process image under the same number: new code after an upgrade, and systemd sees no end.
        os.execv(sys.executable, sys.orig_argv)  # noqa: S606  # the very command that started us

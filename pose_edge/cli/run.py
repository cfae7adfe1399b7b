"""`pose-edge run`: the daemon."""

from __future__ import annotations

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
    from pose_edge.app import run_and_restart

    run_and_restart(config)

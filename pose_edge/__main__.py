"""The `pose-edge` command, and `python -m pose_edge`."""

import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from pose_edge.errors import EXIT_INTERRUPTED


def main() -> None:
    """Run the command line; Ctrl-C while it is still being imported is as quiet as later."""
    words = sys.argv[1:]
    if "run" in words:
        # "Read the configuration again", half a second before the daemon listens: it is about to read it.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        if (config := plain_run(words)) is not None:
            _run(config)
        from pose_edge.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


def plain_run(words: Sequence[str]) -> Path | None:
    """Return the configuration if the words are `run --config FILE`, as in the unit.

    They need no parser of command lines, and that would stay in the daemon's memory: 4 MB.
    """
    match words:
        case ["run", "--config" | "-c", path] if not path.startswith("-"):
            return Path(path)
    return None


def _run(config: Path) -> None:
    import logging

    from pose_edge import child

    with child.started_early() as waiting:
        from pose_edge import app, program

        program.log_to_stderr(logging.INFO)
        program.finish(lambda: app.run_and_restart(config, waiting))


if __name__ == "__main__":
    main()

"""The `pose-edge` command, and `python -m pose_edge`."""

import signal
import sys

from pose_edge.errors import EXIT_INTERRUPTED


def main() -> None:
    """Run the command line; Ctrl-C while it is still being imported is as quiet as later."""
    if "run" in sys.argv[1:]:
        # "Read the configuration again", half a second before the daemon listens: it is about to read it.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        from pose_edge.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()

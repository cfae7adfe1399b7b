"""`pose-edge run` with a note of when each picture passed the stations of the vision process.

`python -m pose_edge.benchmark.traced FILE CONFIG`: the product, plus one list append a result.
"""

from __future__ import annotations

import atexit
import json
import sys
from pathlib import Path

from pose_edge.records import PoseResult
from pose_edge.reporter import Now, Reporter, Told

noted: list[tuple[int, int, int, int]] = []
take = Reporter.result


def _noted(self: Reporter, result: PoseResult, now: Now) -> Told:
    if result.timing is not None:
        timing = result.timing
        noted.append((result.timestamp_ms, timing.available_ns, timing.submitted_ns, timing.finished_ns))
    return take(self, result, now)


def _write(path: Path) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in noted), "utf-8")


if __name__ == "__main__":
    from pose_edge.app import run

    Reporter.result = _noted  # type: ignore[method-assign]  # the one thing that differs from the product
    atexit.register(_write, Path(sys.argv.pop(1)))
    run(Path(sys.argv[1]))

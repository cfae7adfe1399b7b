from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

from pose_edge import health


def test_memory_is_that_of_the_process() -> None:
    code = "import time; data = bytearray(100 * 2**20); print(flush=True); time.sleep(20)"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        measured = health.rss_mb(process.pid)
        process.kill()

    assert measured is not None
    assert 100 < measured < 130


def test_processor_time_is_counted() -> None:
    before = health.cpu_s(os.getpid())
    end_s = time.process_time() + 0.3
    while time.process_time() < end_s:
        pass
    after = health.cpu_s(os.getpid())

    assert before is not None
    assert after is not None
    assert 0.2 < after - before < 0.6


def test_a_process_that_is_gone_has_no_figures() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()

    assert health.rss_mb(process.pid) is None
    assert health.cpu_s(process.pid) is None
    assert health.rss_mb(None) is None


def test_what_the_machine_does_not_tell_is_none(tmp_path: Path) -> None:
    assert health.disk_free_mb(tmp_path / "none") is None
    assert health.soc_temperature_c() is None or -40 < (health.soc_temperature_c() or 0) < 130
    assert isinstance(health.clock_synced(), bool)
    assert (health.disk_free_mb(tmp_path) or 0) > 0
    assert "kernel" in health.system()

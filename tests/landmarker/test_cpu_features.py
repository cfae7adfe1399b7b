from __future__ import annotations

import pytest

from pose_edge.errors import UnavailableError
from pose_edge.landmarker.cpu_features import check_cpu, missing_features

# The lines as Raspberry Pi OS shows them.
PI4 = "processor\t: 0\nBogoMIPS\t: 108.00\nFeatures\t: fp asimd evtstrm crc32 cpuid\nCPU part\t: 0xd08\n"
PI5 = (
    "processor\t: 0\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid "
    "asimdrdm lrcpc dcpop asimddp\nCPU part\t: 0xd0b\n"
)


def test_a_raspberry_pi_4_is_told_what_to_install() -> None:
    with pytest.raises(UnavailableError) as caught:
        check_cpu("1.2.2", "aarch64", PI4)

    message = str(caught.value)
    assert "mediapipe 1.2.2 needs an ARMv8.2" in message
    assert "lacks atomics aes sha2 asimdrdm lrcpc fphp asimdhp asimddp;" in message
    assert "install mediapipe 0.10.18" in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("version", "machine", "cpuinfo"),
    [
        ("1.2.2", "aarch64", PI5),
        ("0.10.18", "aarch64", PI4),
        ("1.2.2", "x86_64", "flags\t: sse avx\n"),
        ("1.2.2", "aarch64", ""),
        ("1.2.2", "aarch64", "processor\t: 0\nCPU part\t: 0xd08\n"),
    ],
)
def test_where_mediapipe_runs_or_nobody_can_tell_nothing_is_refused(
    version: str, machine: str, cpuinfo: str
) -> None:
    check_cpu(version, machine, cpuinfo)


def test_the_weakest_core_decides() -> None:
    assert missing_features(PI5 + PI4) == missing_features(PI4)
    assert missing_features(PI5 + PI5.replace(" lrcpc", "")) == ("lrcpc",)

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import yaml

from pose_edge.config import Config, load
from pose_edge.config_document import documented
from pose_edge.errors import ConfigError
from pose_edge.sources.actor import ActorOptions

Complaints: TypeAlias = Callable[[str | bytes], list[str]]

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def complaints(tmp_path: Path) -> Complaints:
    def of(text: str | bytes) -> list[str]:
        path = tmp_path / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        with pytest.raises(ConfigError) as raised:
            load(path)
        return [line.removeprefix(str(path)) for line in str(raised.value).splitlines()]

    return of


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("# nothing yet\n")

    assert load(path) == Config()


def test_options_are_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("source: {kind: actor, rate_hz: 5}\nevents: {presence: {off_delay_s: 7}}\n")

    config = load(path)

    assert config.source == ActorOptions(rate_hz=5)
    assert config.events.presence.off_delay_s == 7  # type: ignore[attr-defined]  # built from the table


def test_all_mistakes_are_named_at_once_in_the_order_of_the_file(complaints: Complaints) -> None:
    found = complaints("mqtt:\n  prot: 5\n  port: x\nevnts: {}\nmodel: {num_poses: 9}\n")

    assert [complaint.split(":")[0] for complaint in found] == [
        ", line 2",
        ", line 3",
        ", line 4",
        ", line 5",
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "mqtt: {prot: 5}",
            ["line 1", "mqtt.prot", "unknown option", "did you mean 'protocol'", "allowed: "],
        ),
        ("source: {kind: actor, width: 1}", ["source.width", "did you mean 'width_px'"]),
        ("source: {kind: camera}", ["kind 'camera' found", "allowed: actor, images, picamera2, v4l2, video"]),
        ("source: {}", ["kind is missing", "picamera2"]),
        ("mqtt: {port: 70000}", ["mqtt.port", "70000 found", "at most 65535"]),
        ("mqtt: [1, 2]", ["mqtt", "a list found", "a mapping"]),
        ("model: {variant: huge}", ["'huge' found", "'lite', 'full' or 'heavy'"]),
        ("events: {presence: {on_delay_s: .nan}}", ["events.presence.on_delay_s", "finite"]),
        ("device: {id: 'a/b'}", ["device.id", "'a/b' found"]),
        ("mqtt: {port: 1, port: 2}", ["mqtt.port", "given twice"]),
        ("- 1", ["a list found", "a mapping"]),
        ("a:\n  [", ["no valid YAML", "line 2"]),
        ("a: !!python/object:os.system {}", ["no valid YAML"]),
    ],
)
def test_a_mistake_is_named_with_what_was_found_and_what_is_allowed(
    complaints: Complaints, text: str, words: list[str]
) -> None:
    [complaint] = complaints(text)
    for word in words:
        assert word in complaint


def test_a_file_that_is_not_utf_8_is_named_with_line_and_byte(complaints: Complaints) -> None:
    [complaint] = complaints(b"device: {}\n# caf\xe9\n")

    assert complaint == ", line 2: byte 0xe9 found, the file must be UTF-8"


def test_a_missing_file_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: no such file"):
        load(tmp_path / "none.yaml")


def test_a_password_in_the_wrong_place_is_not_repeated(complaints: Complaints) -> None:
    [complaint] = complaints("mqtt: {password: hunter2}")

    assert "hunter2" not in complaint
    assert "did you mean 'password_file'" in complaint


def test_the_documented_file_is_up_to_date_and_means_the_defaults() -> None:
    shipped = ROOT / "config" / "pose-edge.yaml"

    assert shipped.read_text() == documented(), "run: pose-edge config document > config/pose-edge.yaml"
    assert load(shipped) == Config()


def test_every_option_is_documented() -> None:
    text = documented()

    for name in ("password_file", "off_delay_s", "rotation_deg", "script", "device: ", "stall_limit_s"):
        assert name in text


def test_the_shipped_examples_of_other_sources_are_valid() -> None:
    """What stands there as a comment works when the hash is taken away."""
    blocks: list[list[str]] = []
    current: list[str] | None = None
    for line in documented().splitlines():
        if line.startswith("# source:"):
            current = []
            blocks.append(current)
        if current is not None and line.startswith("# "):
            current.append(line[2:])
        elif not line.startswith("#"):
            current = []
    for block in blocks:
        data = yaml.safe_load("\n".join(block))
        data["source"].setdefault("path", "clip.mp4") if data["source"]["kind"] in (
            "video",
            "images",
        ) else None
        Config.model_validate(data)
    assert len(blocks) == 4

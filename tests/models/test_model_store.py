"""The right file is used, a damaged one never, and what is missing is said with what to do about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pose_edge.errors import ModelError, UnavailableError, UsageError
from pose_edge.models import manifest as manifest_module
from pose_edge.models.check import DETECTOR, LANDMARKS
from pose_edge.models.store import ModelStore, standard_directories
from tests.models.model_lab import CLOSED_PORT, DATA, manifest, sha256, zipped

POSE = zipped(DETECTOR, LANDMARKS)
NO_CHECKOUT = Path("/nonexistent")


@pytest.fixture(autouse=True)
def _no_model_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("POSE_EDGE_MODEL", raising=False)


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    """Two directories; the published lite is POSE and the published full is something else."""
    directories = (tmp_path / "first", tmp_path / "second")
    for directory in directories:
        directory.mkdir()
    known = manifest(CLOSED_PORT, POSE)
    full = manifest(CLOSED_PORT, DATA).variants["full"]
    return ModelStore(known.model_copy(update={"variants": {**known.variants, "full": full}}), directories)


def put(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_the_variant_is_found_in_any_directory_and_verified(store: ModelStore) -> None:
    path = put(store.directories[1] / "lite.task", POSE)

    file = store.resolve(None, "lite")

    assert (file.path, file.variant, file.sha256, file.verified) == (path, "lite", sha256(POSE), True)


def test_a_named_file_wins_over_the_environment_and_that_over_the_store(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store.directories[0] / "lite.task", POSE)
    named = put(tmp_path / "named.task", POSE)
    from_environment = put(tmp_path / "environment.task", POSE)
    monkeypatch.setenv("POSE_EDGE_MODEL", str(from_environment))

    assert store.resolve(named, "lite").path == named
    assert store.resolve(None, "lite").path == from_environment


def test_a_model_of_ones_own_is_used_and_said_to_be_unverified(store: ModelStore, tmp_path: Path) -> None:
    path = put(tmp_path / "mine.task", zipped(DETECTOR, LANDMARKS, "notes.txt"))

    file = store.resolve(str(path), "lite")

    assert (file.variant, file.verified, file.problem) == ("custom", False, None)


def test_a_published_model_is_known_by_its_hash_under_any_name(store: ModelStore, tmp_path: Path) -> None:
    file = store.resolve(put(tmp_path / "renamed.task", POSE), "full")

    assert (file.variant, file.verified) == ("lite", True)


def test_a_named_file_that_is_missing_or_wrong_is_blamed_on_who_named_it(
    store: ModelStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"gone\.task: no such file"):
        store.resolve(tmp_path / "gone.task", "lite")
    monkeypatch.setenv("POSE_EDGE_MODEL", str(put(tmp_path / "hand.task", zipped("hand_detector.tflite"))))
    with pytest.raises(
        ModelError, match=r"hand\.task \(from POSE_EDGE_MODEL\): .*holds hand_detector\.tflite"
    ):
        store.resolve(None, "lite")


def test_a_damaged_file_is_refused_though_its_shape_is_right(store: ModelStore) -> None:
    put(store.directories[0] / "lite.task", zipped(DETECTOR, LANDMARKS, "flipped.bit"))

    with pytest.raises(ModelError, match=r"damaged.*pose-edge models fetch lite"):
        store.resolve(None, "lite")


def test_a_damaged_file_does_not_hide_a_sound_one(store: ModelStore) -> None:
    put(store.directories[0] / "lite.task", b"damaged")
    sound = put(store.directories[1] / "lite.task", POSE)

    assert store.resolve(None, "lite").path == sound
    assert [line.file.path for line in store.listing() if line.file] == [sound]


def test_one_variant_does_not_pass_for_another(store: ModelStore) -> None:
    put(store.directories[0] / "full.task", POSE)

    with pytest.raises(ModelError, match="none of full's"):
        store.resolve(None, "full")


def test_a_missing_model_comes_with_the_command_that_gets_it(store: ModelStore) -> None:
    with pytest.raises(UnavailableError, match=r"first.*second.*pose-edge models fetch full"):
        store.resolve(None, "full")


@pytest.mark.parametrize(("typed", "guess"), [("ful", "'full'"), ("Lite", "'lite'")])
def test_an_unknown_variant_is_answered_with_the_nearest(typed: str, guess: str, store: ModelStore) -> None:
    with pytest.raises(UsageError, match=f"did you mean {guess}.*lite, full"):
        store.resolve(None, typed)


def test_verifying_tells_sound_from_damaged(store: ModelStore, tmp_path: Path) -> None:
    put(store.directories[0] / "lite.task", POSE)
    put(store.directories[1] / "lite.task", POSE[:-1])

    assert [file.verified for file in store.verify("lite")] == [True, False]
    assert [file.problem is None for file in store.verify()] == [True, False]
    assert store.verify(put(tmp_path / "x.task", b""))[0].problem == "is empty"
    with pytest.raises(UsageError, match="no such file"):
        store.verify(tmp_path / "gone.task")
    with pytest.raises(UnavailableError, match="no full model"):
        store.verify("full")


def test_the_list_has_every_variant_and_the_file_if_there_is_one(store: ModelStore) -> None:
    put(store.directories[0] / "lite.task", POSE)

    lines = {line.variant: line for line in store.listing()}

    assert list(lines) == ["lite", "full"]
    assert (lines["lite"].default, lines["full"].default) == (True, False)
    assert lines["lite"].file is not None
    assert lines["full"].file is None


def test_a_checkout_comes_first_then_the_service_then_the_user(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").touch()
    environment = {"STATE_DIRECTORY": "/var/lib/a:/var/lib/b", "XDG_DATA_HOME": "/data", "HOME": "/home/pi"}

    assert standard_directories(environment, tmp_path) == (
        tmp_path / "models",
        Path("/var/lib/a/models"),
        Path("/data/pose-edge/models"),
    )


def test_an_installed_package_keeps_out_of_its_own_folder() -> None:
    assert standard_directories({"HOME": "/home/pi"}, NO_CHECKOUT) == (
        Path("/home/pi/.local/share/pose-edge/models"),
    )
    assert standard_directories({"XDG_DATA_HOME": "relative", "HOME": "/h"}, NO_CHECKOUT) == (
        Path("/h/.local/share/pose-edge/models"),
    )
    assert standard_directories({}, NO_CHECKOUT) == ()


def test_whoever_may_look_into_the_service_means_its_models(tmp_path: Path) -> None:
    """`sudo pose-edge doctor` must not look in /root, nor `sudo pose-edge models fetch` put it there."""
    (tmp_path / "models").mkdir()

    found = standard_directories({"HOME": "/root"}, NO_CHECKOUT, tmp_path)

    assert found == (tmp_path / "models", Path("/root/.local/share/pose-edge/models"))


def test_the_manifest_that_ships_is_complete() -> None:
    shipped = manifest_module.load()

    assert list(shipped.variants) == ["lite", "full", "heavy"]
    assert shipped.default in shipped.variants
    hashes = [sha for variant in shipped.variants.values() for sha in variant.accepted]
    assert len(set(hashes)) == len(hashes)
    assert all(len(sha) == 64 and set(sha) <= set("0123456789abcdef") for sha in hashes)
    for name, variant in shipped.variants.items():
        assert variant.official.url.startswith("https://")
        assert variant.official.url.endswith(f"/{variant.file}")
        assert name in variant.file


def test_the_official_lite_model_is_recognised() -> None:
    path = Path(__file__).resolve().parents[3] / "shared" / "models" / "pose_landmarker_lite.task"
    if not path.is_file():
        pytest.skip("no ../shared/models beside the checkout")

    file = ModelStore(manifest_module.load(), ()).resolve(path, "heavy")

    assert (file.variant, file.verified) == ("lite", True)
    assert path.stat().st_size == manifest_module.load().variants["lite"].official.size_bytes

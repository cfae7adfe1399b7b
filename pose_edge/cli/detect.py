"""`pose-edge detect`: photos -> one JSON object each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Annotated

import orjson
import typer

from pose_edge.cli.output import print_json, progress
from pose_edge.cli.replay import require_drawable
from pose_edge.errors import UsageError
from pose_edge.replay import require_input, watched


def detect(
    images: Annotated[list[Path], typer.Argument(help="Photos.")],
    overlay: Annotated[
        Path | None, typer.Option(help="Write the photo here with the skeleton; a folder for several.")
    ] = None,
    mask: Annotated[
        Path | None, typer.Option(help="Write the segmentation mask here (PNG); a folder for several.")
    ] = None,
    num_poses: Annotated[int | None, typer.Option(min=1, max=5, help="How many people to look for.")] = None,
    model: Annotated[
        Path | None, typer.Option(envvar="POSE_EDGE_MODEL", help="A model file; else one of the store.")
    ] = None,
    config: Annotated[Path | None, typer.Option("--config", "-c", help="Options for the model.")] = None,
) -> None:
    """Find the people in photos: landmarks, posture and size of each, one JSON object a photo."""
    from pose_edge.config import Config, load
    from pose_edge.job import Job
    from pose_edge.landmarker import RunningMode
    from pose_edge.models import resolve
    from pose_edge.photos import describe_photo
    from pose_edge.sources.images import ImagesOptions

    for image in images:
        require_input(image)
        if image.is_dir():
            raise UsageError(f"{image}: is a folder; name photos, or use `pose-edge replay {image}`")
    for output in (overlay, mask):
        if output is not None and any(output.exists() and output.samefile(image) for image in images):
            raise UsageError(f"{output}: is a photo that is read; it would be lost")
    overlays, masks = _outputs(overlay, images, "--overlay"), _outputs(mask, images, "--mask", ".png")
    options = load(config) if config else Config()
    landmarker = options.model.landmarker().model_copy(
        update={
            "output_segmentation_masks": bool(masks),
            **({} if num_poses is None else {"num_poses": num_poses}),
        }
    )
    model_file = resolve(model or options.model.path, options.model.variant)
    source = ImagesOptions(path=tuple(images))
    job = Job(
        source=source,
        model_path=model_file.path,
        running_mode=RunningMode.IMAGE,
        landmarker=landmarker,
        mask_paths=masks,
    )
    with ExitStack() as stack:
        notes = stack.enter_context(NamedTemporaryFile(suffix=".jsonl"))
        if overlays:
            require_drawable(source, Path(notes.name), overlays)
        bar = stack.enter_context(progress("photos"))
        for count, (image, result) in enumerate(
            zip(images, watched(job, options.vision, bar.expect), strict=True), 1
        ):
            described = describe_photo(result, model_file.path.name)
            notes.write(orjson.dumps(described) + b"\n")
            print_json({"file": str(image), **described})
            bar.step(count)
        if overlays:
            from pose_edge.overlay import render

            notes.flush()
            render(source, Path(notes.name), overlays)


def _outputs(
    target: Path | None, images: list[Path], option: str, suffix: str | None = None
) -> tuple[Path, ...]:
    """Return one output path per photo: the path itself for one, names inside the folder for several."""
    if target is None:
        return ()
    if len(images) == 1 and not target.is_dir():
        return (target,)
    if target.exists() and not target.is_dir():
        raise UsageError(f"{option} {target}: several photos need a folder, and this is a file")
    target.mkdir(parents=True, exist_ok=True)
    return tuple(_unused_names(target, images, suffix))


def _unused_names(folder: Path, images: list[Path], suffix: str | None) -> Iterator[Path]:
    used: set[Path] = set()
    for number, image in enumerate(images, 1):
        path = folder / (image.stem + (suffix or image.suffix))
        path = path if path not in used else folder / f"{image.stem}-{number}{suffix or image.suffix}"
        used.add(path)
        yield path

"""Folders of images in and out: one for each class, with synthetic files beside the real ones; painted defects."""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganaug.cli import options
from ganaug.cli.console import (
    FileError,
    UsageError,
    atomic_folder,
    check_output,
    did_you_mean,
    progress,
    save_model,
    save_only,
    tell,
    verbosity,
)
from ganaug.cli.table_files import PARQUET, TEXT, label_of
from ganaug.encoding.on_disk import forget_images, read_resumed
from ganaug.encoding.pil_images import (
    channels_of,
    check_pil_file,
    file_format,
    mode_of_array,
    open_image,
    pil_file_bytes,
    pil_to_array,
)
from ganaug.encoding.sample_arrays import from_nchw, to_nchw
from ganaug.encoding.sources import (
    HIDDEN,
    NO_IMAGE,
    FolderImages,
    ImageFiles,
    list_names,
    named_files,
    open_files,
)
from ganaug.exceptions import DataWarning, InvalidDataError
from ganaug.utils.determinism import child_seed, numpy_generator
from ganaug.utils.files import check_path
from ganaug.utils.types import Array, BoolArray

if TYPE_CHECKING:
    from ganaug.estimators.gan import BaseGAN

__all__ = ["fit_folder", "paint_folder", "resample_folder", "sample_folder"]

_AT_ONCE = 256
_NUMBERED = re.compile(r"synthetic-([0-9]{1,18})(?:\.|$)", re.IGNORECASE)
# What the name of a folder cannot hold.
_IMPOSSIBLE = re.compile(r'[/\\:*?"<>|\0-\x1f]|[. ]$' if os.name == "nt" else r"[/\0]")


@dataclass(frozen=True)
class ImageFileWriter:
    """Writes arrays as image files of a mode.

    Attributes
    ----------
    layout : {"NHW", "NHWC", "NCHW"}
        Of the arrays.
    mode : str
        PIL's.
    profile : bytes or None
        The ICC profile of the files.
    """

    layout: str
    mode: str
    profile: bytes | None = None

    @property
    def file_layout(self) -> str:
        """Of the arrays that become files."""
        return "NHW" if channels_of(self.mode) == 1 else "NHWC"

    def __call__(self, images: object) -> list[bytes]:
        """The files of a batch."""
        pixels = from_nchw(to_nchw(np.asarray(images), self.layout), self.file_layout)
        return [pil_file_bytes(one, self.mode, self.profile) for one in pixels]


def resample_folder(args: argparse.Namespace) -> None:
    """Copy a folder, and add synthetic images to its rare classes."""
    _refuse(args, "target", "mark_column")
    _check_folder(args.output)
    check_output(args.output, [args.data], force=False, folder=True)
    if args.save is not None:
        check_output(args.save, [args.data, args.output], force=args.force)
    prototype = options.training_parameters(args, _gan())
    read, decoded = _read(args, prototype.get("checkpoint"))
    files = read.files
    if len(files.classes) < 2:
        raise FileError(f"holds one class only, {next(iter(files.classes))}", args.data)
    _tell_not_copied(args, files)
    writer = ImageFileWriter("NHW" if read.images.ndim == 3 else "NHWC", read.mode, read.profile)
    _check_written(writer, read.images[:1], str(next(iter(files.classes.values()))[0]))
    sampler, seed = options.oversampler(args, read.labels, _gan()), options.choose_seed(args)
    sampler.set_params(random_state=seed)
    X, y = sampler.fit_resample(read.images, read.labels)
    if not any(getattr(one, "stop_reason_", None) == "interrupted" for one in sampler.generators_.values()):
        forget_images(*decoded)
    new = sampler.is_synthetic_
    with atomic_folder(args.output) as folder, progress(args, "write", len(X)) as move:
        places = _make_folders(folder, list(files.classes), args.output)
        copied = _copy(Path(args.data), files, places, move)
        written = _write(places, [(X[new], y[new])], writer, lambda n: move(copied.total() + n))
        _check_counts(copied + written, len(X), args.output)
    added = {str(label): n for label, n in sampler.sampling_strategy_.items() if n}
    tell(args, f"{args.output}: {len(X)} images, {new.sum()} of them synthetic {json.dumps(added)}; seed {seed}")
    if args.save is not None:
        save_only(sampler, args, {"mode": read.mode})


def fit_folder(args: argparse.Namespace) -> None:
    """Train on a folder, and save."""
    _refuse(args, "target")
    parameters = options.training_parameters(args, _gan())
    read, decoded = _read(args, parameters.get("checkpoint"))
    focus = None if args.focus is None else label_of(args.focus, np.unique(read.labels))
    kind, seed = _gan(), options.choose_seed(args)
    gan = kind(**parameters, random_state=seed, verbose=verbosity(args))
    gan.fit(read.images, read.labels, focus=focus)
    if gan.stop_reason_ != "interrupted":  # that one may be continued
        forget_images(*decoded)
    save_model(gan, args.output, {"mode": read.mode})
    tell(args, f"{args.output}: {gan.n_steps_} steps, ended by {gan.stop_reason_}; seed {seed}")


def sample_folder(
    args: argparse.Namespace, gan: Any, notes: dict[str, Any], n: object, label: object, seed: int, total: int
) -> None:
    """Draw images into a new folder."""
    if len(gan.codec_.shape) != 3:
        raise UsageError(
            f"{args.model} makes series, for which there is no file format here; load and sample it in Python"
        )
    _check_folder(args.output)
    check_output(args.output, [args.model], force=False, folder=True)
    writer = _writer_of(gan.codec_, notes, args.model)
    labels = list(n) if isinstance(n, dict) else [label]
    if labels == [None] and gan.classes_ is not None:
        labels = gan.classes_.tolist()
    chunks = gan.iter_samples(n, label, chunk_size=min(args.chunk_size, _AT_ONCE), random_state=seed)
    with atomic_folder(args.output) as folder, progress(args, "sample", total) as move:
        names = _folder_names(labels)
        places = dict(zip(labels, _make_folders(folder, names, args.output).values(), strict=True))
        _check_counts(_write(places, chunks, writer, move), total, args.output)
        for place in places.values():
            if not any(place.iterdir()):
                place.rmdir()


# ---- reading ------------------------------------------------------------------------------------


def _gan() -> type[BaseGAN]:
    from ganaug.estimators import ImageGAN

    return ImageGAN


def _read(args: argparse.Namespace, checkpoint: str | None) -> tuple[FolderImages, tuple[Path, ...]]:
    """The images of a folder, and the file beside the checkpoint of the training in which they were decoded."""
    beside = None if checkpoint is None else check_path(checkpoint, "checkpoint")
    read, file = read_resumed(args.data, beside, args.image_size)
    shape = "x".join(map(str, read.images.shape[1:3]))
    if args.verbose:
        counts = dict(Counter(read.labels.tolist()))
        tell(args, f"{args.data}: {len(read.images)} images of {shape} pixels, mode {read.mode}, {counts}")
    return read, () if file is None else (file,)


def _tell_not_copied(args: argparse.Namespace, files: ImageFiles) -> None:
    """Say what the new folder will lack, and what passes for real in it."""
    for reason in (HIDDEN, NO_IMAGE):
        left = files.left_out.get(reason)
        if left:
            _warn(f"{len(left)} file(s) or folder(s) are not copied, {reason}: {list_names(left)}")
    earlier = [file for file in files_of(files) if _NUMBERED.match(file.name)]
    if earlier:
        _warn(
            f"{len(earlier)} file(s) of {args.data} are named as synthetic ones of an earlier run and are taken for "
            f"real images: {list_names(earlier)}"
        )


def files_of(files: ImageFiles) -> list[Path]:
    """All files, class by class."""
    return [file for inside in files.classes.values() for file in inside]


def _refuse(args: argparse.Namespace, *names: str) -> None:
    for name in names:
        if getattr(args, name) is not None:
            raise UsageError(
                f"--{name.replace('_', '-')} is for tables: the classes of {args.data} are its folders, "
                "and synthetic images are named synthetic-..."
            )


def _check_folder(output: str) -> None:
    if output.lower().endswith((*PARQUET, *TEXT, ".png", ".jpg", ".jpeg", ".tif", ".tiff", ".zip")):
        raise UsageError(f"{output}: images are written into class folders; give the name of a folder, not of a file")


def _warn(text: str) -> None:
    warnings.warn(text, DataWarning, stacklevel=3)


# ---- what is written, and how -------------------------------------------------------------------


def _writer_of(codec: Any, notes: dict[str, Any], model: str) -> ImageFileWriter:
    """How the images of a saved model are written, tried on one of them before any is drawn."""
    example = codec.decode(np.zeros((1, *codec.shape), np.float32))
    mode = notes.get("mode", codec.mode)
    if mode is not None and (not isinstance(mode, str) or channels_of(mode) != codec.shape[0]):
        raise FileError(
            f"its mode {mode!r} does not fit images of {codec.shape[0]} channel(s); save the model again", model
        )
    try:
        if mode is None:
            pixels = to_nchw(np.asarray(example), codec.layout_)[0]
            mode = mode_of_array(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
            if mode == "RGBA":
                _warn(f"{model} does not say what its four channels are; they are written as RGBA")
        writer = ImageFileWriter(codec.layout_, mode)
        _check_written(writer, example, model)
    except InvalidDataError as error:
        raise FileError(f"its images cannot be written: {error}; load and sample the model in Python", model) from error
    return writer


def _check_written(writer: ImageFileWriter, images: object, shown: str) -> None:
    """Refuse, before anything is computed, images that would not be the same in a file.

    Raises
    ------
    Fault
        If such a file cannot be written, or is read otherwise.
    """
    pixels = from_nchw(to_nchw(np.asarray(images), writer.layout), writer.file_layout)
    try:
        check_pil_file(pixels[0], writer.mode, writer.profile)
    except (InvalidDataError, OSError, ValueError) as error:
        raise FileError(
            f"images of mode {writer.mode} cannot be written as they are: {error}; convert them, for example to RGB",
            shown,
        ) from error


def _make_folders(folder: Path, names: Iterable[str], shown: str) -> dict[str, Path]:
    """A new folder for each class, under exactly its name."""
    places = {}
    for name in names:
        try:
            (folder / name).mkdir()
        except FileExistsError as error:  # where a file system does not tell upper from lower case
            raise FileError(
                f"the class {name!r} would share a folder with another one on this file system; rename one of them, "
                "or write to another file system",
                shown,
            ) from error
        except OSError as error:
            raise FileError(
                f"the class {name!r} can have no folder there: {error.strerror}; nothing was written", shown
            ) from error
        places[name] = folder / name
    return places


def _copy(root: Path, files: ImageFiles, places: dict[str, Path], move: Any) -> Counter[Path]:
    """Copies of the real files; links would tie the new folder to the fate of the old one."""
    copied: Counter[Path] = Counter()
    for name, found in files.classes.items():
        for file in found:
            place = places[name] / file.relative_to(root / name)
            place.parent.mkdir(parents=True, exist_ok=True)
            if not file.is_file():
                raise FileError("was there when it was read, and is gone; nothing was written", file)
            with open(file, "rb") as source, open(place, "xb") as target:
                shutil.copyfileobj(source, target)
            copied[places[name]] += 1
            move(copied.total())
    return copied


def _write(
    places: dict[Any, Path], chunks: Iterable[tuple[Any, Any]], writer: ImageFileWriter, move: Any
) -> Counter[Path]:
    """Synthetic files, numbered within their class after those that are there already."""
    written: Counter[Path] = Counter()
    _, suffix = file_format(writer.mode)
    numbers = {label: _last_number(place) for label, place in places.items()}
    for X, y in chunks:
        labels = [None] * len(X) if y is None else np.asarray(y).tolist()
        for file, label in zip(writer(X), labels, strict=True):
            numbers[label] += 1
            save_new(file, places[label] / f"synthetic-{numbers[label]:06d}{suffix}")
            written[places[label]] += 1
        move(written.total())
    return written


def _last_number(folder: Path) -> int:
    """The largest number of a synthetic file there, whatever its suffix; 0 if there is none."""
    found = [_NUMBERED.match(entry.name) for entry in folder.iterdir()]
    return max((int(match[1]) for match in found if match), default=0)


def save_new(file: bytes, path: Path) -> None:
    """Write a file that is not there yet."""
    with open(path, "xb") as target:
        target.write(file)


def _check_counts(written: Counter[Path], total: int, shown: str) -> None:
    """Compare what is there with what was written, and that with what was asked for.

    Raises
    ------
    Fault
        If any number differs.
    """
    if written.total() != total:
        raise FileError(f"{written.total()} images were written where {total} were asked for; nothing was kept", shown)
    for place, n in written.items():
        there = sum(len(names) for _, _, names in os.walk(place))
        if there != n:
            raise FileError(
                f"the class {place.name!r} has {there} files where {n} were written; nothing was kept. Is another "
                "program at work in that folder?",
                shown,
            )


def _folder_names(labels: list[Any]) -> list[str]:
    """A folder name for each label: the label itself, unless that is impossible or another label has it."""
    names: list[str] = []
    for label in labels:
        text = "images" if label is None else str(label)
        name = _IMPOSSIBLE.sub("_", text)
        name = "_" * max(1, len(name)) if name in ("", ".", "..") else name
        while name in names:
            name += "_"
        if name != text:
            _warn(f"images of class {label!r} are in the folder {name!r}: its own name is taken, or none of a folder")
        names.append(name)
    return names


# ---- defects: painted from a few images into many ------------------------------------------------

_BOX = ("left", "top", "right", "bottom")
_LOSSY = (".jpg", ".jpeg", ".webp")  # their black is not quite black


def paint_folder(args: argparse.Namespace) -> None:
    """Learn the defects of one folder, paint them into the images of another one, write images, masks and boxes."""
    if (args.masks is None) == (args.boxes is None):
        raise UsageError("give either --masks FOLDER or --boxes FILE, which say where the defects are")
    check_output(args.output, [args.defective, args.intact, args.masks or args.boxes], force=False, folder=True)
    if os.path.realpath(args.defective) == os.path.realpath(args.intact):
        raise UsageError(f"{args.intact}: the images without defects are those with; name another folder")
    seed = options.choose_seed(args)
    painter = _painter(args, seed)
    defective, intact = named_files(Path(args.defective)), named_files(Path(args.intact))
    files = list(defective.values())
    modes, _, opened = open_files(files)
    times = _times(list(intact), args.images, seed)
    own, profiles, backgrounds = open_files([intact[name] for name in times])
    _check_modes([*files, *(intact[name] for name in times)], [*modes, *own])
    images = _stacked(files, opened)
    layout = "NHW" if images.ndim == 3 else "NHWC"
    _check_written(ImageFileWriter(layout, modes[0]), images[:1], str(files[0]))
    sides = images.shape[1:3]
    known = (
        {"masks": _masks_of(Path(args.masks), defective, sides)}
        if args.boxes is None
        else {"boxes": _boxes_of(args.boxes, Path(args.defective), defective, sides)}
    )
    try:
        painter.set_params(layout=layout).fit(images, **known)
    except InvalidDataError as error:
        raise FileError(str(error), args.defective) from error
    sources = _Sources([intact[name] for name in times], profiles, backgrounds)
    n_defects, hidden = _paint(args, painter, times, sources, ImageFileWriter(layout, modes[0]))
    seen = f", {hidden} of them hardly to be seen where they are" if hidden else ""
    tell(
        args,
        f"{args.output}: {times.total()} images with {n_defects} defects{seen}, painted from {painter.n_defects_} "
        f"in {len(images)} images ({painter.mode_}); seed {seed}",
    )


@dataclass(frozen=True)
class _Sources:
    """The images that are painted into: their files, ICC profiles and, read when their turn comes, pixels."""

    files: list[Path]
    profiles: list[bytes | None]
    images: Iterator[Any]


def _paint(
    args: argparse.Namespace, painter: Any, times: Counter[str], sources: _Sources, writer: ImageFileWriter
) -> tuple[int, int]:
    """Paint and write; how many defects, and how many of them are hardly to be seen."""
    asked = {"n": args.defects, "size": args.size, "strength": args.strength, "place": args.place}
    asked = {name: value for name, value in asked.items() if value is not None}
    hidden, rows, reserved, done = 0, [], set(times), 0
    with atomic_folder(args.output) as folder, progress(args, "paint", times.total()) as move:
        for name, file, profile, opened in zip(times, sources.files, sources.profiles, sources.images, strict=True):
            pixels, own = pil_to_array(opened)[0][None], replace(writer, profile=profile)
            for number in range(times[name]):
                # by the name, so that other images in the folder change nothing
                seed = child_seed(painter.random_state, "painted", os.fsencode(name).hex(), number)
                try:
                    *made, boxes = painter.paint(pixels, **asked, return_boxes=True, random_state=seed)
                except InvalidDataError as error:
                    raise FileError(str(error), file) from error
                hidden += painter.curation_[painter.label]["taken_anyway"]
                image = _save_painted(folder, _new_name(name, number, reserved), made, own)
                rows += [(image, *box) for box in boxes[0].tolist()]
                done += 1
                move(done)
        _write_boxes(folder / "boxes.csv", rows)
    return len(rows), hidden


def _painter(args: argparse.Namespace, seed: int) -> Any:
    """The painter that the options ask for, not fitted yet."""
    from ganaug.estimators import DefectPainter
    from ganaug.runtime.compute import resolve_device

    given = {name: getattr(args, name) for name in ("mode", "turn", "min_contrast", "max_steps", "device")}
    given = {name: value for name, value in given.items() if value is not None}
    resolve_device(given.get("device", "auto"))  # what is wrong with it is told before anything is read
    return DefectPainter(**given, random_state=seed, verbose=verbosity(args))


def _times(names: list[str], n: int | None, seed: int) -> Counter[str]:
    """How often each image is painted into, in the order of their names: once, or as often as ``n`` asks for."""
    if n is None:
        return Counter(names)
    order = numpy_generator(seed, "intact").permutation(len(names))
    return Counter(names[i] for i in sorted(np.resize(order, n).tolist()))


def _check_modes(files: list[Path], modes: list[str]) -> None:
    """Refuse images that differ in what their numbers mean."""
    if modes[0] == "1":
        raise FileError("is black and white, where a defect is neither faint nor strong; convert it to grey", files[0])
    for file, mode in zip(files, modes, strict=True):
        if mode != modes[0]:
            raise FileError(f"is of mode {mode}, and {files[0]} of {modes[0]}; convert one of them", file)


def _stacked(files: list[Path], opened: Iterator[Any]) -> Array:
    pixels = [pil_to_array(image)[0] for image in opened]
    for file, one in zip(files, pixels, strict=True):
        if one.shape != pixels[0].shape:
            shapes = [f"{height} x {width}" for height, width, *_ in (one.shape, pixels[0].shape)]
            raise FileError(
                f"has {shapes[0]} pixels, and {files[0]} {shapes[1]}; cut images with defects to one size, and their "
                "masks or boxes with them",
                file,
            )
    return np.stack(pixels)


def _masks_of(folder: Path, defective: dict[str, Path], sides: tuple[int, ...]) -> BoolArray:
    """The masks of the images, by their names; ``name_mask`` is taken too."""
    there = named_files(folder)
    own = {name: name if name in there else f"{name}_mask" for name in defective}
    alone = [file for name, file in defective.items() if own[name] not in there]
    if alone:
        raise FileError(f"{len(alone)} image(s) have no mask of the same name in it: {list_names(alone)}", folder)
    extra = [there[name] for name in sorted(there.keys() - set(own.values()))]
    if extra:
        raise FileError(f"{len(extra)} mask(s) have no image of the same name: {list_names(extra)}", folder)
    return np.stack([_read_mask(there[own[name]], file, sides) for name, file in defective.items()])


def _read_mask(path: Path, image: Path, sides: tuple[int, ...]) -> BoolArray:
    opened = open_image(path)
    if len(opened.getbands()) > 1 or opened.mode == "P":
        opened = opened.convert("RGBA").convert("RGB")  # a palette by its colours; what is transparent says nothing
    pixels = np.asarray(opened)
    marked = pixels >= 128 if path.suffix.lower() in _LOSSY else pixels != 0
    mask: BoolArray = np.asarray(np.atleast_3d(marked).any(-1))
    if mask.shape != sides:
        shapes = [f"{height} x {width}" for height, width in (mask.shape, sides)]
        raise FileError(f"is a mask of {shapes[0]} pixels, and its image {image} has {shapes[1]}", path)
    if not mask.any():
        raise FileError(f"is black, so that {image} has no defect; move the image to those without", path)
    if mask.all():
        raise FileError(f"covers all of {image}, which leaves no background; remove both", path)
    return mask


def _boxes_of(path: str, root: Path, defective: dict[str, Path], sides: tuple[int, ...]) -> list[Array]:
    """The boxes of the images, from a CSV file."""
    names = {file.relative_to(root).as_posix(): name for name, file in defective.items()}
    found: dict[str, list[list[float]]] = {name: [] for name in defective}
    for line, row in _rows_of(path):
        file = (row["file"] or "").removeprefix("./")
        name = names.get(file, file)
        if name not in found:
            raise FileError(f"no image {file!r} in {root}{did_you_mean(file, names)}", path, line, "file")
        found[name].append([_edge(path, line, column, row[column]) for column in _BOX])
        left, top, right, bottom = found[name][-1]
        if not (0 <= left < right <= sides[1] and 0 <= top < bottom <= sides[0]):
            raise FileError(
                f"left={left:g}, top={top:g}, right={right:g}, bottom={bottom:g} is no box within the {sides[1]} x "
                f"{sides[0]} pixels of {defective[name]}",
                path,
                line,
            )
    alone = [defective[name] for name, boxes in found.items() if not boxes]
    if alone:
        raise FileError(f"{len(alone)} image(s) have no box: {list_names(alone)}; add some, or move the images", path)
    return [np.array(boxes) for boxes in found.values()]


def _rows_of(path: str) -> Iterator[tuple[int, dict[str, str | None]]]:
    """Lines of a CSV file with boxes, by the names of their columns."""
    with open(path, encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            there = list(reader.fieldnames or ())
            for column in ("file", *_BOX):
                if column not in there:
                    raise FileError(f"no column {column!r}{did_you_mean(column, there)}", path, 1)
            for row in reader:
                yield reader.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise FileError(f"cannot be read as CSV in UTF-8: {error}", path, reader.line_num + 1) from error


def _edge(path: str, line: int, column: str, text: str | None) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise FileError(f"{text!r} is no number of pixels", path, line, column)
    return value


def _new_name(name: str, number: int, reserved: set[str]) -> str:
    """The name of a background at first, later ones with a number that no background has."""
    if number == 0:
        return name
    found = f"{name}-{number + 1}"
    while found in reserved:
        found += "_"
    reserved.add(found)
    return found


def _save_painted(folder: Path, name: str, made: list[Array], writer: ImageFileWriter) -> str:
    """Write an image and its mask; the name of the image's file."""
    _, suffix = file_format(writer.mode)
    masks = np.where(made[1], np.uint8(255), np.uint8(0))
    for kind, ending, (file,) in (
        ("images", suffix, writer(made[0])),
        ("masks", ".png", ImageFileWriter("NHW", "L")(masks)),
    ):
        path = folder / kind / f"{name}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        save_new(file, path)
    return f"{name}{suffix}"


def _write_boxes(path: Path, rows: list[tuple[Any, ...]]) -> None:
    with open(path, "x", encoding="utf-8", errors="surrogateescape", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", *_BOX))
        writer.writerows(rows)

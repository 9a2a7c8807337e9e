"""Folders of images: one folder for each class in, the same out, with synthetic files beside the real ones."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import warnings
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ganaug.cli import options
from ganaug.cli.console import FileError, UsageError, progress, tell, verbosity
from ganaug.cli.outputs import atomic_folder, check_output, save_model, save_only
from ganaug.cli.table_files import label_of
from ganaug.encoding.pil_images import channels_of, check_pil_file, file_format, mode_of_array, pil_file_bytes
from ganaug.encoding.sample_arrays import from_nchw, to_nchw
from ganaug.encoding.sources import HIDDEN, NO_IMAGE, FolderImages, ImageFiles, list_names, read_folder
from ganaug.exceptions import DataWarning, InvalidDataError

if TYPE_CHECKING:
    from ganaug.estimators.gan import BaseGAN

__all__ = ["fit_folder", "resample_folder", "sample_folder"]

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
    check_output(args.output, [args.data], force=False, folder=True)
    if args.save is not None:
        check_output(args.save, [args.data, args.output], force=args.force)
    read = _read(args)
    files = read.files
    if len(files.classes) < 2:
        raise FileError(f"holds one class only, {next(iter(files.classes))}", args.data)
    _tell_not_copied(args, files)
    writer = ImageFileWriter("NHW" if read.images.ndim == 3 else "NHWC", read.mode, read.profile)
    _check_written(writer, read.images[:1], str(next(iter(files.classes.values()))[0]))
    sampler, seed = options.oversampler(args, read.labels, _gan()), options.choose_seed(args)
    sampler.set_params(random_state=seed)
    X, y = sampler.fit_resample(read.images, read.labels)
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
    read = _read(args)
    focus = None if args.focus is None else label_of(args.focus, np.unique(read.labels))
    kind, seed = _gan(), options.choose_seed(args)
    gan = kind(**options.training_parameters(args, kind), random_state=seed, verbose=verbosity(args))
    gan.fit(read.images, read.labels, focus=focus)
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


def _read(args: argparse.Namespace) -> FolderImages:
    read = read_folder(args.data, args.image_size)
    shape = "x".join(map(str, read.images.shape[1:3]))
    if args.verbose:
        counts = dict(Counter(read.labels.tolist()))
        tell(args, f"{args.data}: {len(read.images)} images of {shape} pixels, mode {read.mode}, {counts}")
    return read


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

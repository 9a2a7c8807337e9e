"""Folders of images: one folder for each class in, the same out, with synthetic PNG files beside the real ones."""

from __future__ import annotations

import argparse
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ganaug.cli import options
from ganaug.cli.faults import Fault, Usage
from ganaug.cli.messages import progress, tell, verbosity
from ganaug.cli.outputs import check_output, whole_folder
from ganaug.codecs.folders import list_folder, read_folder

__all__ = ["fit_folder", "resample_folder", "sample_folder"]

_AT_ONCE = 256


def resample_folder(args: argparse.Namespace) -> None:
    """Copy a folder, and add synthetic images to its rare classes."""
    from ganaug.cli.resample import oversampler, save_only

    _refuse(args, "target", "mark_column")
    check_output(args.output, [args.data], force=False, folder=True)
    if args.save is not None:
        check_output(args.save, [args.data, args.output], force=args.force)
    files = list_folder(args.data)
    if len(files) < 2:
        raise Fault(f"holds one class only, {next(iter(files))}", args.data)
    images, labels = _read(args)
    sampler, seed = oversampler(args, labels, _gan()), options.seed_of(args)
    sampler.set_params(random_state=seed)
    X, y = sampler.fit_resample(images, labels)
    new = sampler.is_synthetic_
    with whole_folder(args.output) as folder, progress(args, "write", len(X)) as move:
        done = 0
        for name, found in files.items():
            for file in found:
                # copies: links would tie the new folder to the fate of the old one
                place = folder / name / file.relative_to(Path(args.data) / name)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(file, place)
                done += 1
                move(done)
        _write(folder, [(X[new], y[new])], lambda n: move(done + n), args.output)
    added = {str(label): n for label, n in sampler.sampling_strategy_.items() if n}
    tell(args, f"{args.output}: {len(X)} images, {new.sum()} of them synthetic {json.dumps(added)}; seed {seed}")
    if args.save is not None:
        save_only(sampler, args, {})


def fit_folder(args: argparse.Namespace) -> None:
    """Train on a folder, and save."""
    from ganaug.cli.tables import label_of
    from ganaug.cli.training import save_model

    _refuse(args, "target")
    images, labels = _read(args)
    focus = None if args.focus is None else label_of(args.focus, np.unique(labels))
    kind, seed = _gan(), options.seed_of(args)
    gan = kind(**options.training_parameters(args, kind), random_state=seed, verbose=verbosity(args))
    gan.fit(images, labels, focus=focus)
    save_model(gan, args.output, {})
    tell(args, f"{args.output}: {gan.n_steps_} steps, ended by {gan.stop_reason_}; seed {seed}")


def sample_folder(args: argparse.Namespace, gan: Any, n: Any, label: Any, seed: int, total: int) -> None:
    """Draw images into a new folder."""
    if len(gan.codec_.shape) != 3:
        raise Usage(f"{args.model} makes series, for which there is no file format here; load and sample it in Python")
    check_output(args.output, [args.model], force=False, folder=True)
    chunks = gan.iter_samples(n, label, chunk_size=min(args.chunk_size, _AT_ONCE), random_state=seed)
    with whole_folder(args.output) as folder, progress(args, "sample", total) as move:
        _write(folder, chunks, move, args.output)


def _gan() -> Any:
    from ganaug.estimators import ImageGAN

    return ImageGAN


def _read(args: argparse.Namespace) -> tuple[Any, Any]:
    size = args.image_size
    images, labels, _ = read_folder(args.data, size)
    shape = "x".join(map(str, images.shape[1:3]))
    if args.verbose:
        tell(args, f"{args.data}: {len(images)} images of {shape} pixels, {dict(Counter(labels.tolist()))}")
    return images, labels


def _refuse(args: argparse.Namespace, *names: str) -> None:
    for name in names:
        if getattr(args, name) is not None:
            raise Usage(
                f"--{name.replace('_', '-')} is for tables: the classes of {args.data} are its folders, "
                "and synthetic images are named synthetic-..."
            )


def _write(folder: Path, chunks: Iterable[tuple[Any, Any]], move: Any, shown: str) -> None:
    """PNG files, numbered within their class."""
    written: Counter[str] = Counter()
    for X, y in chunks:
        images = pictures(X, shown)
        names = ["images"] * len(images) if y is None else [_folder_name(label) for label in np.asarray(y).tolist()]
        for name in set(names):
            (folder / name).mkdir(exist_ok=True)
        for image, name in zip(images, names, strict=True):
            written[name] += 1
            save_png(image, folder / name / f"synthetic-{written[name]:06d}.png")
        move(sum(written.values()))


def _folder_name(label: Any) -> str:
    """A label that may be any text as the name of a folder."""
    return re.sub(r'[/\\:*?"<>|\0]', "_", str(label)).strip(". ") or "_"


def pictures(X: Any, shown: str) -> Any:
    """Images as bytes, (n, H, W) or (n, H, W, C)."""
    array = np.asarray(X)
    if array.dtype != np.uint8:
        raise Fault(f"images of {array.dtype} cannot be written as PNG; load and sample the model in Python", shown)
    if array.ndim == 4 and array.shape[-1] > 4:  # (n, C, H, W)
        array = array.transpose(0, 2, 3, 1)
    return array[..., 0] if array.ndim == 4 and array.shape[-1] == 1 else array


def save_png(image: Any, path: Path) -> None:
    """Write one image."""
    from PIL import Image

    Image.fromarray(image).save(path, format="PNG")

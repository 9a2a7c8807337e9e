"""From a plentiful class of pictures to the rare one: CycleGAN as an oversampler.

    python examples/translation.py

The pictures are scikit-learn's handwritten digits (8 x 8): zeros are plentiful, eights are rare. What a small
classifier of the translator's own does not take for an eight is refused and drawn again.
"""

from __future__ import annotations

import argparse

import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import recall_score

from ganaug import GANOversampler, ImageTranslator


def main(arguments=None):
    """Translate, and compare a classifier with and without the new pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600, help="of the training (default: 600)")
    options = parser.parse_args(arguments)
    digits = load_digits()
    images = (digits.images * 15.9).astype("uint8")
    zeros, eights = (images[digits.target == digit] for digit in (0, 8))
    X, y = np.concatenate([zeros[:120], eights[:15]]), np.repeat([0, 8], [120, 15])
    X_test, y_test = np.concatenate([zeros[120:], eights[15:]]), np.repeat([0, 8], [len(zeros) - 120, len(eights) - 15])

    sampler = GANOversampler(generator=ImageTranslator(max_steps=options.steps), random_state=0)
    X_new, y_new = sampler.fit_resample(X, y)
    print(f"{X.shape} -> {X_new.shape}; curation: {sampler.curation_}")
    for name, (rows, labels) in {"as they are": (X, y), "with translations": (X_new, y_new)}.items():
        model = LogisticRegression(max_iter=1000).fit(rows.reshape(len(rows), -1) / 255, labels)
        found = model.predict(X_test.reshape(len(X_test), -1) / 255)
        print(f"{name}: {recall_score(y_test, found, pos_label=8):.3f} of the other eights are found")


if __name__ == "__main__":
    main()

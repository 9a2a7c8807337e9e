"""A discriminator as a judge of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ganaug.estimators.modality import Modality
from ganaug.estimators.rows import check_lengths
from ganaug.estimators.sampling import SamplingMixin
from ganaug.exceptions import InvalidParameterError
from ganaug.networks import DiscriminatorNetwork
from ganaug.surroundings import own_surroundings
from ganaug.types import IntArray

__all__ = ["ScoringMixin"]

# Decimals of a score that no order of adding changes.
DIGITS = 9


class ScoringMixin(Modality, SamplingMixin):
    """``score_samples`` and ``features`` over the discriminator that a model keeps."""

    condition_counts_: IntArray

    @own_surroundings
    def score_samples(self, X: Any, y: Any = None) -> npt.NDArray[np.float64]:
        """A discriminator's logit: how much a row looks like the training data.

        The discriminator of the training would tell the very rows that it saw from others like them. The one that
        scores has its shape, and learns at the first call, or when the model is saved or copied, to tell the
        generator's samples from broken ones (columns exchanged, noise, values from anywhere in the range), in a tenth
        of the time of the training or less. It knows of the training rows what samples tell. Scores are the same before
        and after saving.

        Parameters
        ----------
        X : as in `fit`
            Rows to judge; same columns and dtypes as in `fit`.
        y : array-like of shape (n_samples,), optional
            The class that each row claims to be of. None averages over the
            classes by their training frequencies.

        Returns
        -------
        ndarray of shape (n_samples,), float64
            Higher is more like the training data; the sign turned, an anomaly
            score. It tells how real a row is, not which class it is of:
            compare rows, not claims. Columns of a table that a rule determines are not looked at, for the networks do
            not have them: ``gan.rules_.holds(X)`` tells which rows break a rule.

        Raises
        ------
        InvalidDataError
            For unseen columns, dtypes, categories or labels.
        """

        def logit(network: DiscriminatorNetwork, features: Tensor, labels: Tensor) -> Tensor:
            result: Tensor = network.head(features, labels).unsqueeze(1)
            return result

        return self._judged(X, y, logit)[:, 0]

    @own_surroundings
    def features(self, X: Any, y: Any = None) -> npt.NDArray[np.float64]:
        """The last hidden layer of the discriminator of `score_samples`, for transfer learning.

        Parameters
        ----------
        X, y
            As in `score_samples`.

        Returns
        -------
        ndarray of shape (n_samples, width), float64
        """
        return self._judged(X, y, lambda network, features, labels: features)

    def _judged(
        self, X: Any, y: Any, of: Callable[[DiscriminatorNetwork, Tensor, Tensor], Tensor]
    ) -> npt.NDArray[np.float64]:
        self._check_fitted()
        check_lengths(X, y)
        rows = self.codec_.encode(X, owner=type(self).__name__)
        if y is None:
            weights = self.condition_counts_ / self.condition_counts_.sum()
            claims = [(c, np.full(len(rows), c), w) for c, w in enumerate(weights) if w > 0]
        else:
            if self.label_codec_ is None:
                raise InvalidParameterError("y was given, but the generator was fitted without labels")
            codes = self.conditions_.of_codes(self.label_codec_.encode(y))
            check_lengths(rows, codes)
            claims = [(-1, codes, 1.0)]
        # In double precision on the CPU, and rounded: a row's score must not depend on the rows beside it,
        # whose number decides in which order a matrix product adds.
        network, load, most = self._double_discriminator(), self._loads(self.codec_), self._at_once(self.codec_)

        @torch.inference_mode()
        def part(start: int) -> npt.NDArray[np.float64]:
            x = load(torch.from_numpy(rows[start : start + most])).double()
            features, total = None, torch.zeros((), dtype=torch.float32)
            for _, labels, weight in claims:
                claimed = torch.from_numpy(labels[start : start + most])
                if features is None or network.head.class_is_input:  # else the trunk sees no class
                    features = network.features(x, claimed)
                total = total + weight * of(network, features, claimed)
            return total.numpy().round(DIGITS)

        with self._computing(), self._team(torch.device("cpu")) as work:
            return np.concatenate(work(part, range(0, len(rows), most)))

"""The checks that scikit-learn and imbalanced-learn hold against every estimator: all of them, none marked."""

from __future__ import annotations

import imblearn.utils.estimator_checks as imblearn_checks
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import parametrize_with_checks

from ganaug import GANOversampler, TabularGAN

pytestmark = [
    # Some checks fit 10 to 30 rows, where a minority class has fewer than min_class_size: this is what is said then.
    pytest.mark.filterwarnings("ignore::ganaug.exceptions.FewSamplesWarning"),
]


def gan() -> TabularGAN:
    return TabularGAN(max_steps=3, width=16, depth=1, random_state=0, verbose=False)


def oversampler() -> GANOversampler:
    return GANOversampler(generator=gan(), random_state=0)


@parametrize_with_checks([gan(), oversampler()])
def test_scikit_learn(estimator, check):
    check(estimator)


# imbalanced-learn hands pytest a generator, which pytest 9 warns of: the same checks as a list.
_mark = imblearn_checks.parametrize_with_checks([oversampler()])


@pytest.mark.parametrize(_mark.args[0], list(_mark.args[1]), **_mark.kwargs)
def test_imbalanced_learn(estimator, check):
    check(estimator)


# What imbalanced-learn runs on its own samplers, or on those that declare it by a tag.
@pytest.mark.parametrize("check", ["check_samplers_string", "check_samplers_nan"])
def test_imbalanced_learn_by_tag(check):
    getattr(imblearn_checks, check)("GANOversampler", oversampler())


@pytest.mark.parametrize("estimator", [gan(), oversampler()], ids=["TabularGAN", "GANOversampler"])
def test_feature_names(estimator):
    imblearn_checks.check_dataframe_column_names_consistency(type(estimator).__name__, estimator)


@pytest.mark.parametrize("estimator", [TabularGAN(), GANOversampler()], ids=["TabularGAN", "GANOversampler"])
def test_defaults(estimator):
    assert repr(estimator) == f"{type(estimator).__name__}()"
    assert clone(estimator).get_params() == estimator.get_params()
    assert vars(estimator) == estimator.get_params(deep=False)
    assert "random_state" in estimator._repr_html_()

"""ImageTranslator: the two-sided game, the check, sampling from source images, files, and bad input."""

from __future__ import annotations

import copy
import math
import pickle
import warnings
from itertools import islice

import numpy as np
import pytest
import torch
from helpers import cases
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import ganaug
from ganaug import GANOversampler, ImageTranslator, TrainingWarning
from ganaug.estimators.translating import TRIES, draw_accepted, iterate_sources
from ganaug.exceptions import InvalidDataError, InvalidParameterError, ModelFileError
from ganaug.networks.translation import cycle_players
from ganaug.objectives import OBJECTIVES
from ganaug.runtime.compute import alone, one_thread, team
from ganaug.training.loop import train
from ganaug.training.translation_steps import (
    CycleTrainConfig,
    CycleTrainState,
    ImagePool,
    cycle_step,
    shift_images,
    weight_scale,
)
from ganaug.utils.state import read_state, write_state

BRIGHTER = 120


@pytest.fixture(autouse=True)
def quiet():
    """What does not go through the estimator runs on one thread too: several wait for one another on a busy machine."""
    with one_thread():
        yield


def squares(n, rng):
    """Dark images (n, 8, 8), each with a less dark square somewhere."""
    X = np.full((n, 8, 8), 30, np.uint8)
    for image in X:
        row, column = rng.integers(0, 5, 2)
        image[row : row + 4, column : column + 4] = rng.integers(80, 120)
    return X


def night_and_day(n_dark=120, n_bright=30):
    rng = np.random.default_rng(0)
    X = np.concatenate([squares(n_dark, rng), BRIGHTER + squares(n_bright, rng)])
    return X, np.repeat(["dark", "bright"], [n_dark, n_bright])


def translator(**parameters):
    own = {"max_steps": 2, "width": 4, "depth": 1, "batch_size": 4, "min_probability": 0, "verbose": False}
    return ImageTranslator(**{**own, "random_state": 0, **parameters})


@pytest.fixture(scope="module")
def fitted():
    own = translator(max_steps=110, width=8, batch_size=8, learning_rate=6e-3, min_probability=0.5)
    return own.fit(*night_and_day())


@pytest.fixture(scope="module")
def hardly():
    """Fitted in no time, and on images of three classes."""
    X, y = night_and_day(20, 12)
    return translator().fit(np.concatenate([X, X[:5] + 60]), np.concatenate([y, ["dusk"] * 5]))


# ------------------------------------------------------------------------------------------ it learns


def test_it_learns_a_known_translation_and_the_way_back(fitted):
    X = squares(40, np.random.default_rng(9))
    there = fitted.translate(X).astype(float)
    assert np.abs(there - (X + float(BRIGHTER))).mean() < 0.25 * BRIGHTER  # identity is off by all of it
    back = fitted.translate(BRIGHTER + X, to="dark").astype(float)
    assert np.abs(back - X).mean() < 0.25 * BRIGHTER
    # true to its original: the square is where it was
    assert np.corrcoef(there.ravel(), X.ravel())[0, 1] > 0.8
    assert fitted.accepted_ > 0.9 and fitted.quality_ > 0.8


def test_the_history_tells_what_happened(fitted):
    history = fitted.history_
    assert fitted.n_steps_ == 110 and fitted.stop_reason_ == "max_steps"
    assert history["step"].is_monotonic_increasing and history["step"].iloc[-1] == 110
    for name in ("discriminator_loss", "generator_loss", "cycle_loss", "identity_loss", "real_logit", "fake_logit"):
        assert np.isfinite(history[name]).all(), name
    looked = history.dropna()
    assert len(looked) >= 15 and looked["quality"].iloc[-1] > looked["quality"].iloc[0]
    assert looked["accepted"].iloc[-1] == fitted.accepted_ and looked["quality"].iloc[-1] == fitted.quality_


@cases("objective", OBJECTIVES)
def test_every_objective_plays(objective):
    rng = torch.Generator().manual_seed(0)
    train_state, plan = game_and_plan(rng)
    before = train_state.generator.flat.clone()
    history, reason = train(train_state, Noise(), OBJECTIVES[objective], plan, [], rng, step=cycle_step)
    assert reason == "max_steps" and all(map(math.isfinite, history[-1].values()))
    assert not torch.equal(before, train_state.generator.flat)


# ------------------------------------------------------------------------------------------ the game


class Noise:
    """Batches of noise of two classes."""

    ahead = 1

    def batches(self, size, rng):
        while True:
            yield torch.rand(size, 1, 8, 8, generator=rng), torch.rand(size, 1, 8, 8, generator=rng)


def game_and_plan(rng, work=alone):
    plan = CycleTrainConfig(
        max_steps=3,
        batch_size=4,
        learning_rate=1e-3,
        discriminator_learning_rate=1e-3,
        betas=(0.5, 0.99),
        decay_from=0.5,
        ema_half_life=10.0,
        penalty_every=2,
        penalty_scale=1.0,
        log_every=1,
        look_every=1,
        cycle_weight=10.0,
        identity_weight=5.0,
        pipe=lambda x, progress, rng: shift_images(x, 0.1, rng),
        team=work,
    )
    return CycleTrainState.of(*cycle_players((1, 8, 8), rng, width=4, depth=1), plan), plan


def test_it_matters_not_who_works_on_which_way():
    results = []
    for workers in (1, 2):
        rng = torch.Generator().manual_seed(0)
        with team(workers) as work:
            train_state, plan = game_and_plan(rng, work)
            train(train_state, Noise(), OBJECTIVES["least-squares"], plan, [], rng, step=cycle_step)
        results.append(train_state.average_flat)
    assert torch.equal(*results)


def test_the_pool_shows_half_of_the_earlier_translations():
    rng = torch.Generator().manual_seed(0)
    pool = ImagePool(50)
    numbers = torch.arange(50.0)[:, None]
    assert torch.equal(pool.swap(numbers, rng), numbers)  # it fills first
    given = torch.arange(100.0, 140.0)[:, None]
    shown = pool.swap(given, rng)
    earlier = shown < 100
    assert 8 < int(earlier.sum()) < 32
    assert torch.equal(shown[~earlier], given[~earlier.expand_as(given)].view(-1))
    kept = set(pool.images.view(-1).tolist())
    assert kept == set(numbers.view(-1).tolist()) - set(shown[earlier].tolist()) | set(given[earlier].tolist())


def test_a_shift_moves_and_repeats_the_border():
    rng = torch.Generator().manual_seed(0)
    x = torch.arange(64, dtype=torch.uint8).view(1, 1, 8, 8).repeat(200, 1, 1, 1)
    moved = shift_images(x, 0.1, rng)
    assert moved.shape == x.shape and moved.dtype == torch.uint8
    assert torch.equal(x[0], torch.arange(64, dtype=torch.uint8).view(1, 8, 8))
    # by one pixel of eight, in nine ways
    assert len({tuple(image.view(-1).tolist()) for image in moved}) == 9
    expected = np.pad(np.arange(64).reshape(8, 8), 1, mode="edge")
    ways = {tuple(expected[r : r + 8, c : c + 8].ravel()) for r in range(3) for c in range(3)}
    assert ways == {tuple(image.view(-1).tolist()) for image in moved}


def test_a_small_image_is_held_as_slowly_as_a_large_one():
    assert weight_scale(torch.empty(1, 3, 256, 256)) == 1
    assert weight_scale(torch.empty(1, 3, 64, 64)) == pytest.approx(0.25)


@cases("shape", [(1, 8, 8), (3, 9, 31), (2, 64, 17), (4, 50, 50)])
def test_networks_of_any_size(shape):
    rng = torch.Generator().manual_seed(0)
    translators, judges = cycle_players(shape, rng, width=4, depth=1)
    x = torch.rand(3, *shape, generator=rng) * 2 - 1
    with torch.no_grad():
        there = translators.to_target(x)
        assert there.shape == x.shape and judges.of_target(x).ndim == 2
        assert float((there - x).abs().mean()) < 0.25 * float(x.abs().mean())  # it starts near the identity
        alone_ = translators.to_target(x[1:2])  # an image's translation is its own affair
    torch.testing.assert_close(alone_, there[1:2], rtol=1e-4, atol=1e-5)


# ------------------------------------------------------------------------------------------ the two classes


def test_the_classes_are_the_most_frequent_and_the_rarest(hardly):
    assert (hardly.source_, hardly.target_) == ("dark", "dusk")
    assert hardly.classes_.tolist() == ["bright", "dark", "dusk"] and hardly.class_counts_.tolist() == [12, 20, 5]


@cases(
    ("parameters", "focus", "pair"),
    [
        ({"target": "bright"}, None, ("dark", "bright")),
        ({}, "bright", ("dark", "bright")),
        ({"source": "bright"}, "dark", ("bright", "dark")),
        ({"source": "dusk"}, None, ("dusk", "bright")),  # the rarest of the others
        ({}, "dark", ("bright", "dark")),  # the most frequent of the others
    ],
)
def test_the_classes_can_be_named(parameters, focus, pair):
    X, y = night_and_day(20, 12)
    X, y = np.concatenate([X, X[:5] + 60]), np.concatenate([y, ["dusk"] * 5])
    own = translator(max_steps=1, batch_size=2, **parameters)
    own.fit(X, y, focus=focus)
    assert (own.source_, own.target_) == pair
    assert set(own.sample(2)[1].tolist()) == {pair[1]}


# ------------------------------------------------------------------------------------------ sample


def test_samples_are_like_those_of_every_generator(fitted):
    X, y = fitted.sample(7, label="bright", random_state=1)
    assert X.shape == (7, 8, 8) and X.dtype == np.uint8 and y.tolist() == ["bright"] * 7
    assert X.mean() > 130
    X, y = fitted.sample({"bright": 5})
    assert len(X) == 5 and y.tolist() == ["bright"] * 5
    assert [len(chunk) for chunk, _ in fitted.iter_samples(25, chunk_size=10)] == [10, 10, 5]
    X, y = fitted.sample(0)
    assert X.shape == (0, 8, 8) and X.dtype == np.uint8 and len(y) == 0


def test_no_two_samples_come_from_one_image_before_all_were_used(hardly):
    sources = hardly._sources
    order = [image.tobytes() for image in islice(iterate_sources(sources, np.random.default_rng(0)), 20)]
    assert sorted(order) == sorted(image.tobytes() for image in sources)


def test_an_image_used_again_is_shifted(fitted):
    X, _ = fitted.sample(600, random_state=0)  # of 120 sources
    assert len(np.unique(X.reshape(600, -1), axis=0)) > 300


def test_the_same_seed_gives_the_same_samples_and_the_stream_goes_on(hardly):
    one, other = (hardly.sample(9, random_state=3)[0] for _ in range(2))
    assert np.array_equal(one, other)
    again = copy.deepcopy(hardly).set_sources(*night_and_day(20, 12))
    first, second = hardly.sample(9)[0], hardly.sample(9)[0]
    assert not np.array_equal(first, second) and np.array_equal(first, again.sample(9)[0])


def test_two_fits_with_one_seed_are_equal_and_leave_the_world_alone(global_state):
    X, y = night_and_day(20, 12)
    before = X.copy()
    one, other, third = (
        translator(random_state=seed, min_probability=p).fit(X, y) for seed, p in ((1, 0), (1, 0), (2, 0))
    )
    assert np.array_equal(one.sample(20)[0], other.sample(20)[0])
    assert not np.array_equal(one.sample(20)[0], third.sample(20)[0])
    assert np.array_equal(X, before)
    global_state.assert_unchanged()


@cases("layout", ["NHW", "NHWC", "NCHW", "float"])
def test_layouts_and_dtypes_come_back(layout):
    X, y = night_and_day(20, 12)
    X = {"NHW": X, "NHWC": np.stack([X] * 3, -1), "NCHW": np.stack([X] * 2, 1), "float": X / np.float32(255)}[layout]
    own = translator(max_steps=1).fit(X, y)
    assert own.translate(X[:3]).shape == (3, *X.shape[1:]) and own.translate(X[:3]).dtype == X.dtype
    assert own.sample(3)[0].dtype == X.dtype and own.sample(3)[0].shape == (3, *X.shape[1:])


# ------------------------------------------------------------------------------------------ the check


def test_what_has_not_arrived_is_made_anew(fitted):
    fitted.sample(30, random_state=0)
    (tally,) = fitted.curation_.values()
    assert tally["kept"] == 30 and tally["drawn"] == 30 + tally["other_class"] and tally["taken_anyway"] == 0
    assert list(fitted.curation_) == ["bright"]
    X = squares(50, np.random.default_rng(5))
    likely = fitted.check_.probabilities(fitted.codec_.encode(X), fitted.codec_.to_network, torch.device("cpu"))
    assert (likely < 0.5).mean() > 0.9  # not arrived at all


def test_refused_translations_are_replaced_by_good_ones():
    sources = np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1).repeat(8, 2).repeat(8, 3)

    def probabilities(images):
        return (images[:, 0, 4, 4] % 4 == 0).astype(np.float32)  # a quarter is good

    images, tally = draw_accepted(lambda x: x, sources, probabilities, 0.5, 20, seed=0)
    assert (images[:, 0, 4, 4] % 4 == 0).all() and len(np.unique(images[:, 0, 4, 4])) == 20
    assert tally.drawn == 20 + tally.rejected["other_class"] and 50 < tally.drawn < 110 and tally.taken_anyway == 0


def test_where_hardly_any_passes_the_likeliest_are_taken():
    sources = np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1).repeat(8, 2).repeat(8, 3)
    images, tally = draw_accepted(lambda x: x, sources, lambda x: x[:, 0, 4, 4] / np.float32(1000), 0.5, 10, seed=0)
    assert images[:, 0, 4, 4].tolist() == list(range(99, 89, -1))
    assert tally.row() == {"drawn": TRIES * 10, "kept": 10, "other_class": TRIES * 10, "taken_anyway": 10}


def test_it_is_said_where_hardly_any_passes(fitted):
    own = copy.deepcopy(fitted).set_sources(*night_and_day())
    own.check_.probabilities = lambda images, load, device: np.zeros(len(images), np.float32)
    with pytest.warns(TrainingWarning, match="took 0 of 50 translations for 'bright'; 5 of the 5 .* Train longer"):
        X, _ = own.sample(5)
    assert len(X) == 5 and own.curation_["bright"]["taken_anyway"] == 5


def test_no_check_without_a_probability(hardly):
    assert hardly.check_ is None and math.isnan(hardly.accepted_)


# ------------------------------------------------------------------------------------------ state


@pytest.mark.parametrize(
    "way", [lambda own: pickle.loads(pickle.dumps(own)), copy.deepcopy], ids=["pickle", "deepcopy"]
)
def test_copies_sample_as_before_once_they_have_images(fitted, way):
    fitted.sample(1)
    again = way(fitted)
    with pytest.raises(InvalidDataError, match=r"no images to sample from.*'dark'.*set_sources"):
        again.sample(3)
    again.set_sources(*night_and_day())
    assert np.array_equal(again.sample(9, random_state=1)[0], fitted.sample(9, random_state=1)[0])
    assert again.history_.equals(fitted.history_) and again.source_ == "dark"


def test_a_file_samples_as_before_once_it_has_images(fitted, tmp_path):
    X, y = night_and_day()
    fitted.save(tmp_path / "model")
    again = ganaug.load(tmp_path / "model")
    assert type(again) is ImageTranslator
    with pytest.raises(InvalidDataError, match=r"no images to sample from.*'dark'.*set_sources"):
        again.sample(3)
    few = squares(5, np.random.default_rng(1))
    assert np.array_equal(again.translate(few), fitted.translate(few))
    again.set_sources(X, y)
    assert np.array_equal(again.sample(9, random_state=1)[0], fitted.sample(9, random_state=1)[0])
    assert again.history_.equals(fitted.history_)
    for name in ("source_", "target_", "n_steps_", "stop_reason_", "quality_", "accepted_", "n_features_in_"):
        assert getattr(again, name) == getattr(fitted, name), name
    assert again.get_params()["max_steps"] == 110 and again.classes_.tolist() == ["bright", "dark"]
    again.set_sources(few)
    assert len(again.sample(3)[0]) == 3


def test_a_file_holds_no_image(fitted, tmp_path):
    fitted.save(tmp_path / "model")
    content = (tmp_path / "model").read_bytes()
    X, _ = night_and_day()
    encoded = fitted.codec_.to_network(torch.from_numpy(fitted.codec_.encode(X))).numpy()
    for image, floats in zip(X[::10], encoded[::10], strict=True):
        assert image[2:5].tobytes() not in content and floats[0, 2:5].tobytes() not in content


def test_a_file_of_an_earlier_version_translates_as_it_did(hardly, tmp_path):
    """Its networks made four pixels of one at the end, and its config does not say how they end."""
    hardly.save(tmp_path / "model")
    state = read_state(tmp_path / "model")
    earlier, _ = cycle_players((1, 8, 8), torch.Generator().manual_seed(7), width=4, depth=1, fine=False)
    weights = {f"weights/{name}": value.numpy() for name, value in earlier.state_dict().items()}
    arrays = {name: value for name, value in state.arrays.items() if not name.startswith("weights/")} | weights
    design = {name: value for name, value in state.config["design"].items() if name != "fine"}
    write_state(tmp_path / "earlier", state.kind, state.config | {"design": design}, arrays)
    again = ganaug.load(tmp_path / "earlier")
    X = squares(3, np.random.default_rng(1))
    codec = again.codec_
    with torch.inference_mode():
        expected = earlier.to_target(codec.to_network(torch.from_numpy(codec.encode(X))))
    assert np.array_equal(again.translate(X), codec.decode(codec.from_network(expected)))
    again.save(tmp_path / "again")
    assert np.array_equal(ganaug.load(tmp_path / "again").translate(X), again.translate(X))


@cases(
    "damage",
    [
        lambda config, arrays: config.update(target=config["source"]),
        lambda config, arrays: config.update(source=7),
        lambda config, arrays: config["design"].update(width=9),
        lambda config, arrays: config["design"].update(fine=False),
        lambda config, arrays: config["design"].update(fine=1),
        lambda config, arrays: config["design"].pop("fine"),
        lambda config, arrays: arrays.pop("class_counts"),
        lambda config, arrays: arrays.update({"check/mix.bias": np.full(1, np.nan, np.float32)}),
        lambda config, arrays: arrays.update({"weights/extra": np.zeros(1, np.float32)}),
        lambda config, arrays: arrays.update({"extra": np.zeros(1, np.float32)}),
    ],
)
def test_a_damaged_file_is_refused(fitted, tmp_path, damage):
    fitted.save(tmp_path / "model")
    state = read_state(tmp_path / "model")
    damage(state.config, state.arrays)
    write_state(tmp_path / "bad", state.kind, state.config, state.arrays)
    with pytest.raises(ModelFileError):
        ganaug.load(tmp_path / "bad")


def test_a_clone_is_not_fitted(fitted):
    copied = clone(fitted)
    assert copied.get_params() == fitted.get_params()
    for call in (copied.sample, lambda: copied.translate(np.zeros((1, 8, 8), np.uint8)), lambda: copied.save("x")):
        with pytest.raises(NotFittedError):
            call()


# ------------------------------------------------------------------------------------------ GANOversampler


@pytest.mark.parametrize("channels", [0, 3])
def test_an_oversampler_translates_into_each_rare_class(channels):
    X, y = night_and_day(30, 14)
    X, y = np.concatenate([X, X[:13] + 60]), np.concatenate([y, ["dusk"] * 13])
    if channels:
        X = np.stack([X] * channels, -1)
    sampler = GANOversampler(generator=translator(max_steps=1), random_state=0)
    X_res, y_res = sampler.fit_resample(X, y)
    assert {label: int((y_res == label).sum()) for label in set(y)} == dict.fromkeys(set(y), 30)
    assert X_res.shape == (90, *X.shape[1:]) and X_res.dtype == np.uint8 and np.array_equal(X_res[: len(X)], X)
    pairs = {label: (own.source_, own.target_) for label, own in sampler.generators_.items()}
    assert pairs == {"bright": ("dark", "bright"), "dusk": ("dark", "dusk")}


# ------------------------------------------------------------------------------------------ bad input


@cases(
    ("parameters", "focus", "message"),
    [
        ({"source": "drak"}, None, r"source='drak': unknown label.*bright, dark"),
        ({"target": "day"}, None, "target='day': unknown label"),
        ({}, "day", "focus='day': unknown label"),
        ({"source": "dark", "target": "dark"}, None, "source and target are one class, 'dark'"),
        ({"target": "bright"}, "dark", "focus='dark' and target='bright' are two classes"),
        ({"objective": "least"}, None, "objective='least' is unknown"),
        ({"min_probability": 1.0}, None, "min_probability"),
        ({"cycle_weight": -1}, None, "cycle_weight=-1"),
        ({"batch_size": 0}, None, "batch_size=0"),
        ({"max_time": "soon"}, None, "max_time='soon'"),
        ({"device": "tpu"}, None, "device='tpu'"),
    ],
)
def test_impossible_parameters_are_named(parameters, focus, message):
    with pytest.raises(InvalidParameterError, match=message):
        translator(**parameters).fit(*night_and_day(6, 4), focus=focus)


def test_impossible_data_are_named():
    X, y = night_and_day(6, 4)
    with pytest.raises(InvalidDataError, match="y has 1 class only .*'dark'"):
        translator().fit(X[:6], y[:6])
    with pytest.raises(InvalidDataError, match="the target class 'bright' has 1 image"):
        translator().fit(X[:7], y[:7])
    with pytest.raises(InvalidDataError, match="the target class 1 has 1 image"):  # and not np.int64(1)
        translator().fit(X[:7], np.arange(7) // 6)
    with pytest.raises(InvalidDataError, match="give the labels y"):
        translator().fit(X)
    with pytest.raises(InvalidDataError, match="X has 10 images and y has 9 labels"):
        translator().fit(X, y[:9])


def test_impossible_requests_are_named(hardly):
    with pytest.raises(InvalidDataError, match=r"X has shape \(2, 9, 8\)"):
        hardly.translate(np.zeros((2, 9, 8), np.uint8))
    with pytest.raises(InvalidDataError, match="dtype float32"):
        hardly.translate(np.zeros((2, 8, 8), np.float32))
    with pytest.raises(InvalidParameterError, match="to='bright' is neither the target 'dusk' nor 'dark'"):
        hardly.translate(np.zeros((2, 8, 8), np.uint8), to="bright")
    with pytest.raises(InvalidDataError, match="makes images of class 'dusk', not of 'bright'"):
        hardly.sample(3, label="bright")
    with pytest.raises(InvalidDataError, match="unknown label"):
        hardly.sample({"noon": 3})
    with pytest.raises(InvalidParameterError, match="n is -1"):
        hardly.sample(-1)
    with pytest.raises(InvalidDataError, match="no image of the source class 'dark'"):
        hardly.set_sources(np.zeros((2, 8, 8), np.uint8), ["dusk", "bright"])


def test_a_training_ends_early_where_it_should():
    X, y = night_and_day(6, 4)
    own = translator(max_steps=50, callbacks=[lambda event: "enough" if event.step >= 3 else None]).fit(X, y)
    assert own.stop_reason_ == "enough" and own.n_steps_ == 3 and len(own.sample(2)[0]) == 2
    own = translator(max_steps=10_000, max_time=0.01).fit(X, y)
    assert own.stop_reason_ == "max_time" and own.n_steps_ < 1000
    with pytest.warns(TrainingWarning, match="diverged at step"):
        own = translator(max_steps=60, learning_rate=1e12).fit(X, y)
    assert own.stop_reason_ == "diverged" and np.isfinite(own.sample(2)[0]).all()


# ------------------------------------------------------------------------------------------ real images


@pytest.mark.slow
def test_t_shirts_become_shirts(shared_data):
    """1500 T-shirts, 100 shirts: what a classifier trained on others says of samples, and of T-shirts as they are."""
    from sklearn.neural_network import MLPClassifier

    X, y, X_test, y_test = shared_data.load_images("fashion_mnist")
    shirts, others = np.flatnonzero(y == 6), np.flatnonzero(y == 0)[:1500]
    rows = np.concatenate([others, shirts[:100]])
    own = ImageTranslator(max_steps=600, random_state=0, verbose=False).fit(X[rows], y[rows])

    def flat(images):
        return images.reshape(len(images), -1) / 255.0

    unseen = np.concatenate([np.flatnonzero(y == 0)[1500:], shirts[100:600]])  # 500 of each
    judge = MLPClassifier((64,), max_iter=15, random_state=0, tol=0, n_iter_no_change=15)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it has not converged, and need not
        judge.fit(flat(X[unseen]), y[unseen])
    T = X_test[y_test == 0][:300]
    before = (judge.predict(flat(T)) == 6).mean()
    after = (judge.predict(flat(own.sample(300)[0])) == 6).mean()
    assert before < 0.3 and after > before + 0.4, (before, after)
    assert own.history_["cycle_loss"].iloc[-1] < 0.25

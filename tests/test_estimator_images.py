"""ImageGAN: containers, labels, sources, curation, saving, and that more cores change nothing."""

from __future__ import annotations

import copy
import io
import pickle
import time
from functools import partial
from types import SimpleNamespace

import joblib
import numpy as np
import pytest
import torch
from helpers import cases, image_gan
from PIL import Image
from sklearn.base import clone
from torch.utils.data import Subset, TensorDataset

import ganaug
from ganaug import FewSamplesWarning, GANOversampler, ImageGAN, balance
from ganaug.estimators.convolutional import MOST_MEASURED, _measured, fit_into_time, preset_channels
from ganaug.exceptions import InvalidDataError, InvalidParameterError, InvalidTypeError
from ganaug.utils.state import read_state

SIZES = {"plenty": 40, "few": 20}


gan = partial(image_gan, max_steps=3, batch_size=8, curate=False)


def images(shape=(8, 8), dtype=np.uint8, seed=0):
    """Two classes: bright above, or bright below."""
    rng = np.random.default_rng(seed)
    y = np.repeat(list(SIZES), list(SIZES.values()))
    X = rng.integers(0, 100, size=(len(y), *shape)).astype(np.float64)
    X[y == "plenty", :4] += 150
    X[y == "few", 4:] += 150
    return X.astype(dtype), y


@pytest.fixture(scope="module")
def fitted():
    return gan(max_steps=5, curate=True).fit(*images())


# ---------------------------------------------------------------- what goes in and comes out


@cases(
    ("shape", "dtype", "parameters"),
    [
        ((8, 8), np.uint8, {}),
        ((9, 13), np.float32, {}),
        ((8, 11, 3), np.uint8, {}),
        ((2, 8, 9), np.float64, {}),
        ((12, 8, 1), np.int16, {"layout": "NHWC"}),
    ],
)
@cases("architecture", ["residual", "dcgan"])
def test_samples_are_as_the_images_were(shape, dtype, parameters, architecture):
    X, y = images(shape, dtype)
    before = X.copy()
    own = gan(architecture=architecture, **parameters).fit(X, y)
    new, labels = own.sample({"few": 3, "plenty": 2})
    assert new.shape == (5, *shape) and new.dtype == dtype and np.array_equal(X, before)
    assert labels.tolist() == ["few"] * 3 + ["plenty"] * 2
    assert X.min() <= new.min() and new.max() <= X.max()
    assert own.n_features_in_ == int(np.prod(shape))


@cases("conditioning", ["projection", "concat", "auxiliary"])
@cases("objective", ["hinge", "wasserstein", "relativistic"])
def test_every_game_can_be_played(objective, conditioning):
    own = gan(objective=objective, conditioning=conditioning, architecture="dcgan").fit(*images())
    looked = ["quality", "diversity", "recognised"]
    assert own.stop_reason_ == "max_steps"
    assert np.isfinite(own.history_.drop(columns=looked, errors="ignore")).all(axis=None)


def test_style():
    assert gan(architecture="style").fit(*images()).sample(2)[0].shape == (2, 8, 8)


def test_tensors_datasets_and_folders(tmp_path):
    X, y = images()
    tensor, codes = torch.from_numpy(X)[:, None], torch.from_numpy((y == "few").astype(np.int64))
    new, _ = gan().fit(tensor, codes).sample(4, label=1)
    assert isinstance(new, torch.Tensor) and new.shape == (4, 1, 8, 8) and new.dtype == torch.uint8
    whole = TensorDataset(tensor, codes)
    from_dataset = gan().fit(whole)
    assert torch.equal(from_dataset.sample(4, label=1, random_state=0)[0], gan().fit(tensor, codes).sample(
        4, label=1, random_state=0)[0])  # fmt: skip
    assert gan().fit(Subset(whole, range(30, 60))).class_counts_.tolist() == [10, 20]
    from PIL import Image

    for place, (image, label) in enumerate(zip(X, y, strict=True)):
        (tmp_path / label).mkdir(exist_ok=True)
        Image.fromarray(image).save(tmp_path / label / f"{place}.png")
    from_folder = gan().fit(tmp_path)
    assert from_folder.classes_.tolist() == ["few", "plenty"] and from_folder.class_counts_.tolist() == [20, 40]
    assert from_folder.sample(3, label="few")[0].shape == (3, 8, 8)


def test_without_labels_and_with_a_focus():
    X, y = images()
    new, labels = gan(curate=True).fit(X).sample(3)
    assert len(new) == 3 and labels is None
    own = gan(curate=True).fit(X, y, focus="few")
    assert own.sample(2)[1].tolist() == ["few", "few"]
    with pytest.raises(InvalidDataError, match="class 'few' against the rest"):
        own.sample(1, label="plenty")


def test_bytes_stay_bytes(monkeypatch):
    """Images of 8 bits take a quarter of the memory of floats."""
    import ganaug.estimators.gan as base

    seen = []
    table = base.ClassBatches
    monkeypatch.setattr(base, "ClassBatches", lambda x, *rest: seen.append(x) or table(x, *rest))
    gan().fit(*images())
    assert seen[0].x.dtype == np.uint8 and seen[0][torch.arange(2)].dtype == torch.uint8


def test_iter_samples(fitted):
    chunks = list(fitted.iter_samples({"few": 5}, chunk_size=2, random_state=3))
    assert [len(x) for x, _ in chunks] == [2, 2, 1]
    again = list(fitted.iter_samples({"few": 5}, chunk_size=2, random_state=3))
    assert all(np.array_equal(a[0], b[0]) for a, b in zip(chunks, again, strict=True))


def test_nothing_asked_for_is_an_empty_array(fitted):
    new, labels = fitted.sample({"few": 0})
    assert new.shape == (0, 8, 8) and new.dtype == np.uint8 and len(labels) == 0


def test_pillow_images_and_datasets_are_sent_where_they_are_taken():
    X, y = images()
    pairs = TensorDataset(torch.from_numpy(X), torch.zeros(len(X)))
    for given, said in (
        ([Image.fromarray(x) for x in X], "list of PIL images; give np.stack"),
        (pairs, "ganaug.balance"),
    ):
        with pytest.raises(InvalidTypeError, match=said):
            GANOversampler(generator=ImageGAN(), random_state=0).fit_resample(given, y)


def test_scores_and_features(fitted):
    X, y = images()
    scores = fitted.score_samples(X)
    assert scores.shape == (60,) and np.array_equal(scores[:7], fitted.score_samples(X[:7]))
    assert fitted.features(X, y).shape == (60, 4)
    assert not np.array_equal(fitted.score_samples(X, y), scores)
    with pytest.raises(InvalidDataError, match="8, 8"):
        fitted.score_samples(X[:, :, :7])
    assert fitted.score_samples(X[:0]).shape == (0,) and fitted.features(X[:0], y[:0]).shape == (0, 4)


# ---------------------------------------------------------------- the same result


def weights(own):
    return np.concatenate([v.ravel() for _, v in sorted(own.weights_.items())])


def test_the_same_on_any_number_of_cores(monkeypatch):
    """A batch is worked on in parts, and what the parts give does not depend on who worked on them."""
    X, y = images()
    fits = {}
    for cores in (1, 2, 3):
        monkeypatch.setattr("ganaug.estimators.gan.machine_threads", lambda cores=cores: cores)
        own = gan(batch_size=128, max_steps=4, channels=4, max_channels=8).fit(X, y)
        fits[cores] = weights(own), own.sample(20, random_state=1)[0], own.score_samples(X)
    for cores in (2, 3):
        for one, other in zip(fits[1], fits[cores], strict=True):
            assert np.array_equal(one, other)


def test_parts_add_up_to_the_batch():
    """The gradient of a batch in parts is that of the whole: same data, same noise."""
    from ganaug.networks import IMAGE_ARCHITECTURES
    from ganaug.objectives import OBJECTIVES
    from ganaug.training.loop import reduce_gradients, split_batch
    from ganaug.training.train_state import TrainConfig, TrainState

    rng = torch.Generator().manual_seed(0)
    pair = IMAGE_ARCHITECTURES["residual"]((1, 8, 8), 2, rng, channels=2, max_channels=4, latent_dim=4)
    plan = TrainConfig(9, 6, 1e-3, 1e-3, (0.0, 0.99), 0.5, 5.0, 1, 1.0, 9, 9, parts=3)
    train_state = TrainState.start(pair, plan)
    real, labels = torch.randn(7, 1, 8, 8, generator=rng), torch.arange(7) % 2
    parts = split_batch(real, labels, 3, rng)
    assert [len(part.real) for part in parts] == [3, 2, 2] and sum(part.share for part in parts) == pytest.approx(1)
    critic = train_state.discriminator.network

    def slope(x, y):
        loss = OBJECTIVES["hinge"].discriminator(critic(x, y), critic(-x, y))
        return {"loss": loss.detach()}, train_state.discriminator.gradient_of(loss.mean())

    record, gradient = reduce_gradients([slope(part.real, part.labels) for part in parts], parts)
    whole, expected = slope(real, labels)
    torch.testing.assert_close(gradient, expected)
    torch.testing.assert_close(record["loss"], whole["loss"])


def test_the_process_is_left_as_it_was(global_state):
    X, y = images()
    own = gan(curate=True, random_state=None).fit(X, y)
    own.sample(5), own.score_samples(X)
    global_state.assert_unchanged()


def test_warm_start_goes_on():
    X, y = images()
    own = gan().fit(X, y)
    own.set_params(warm_start=True).fit(X, y)
    assert own.n_steps_ == 6 and own.history_["step"].tolist() == [1, 2, 3, 4, 5, 6]
    with pytest.raises(InvalidParameterError, match="channels changed"):
        own.set_params(channels=3).fit(X, y)


# ---------------------------------------------------------------- saved


def by_file(estimator, tmp_path):
    estimator.save(tmp_path / "gan")
    return ganaug.load(tmp_path / "gan")


def by_joblib(estimator, tmp_path):
    buffer = io.BytesIO()
    joblib.dump(estimator, buffer)
    buffer.seek(0)
    return joblib.load(buffer)


def by_skops(estimator, tmp_path):
    skops = pytest.importorskip("skops.io")
    data = skops.dumps(estimator)
    trusted = skops.get_untrusted_types(data=data)
    assert all(name.startswith("ganaug.") for name in trusted), trusted
    return skops.loads(data, trusted=trusted)


@pytest.mark.parametrize(
    "way",
    [by_file, by_joblib, by_skops, lambda e, _: pickle.loads(pickle.dumps(e)), lambda e, _: copy.deepcopy(e)],
    ids=["file", "joblib", "skops", "pickle", "deepcopy"],
)
def test_what_comes_back_does_as_the_original_did(fitted, tmp_path, way):
    original = copy.deepcopy(fitted)
    original.sample(2)
    again = way(original, tmp_path)
    assert type(again) is ImageGAN
    for one, other in zip(original.sample(9, random_state=5), again.sample(9, random_state=5), strict=True):
        assert np.array_equal(one, other)
    assert np.array_equal(original.sample(3)[0], again.sample(3)[0])  # the stream goes on
    X, _ = images()
    assert np.array_equal(original.score_samples(X), again.score_samples(X))
    assert again.curation_ == original.curation_ and again.history_.equals(original.history_)


@pytest.mark.parametrize("curate", [False, "copies"])
def test_few_rules_come_back(tmp_path, curate):
    own = gan(curate=curate).fit(*images())
    assert np.array_equal(by_file(own, tmp_path).sample(5, random_state=0)[0], own.sample(5, random_state=0)[0])
    assert np.array_equal(copy.deepcopy(own).sample(5)[0], own.sample(5)[0])


def test_a_clone_is_not_fitted(fitted):
    assert clone(fitted).get_params() == fitted.get_params() and not hasattr(clone(fitted), "weights_")


def test_a_file_holds_no_training_image(fitted, tmp_path):
    fitted.save(tmp_path / "gan")
    X, _ = images()
    data = (tmp_path / "gan").read_bytes()
    floats = fitted.codec_.to_network(torch.from_numpy(fitted.codec_.encode(X))).numpy()
    assert not any(x.tobytes() in data or f.tobytes() in data for x, f in zip(X, floats, strict=True))
    arrays = {k.removeprefix("curator/"): v for k, v in read_state(tmp_path / "gan").arrays.items()}
    assert "judge.first.weight" in arrays and len(arrays["sketches"]) == 0


@cases("name", ["curator/sketches", "curator/bar", "curator/judge.last.weight", "codec/low"])
def test_a_file_whose_parts_do_not_fit_is_refused(fitted, tmp_path, name):
    from ganaug.exceptions import ModelFileError
    from ganaug.utils.state import write_state

    fitted.save(tmp_path / "gan", keep_copies_check=True)
    state = read_state(tmp_path / "gan")
    state.arrays[name] = state.arrays[name][:-1]
    write_state(tmp_path / "bent", state.kind, state.config, state.arrays)
    with pytest.raises(ModelFileError, match="damaged or was altered"):
        ganaug.load(tmp_path / "bent")


# ---------------------------------------------------------------- parameters, planning


@cases(
    ("parameters", "words"),
    [
        ({"architecture": "mlp"}, "'residual'"),
        ({"channels": 0}, "channels=0"),
        ({"augment": ["rotation"]}, "rotation"),
        ({"augment": "flip"}, "list"),
        ({"scope": "each"}, "'per-class'"),
        ({"checkpoint_every": 0}, "checkpoint_every=0"),
        ({"max_steps": 0}, "max_steps=0"),
        ({"curate": ["blurred"]}, "blurred"),
        ({"layout": "HWCN"}, "layout"),
    ],
)
def test_bad_parameters(parameters, words):
    with pytest.raises(InvalidParameterError, match=words):
        gan(**parameters).fit(*images())


def test_bad_data():
    X, y = images()
    with pytest.raises(InvalidDataError, match="1 sample"):
        gan().fit(X[:1])
    with pytest.raises(InvalidDataError, match="60 rows and y has 59"):
        gan().fit(X, y[:-1])
    with pytest.raises(InvalidDataError, match="NaN"):
        gan().fit(np.where(np.arange(60)[:, None, None] == 4, np.nan, X.astype(float)), y)


def test_time_plans_the_width_and_the_steps(capsys):
    assert preset_channels((3, 16, 16)) == 32 and preset_channels((3, 256, 256)) == 8
    assert fit_into_time(300, 0.1, 16, fixed=False).channels == 16
    narrow, fixed = fit_into_time(60, 1.0, 16, fixed=False), fit_into_time(60, 1.0, 16, fixed=True)
    assert narrow.channels == 4 and narrow.steps == 216 and fixed.channels == 16 and fixed.steps == 54
    own = gan(max_time=0.3, max_steps=None, channels=None, verbose=True).fit(*images())
    assert own.stop_reason_ == "max_time" and own.design_["channels"] in (4, 8, 16, 32)
    said = capsys.readouterr().err
    assert "ImageGAN: 1 x 8 x 8, 2 classes" in said and "steps of 8 samples in " in said


def test_networks_that_judge_are_part_of_max_time(monkeypatch):
    import ganaug.estimators.convolutional as own
    import ganaug.estimators.gan as base

    limits, plans = [], []
    paced, run = own.paced, base.run_training

    def slow(steps, seconds, *rest):
        limits.append(seconds)
        time.sleep(0.1)
        return paced(steps, seconds, *rest)

    monkeypatch.setattr(own, "paced", slow)
    monkeypatch.setattr(base, "run_training", lambda *a, **k: plans.append(a[3]) or run(*a, **k))
    gan(max_time=0.5).fit(*images())
    assert limits == [0.05, 0.025, 0.025]  # of the filter, and of the two halves of the judge
    assert 0.05 <= plans[0].max_time <= 0.2


def test_augmentation_is_for_trainings_that_see_images_often(monkeypatch):
    import ganaug.estimators.gan as base

    plans = []
    run = base.run_training
    monkeypatch.setattr(base, "run_training", lambda *a, **k: plans.append(a[3]) or run(*a, **k))
    X, y = images()
    for steps, augment in ((2, "auto"), (2, ["cutout"]), (2, None)):
        gan(max_steps=steps, augment=augment).fit(X, y)
    batch, rng = torch.ones(32, 1, 8, 8), torch.Generator().manual_seed(0)
    assert [bool((plan.pipe(batch, 0.5, rng) != batch).any()) for plan in plans] == [False, True, False]
    own = gan(augment="auto")._modality
    assert (own._pipe(101)(batch, 0.5, rng) != batch).any() and own._pipe(99)(batch, 0.5, rng) is batch


# ---------------------------------------------------------------- curation


def test_rules_refuse_copies_and_other_classes():
    from ganaug.filtering import AuxiliaryClassifier, SampleFilter

    X, y = images()
    codes = (y == "few").astype(np.int64)
    codec = gan()._modality.codec().fit(X)
    x = codec.encode(X)
    classifier = AuxiliaryClassifier.fit(
        x, codes, 2, codec.shape, decode=codec.to_network, steps=40, at_once=16, seed=0
    )
    _, shares = classifier.features_and_shares(x, codec.to_network)
    assert (shares.argmax(1) == codes).mean() > 0.95
    rules = SampleFilter(("copies", "other_class"), 0.3, classifier, codec, seed=0)
    rules.fit(x, codes, [0, 1], [np.arange(40), np.arange(40, 60)])
    assert (rules.verdict(x[:5], 0) == 1).all()  # copies
    noisy = np.clip(x[:5].astype(int) + 2, 0, 255).astype(np.uint8)
    assert (rules.verdict(noisy, 0) == 1).all()
    others = codec.encode(images(seed=1)[0])
    assert (rules.verdict(others[:40], 0) == 0).mean() > 0.8 and (rules.verdict(others[40:], 0) == 4).mean() > 0.9


# ---------------------------------------------------------------- over-sampling


@pytest.mark.parametrize("kind", ["array", "tensor"])
def test_over_sampling(kind):
    X, y = images((8, 8, 3))
    given = torch.from_numpy(X) if kind == "tensor" else X
    sampler = GANOversampler(generator=gan(), random_state=0)
    X_res, y_res = sampler.fit_resample(given, y)
    assert type(X_res) is type(given) and X_res.shape == (80, 8, 8, 3) and X_res.dtype == given.dtype
    assert np.array_equal(np.asarray(X_res[:60]), X) and (y_res[60:] == "few").all()
    assert sampler.is_synthetic_.sum() == 20 and sampler.n_features_in_ == 192
    assert sampler.sample(3, label="few")[0].shape == (3, 8, 8, 3)


def test_one_gan_for_all_classes_unless_asked_otherwise():
    X, y = images()
    y = np.where(np.arange(60) % 3 == 0, "odd", y)
    shared = GANOversampler(generator=gan(), random_state=0).fit(X, y)
    assert len({id(g) for g in shared.generators_.values()}) == 1 and len(shared.generators_) == 2
    each = GANOversampler(generator=gan(scope="per-class"), random_state=0).fit(X, y)
    assert len({id(g) for g in each.generators_.values()}) == 2
    assert all(g.conditions_.focus is not None for g in each.generators_.values())


def test_the_generator_goes_by_the_data(monkeypatch):
    import ganaug.oversampling as module

    made = []
    monkeypatch.setitem(module.MODALITIES, "image", lambda **kw: made.append("image") or gan(**kw))
    X, y = images()
    for given in (X, np.repeat(X[..., None], 3, -1)):
        GANOversampler(random_state=0, verbose=False).fit(given, y)
    assert made == ["image"] * 2
    with pytest.raises(InvalidDataError, match="6 dimensions.*generator="):
        GANOversampler().fit(np.zeros((60, 1, 1, 8, 8, 8)), y)


def test_a_class_of_three_images_gets_moved_copies():
    X, y = images()
    keep = np.r_[:40, 40:43]
    with pytest.warns(FewSamplesWarning, match="class 'few' has 3 images"):
        X_res, _ = GANOversampler(generator=gan(), random_state=0).fit_resample(X[keep], y[keep])
    new = X_res[43:]
    assert new.shape == (37, 8, 8) and new.dtype == np.uint8 and len(np.unique(new, axis=0)) > 10
    apart = np.abs(new[:, None].astype(float) - X[None, 40:43]).mean((2, 3)).min(1)
    assert 0 < apart.mean() < 60


def test_n_jobs_does_not_matter():
    X, y = images()
    y = np.where(np.arange(60) % 3 == 0, "odd", y)
    one, two = (
        GANOversampler(generator=gan(scope="per-class"), random_state=0, n_jobs=n).fit_resample(X, y)[0]
        for n in (None, 2)
    )
    assert np.array_equal(one, two)


def test_a_class_of_one_image():
    X, y = images()
    X, y = X[:41], y[:41]
    new, labels = gan(curate=True).fit(X, y).sample(3, label="few")
    assert new.shape == (3, 8, 8) and labels.tolist() == ["few"] * 3
    with pytest.warns(FewSamplesWarning, match="class 'few' has 1 image"):
        X_res, _ = GANOversampler(generator=gan(), random_state=0).fit_resample(X, y)
    assert np.array_equal(X_res[:41], X) and len(X_res) == 80
    items = TensorDataset(torch.from_numpy(X)[:, None], torch.from_numpy((y == "few").astype(int)))
    assert len(balance(items, gan())) == 80


# ---------------------------------------------------------------- learning


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["residual", "dcgan", "style"])
def test_it_learns_fashion(shared_data, architecture):
    """Ten classes at 14 x 14 pixels, the rarest of 20 images: a classifier of real images knows the samples."""
    from sklearn.linear_model import LogisticRegression

    X, y, X_test, y_test = shared_data.load_images("fashion_mnist")
    sizes = [2000, 1000, 500, 375, 250, 175, 100, 50, 30, 20]
    keep = np.concatenate([np.flatnonzero(y == c)[:n] for c, n in enumerate(sizes)])

    def small(images):
        return (images.reshape(len(images), 14, 2, 14, 2).mean((2, 4)) + 0.5).astype(np.uint8)

    own = ImageGAN(
        architecture=architecture, max_steps=400, channels=16, max_channels=64, random_state=0, verbose=False
    )
    own.fit(small(X[keep]), y[keep])
    assert own.stop_reason_ == "max_steps" and own.quality_ > 0.95
    new, labels = own.sample(dict.fromkeys(range(10), 100), random_state=0)
    judge = LogisticRegression(max_iter=300).fit(small(X_test).reshape(-1, 196) / 255, y_test)
    said = judge.predict(new.reshape(-1, 196) / 255) == labels
    assert said.mean() > 0.7 and min(said[labels == c].mean() for c in range(10)) > 0.25
    # a classifier that has seen synthetic images only knows real ones
    student = LogisticRegression(max_iter=300).fit(new.reshape(-1, 196) / 255, labels)
    assert student.score(small(X_test[:2000]).reshape(-1, 196) / 255, y_test[:2000]) > 0.5


@pytest.mark.parametrize(
    ("side", "steps", "measured"),
    [(200, 3, 32), (200, 20, 160), (200, 2000, MOST_MEASURED // 2), (32, 3, MOST_MEASURED // 2)],
)
def test_few_steps_on_large_images_are_not_judged_for_minutes(side, steps, measured, whole_judges):
    """No more samples are drawn to judge a snapshot than the training has seen; of small images it takes no time."""
    settings, codec = SimpleNamespace(batch_size=8), SimpleNamespace(shape=(3, side, side))
    assert _measured(SimpleNamespace(sampled=[0, 1], codec=codec, steps=steps, settings=settings)) == measured

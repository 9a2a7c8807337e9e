"""Two processes of a torchrun train as one does."""

from __future__ import annotations

import os
import pickle
import re
import signal
import socket
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import image_gan, process, series_gan, tabular_gan, two_classes
from helpers import random_images as images

import ganaug
from ganaug import GANOversampler, Order, Rules
from ganaug.estimators.saving import in_words
from ganaug.exceptions import MissingDependencyError
from ganaug.runtime import compute
from ganaug.runtime.compute import Ranks

PROGRAM = """
import os, sys
import numpy as np
sys.path.insert(0, "tests")
import test_ranks as t
own = t.gan(verbose=True, checkpoint=sys.argv[2], checkpoint_every=16).fit(*t.images())
limited = t.gan(max_steps=None, max_time=1.0).fit(*t.images())
np.savez(sys.argv[1] + os.environ["RANK"], history=own.history_["real_logit"], limited=limited.n_steps_,
         seed=t.gan(random_state=None, max_steps=1).fit(*t.images())._seed, **own.weights_)
"""


gan = partial(image_gan, batch_size=64, device="cpu")

# Series and tables; and what is refused.
OTHERS = """
import os, sys
import numpy as np
sys.path.insert(0, "tests")
import test_ranks as t
from ganaug import GANOversampler
from ganaug.exceptions import GanaugError
from ganaug.runtime import compute
rank = int(os.environ["RANK"])

def refused(X, y, kind=t.gan, **parameters):
    try:
        kind(**{"max_steps": 2, **parameters}).fit(X, y)
    except GanaugError as error:
        return f"{type(error).__name__}: {error}"

X, y = t.images()
of_series = t.series().fit(*t.signals())
of_table = t.table().fit_resample(*t.rows())[0]
reordered = refused(X[::-1] if rank else X, y[::-1] if rank else y)
relabelled = refused(X, 1 - y if rank else y)
others = [
    refused(X, y, objective=["wasserstein", "hinge"][rank], batch_size=64 - rank),
    refused(X, y, random_state=rank),
    refused(X, y, curate=("copies", "outliers")[: 2 - rank]),
    refused(X if rank else t.signals()[0], y, t.gan if rank else t.series),
    refused(X, y, verbose=bool(rank), callbacks=[print] if rank else None, penalty=[1, np.float64(1)][rank]),
]
compute.__version__ = f"1.{rank}"
said = {"refused": [reordered, relabelled, refused(X, y)], "others": np.array(others, str)}
np.savez(sys.argv[1] + str(rank), table=of_table, **said, **of_series.weights_)
"""

# The second process ends as if the machine had lost its power, the first time.
KILLED = """
import os, signal, sys
import numpy as np
sys.path.insert(0, "tests")
import test_ranks as t

def cut(event):
    if sys.argv[3] == "cut" and os.environ["RANK"] == "1" and event.step > 24:
        os.kill(os.getpid(), signal.SIGKILL)

kind, data = {"images": (t.gan, t.images), "series": (t.series, t.signals)}[sys.argv[4]]
own = kind(max_steps=40, checkpoint=sys.argv[2], checkpoint_every=16, callbacks=[cut]).fit(*data())
np.savez(sys.argv[1] + os.environ["RANK"], steps=own.n_steps_, **own.weights_)
"""


# convolutions: perceptrons on components are not split, so their sums of two halves are rounded otherwise
series = partial(series_gan, architecture="residual", batch_size=64, device="cpu")


def signals():
    """60 series of two channels, in two classes."""
    return np.random.default_rng(0).normal(size=(60, 2, 16)).astype(np.float32), np.repeat([0, 1], [40, 20])


def rows():
    """A table of three classes, so that two are trained side by side where that is possible."""
    X, y = two_classes(300, d=3)
    return X, np.where(y, y, 2 * (X[:, 0] > 1))


def table():
    """Two classes at a time."""
    return GANOversampler(generator=tabular_gan(max_steps=4), random_state=0, n_jobs=2)


def results(tmp_path):
    return [dict(np.load(tmp_path / f"rank{rank}.npz")) for rank in range(2)]


def test_series_and_tables_and_what_is_refused(tmp_path, whole_judges):
    codes, said = launched(OTHERS, tmp_path / "rank")
    assert codes == [0, 0], said
    first, second = results(tmp_path)
    assert first.keys() == second.keys() and all(np.array_equal(first[k], second[k]) for k in first)
    for name, weights in series().fit(*signals()).weights_.items():
        np.testing.assert_allclose(first[name], weights, rtol=1e-3, atol=1e-5)
    assert np.array_equal(first["table"], table().fit_resample(*rows())[0])
    for data in first["refused"][:2]:
        assert data.startswith("InvalidDataError: process(es) 1 of 2 have other samples")
    assert first["refused"][2].startswith("MissingDependencyError: ganaug is 1.0 in process 0, 1.1 in process 1")
    batch, seed, rules, kind, same = first["others"]
    assert batch.startswith(
        "InvalidParameterError: batch_size is 64 in process 0, 63 in process 1; "
        "objective is 'wasserstein' in process 0, 'hinge' in process 1; all processes train one model"
    )
    assert "random_state is 0 in process 0, 1 in process 1;" in seed and "estimator is 'SeriesGAN' in process 0" in kind
    assert "curate is ['copies', 'outliers'] in process 0, ['copies'] in process 1" in rules and same == "None"


@pytest.mark.parametrize("kind", ["images", "series"])
def test_a_killed_training_of_two_processes_goes_on(kind, tmp_path):
    arguments = tmp_path / "rank", tmp_path / "checkpoint"
    codes, _ = launched(KILLED, *arguments, "cut", kind)
    assert codes[1] == -signal.SIGKILL and codes[0] != 0 and (tmp_path / "checkpoint").exists()
    codes, said = launched(KILLED, *arguments, "on", kind)
    assert codes == [0, 0], said
    resumed = results(tmp_path)
    assert not (tmp_path / "checkpoint").exists()
    codes, said = launched(KILLED, *arguments, "whole", kind)
    assert codes == [0, 0], said
    for one, other in zip(resumed, results(tmp_path), strict=True):
        assert one["steps"] == 40 and all(np.array_equal(one[name], own) for name, own in other.items())


def test_texts_are_cut_where_tensors_end(monkeypatch):
    """Two processes that say the same, without a second process."""
    monkeypatch.setattr(torch.distributed, "all_gather", lambda said, own: [one.copy_(own) for one in said])
    two, cpu = Ranks(0, 2), torch.device("cpu")
    assert two.texts("Größe", cpu) == ["Größe", "Größe"] and two.texts("", cpu) == ["", ""]
    assert two.texts("ß" * 200, cpu) == ["ß" * 128] * 2 and two.agreed("max_time", cpu) == "max_time"
    assert two.agreed(None, cpu) is None


def test_nothing_is_pickled_to_agree():
    for name in ("all_gather_object", "broadcast_object_list", "gather_object", "scatter_object_list"):
        assert name not in Path(compute.__file__).read_text()


def test_under_torchrun_trainings_take_turns(monkeypatch):
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert not compute.side_by_side(3, 2)
    assert compute.run_tasks(lambda x: (x, os.getpid()), [(1,), (2,)], 2) == [(1, os.getpid()), (2, os.getpid())]


def test_a_worker_of_another_version_says_both(monkeypatch):
    function = compute._OfVersion(len)
    assert function("abc") == 3 and function.__name__ == "len"
    sent = pickle.dumps(function)
    monkeypatch.setattr(compute, "__version__", "9.9")
    with pytest.raises(MissingDependencyError, match=rf"a worker has ganaug 9\.9, .* {re.escape(ganaug.__version__)};"):
        pickle.loads(sent)("abc")


def as_rank(program, arguments, environment):
    os.environ.update(environment)
    sys.argv = ["-c", *arguments]
    exec(program, {"__name__": "__main__"})


def launched(program, *arguments, count=2):
    """What processes that were started as by torchrun, without its watching process, say and end with."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {"WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"TORCHELASTIC_RUN_ID": "test"}
    said = [arguments[0].with_name(f"said{rank}") for rank in range(count)]
    with ExitStack() as stack:
        processes = [
            stack.enter_context(
                process(path, as_rank, program, [*map(str, arguments)], {**shared, "RANK": own, "LOCAL_RANK": own})
            )
            for own, path in zip(map(str, range(count)), said, strict=True)
        ]
        for one in processes:
            one.join(400)
        return [one.exitcode for one in processes], [path.read_text() for path in said]


def test_two_gloo_processes_give_the_result_of_one(tmp_path):
    codes, said = launched(PROGRAM, tmp_path / "rank", tmp_path / "checkpoint")
    assert codes == [0, 0], said
    first, second = (dict(np.load(tmp_path / f"rank{rank}.npz")) for rank in range(2))
    assert first.keys() == second.keys() and all(np.array_equal(first[k], second[k]) for k in first)
    alone = gan().fit(*images())
    for name, weights in alone.weights_.items():
        np.testing.assert_allclose(first[name], weights, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(first["history"], alone.history_["real_logit"], rtol=1e-3, atol=1e-5)
    assert "step" in said[0] and "step/s" not in said[1]  # one bar for all
    assert not (tmp_path / "checkpoint").exists()


def test_alone_nothing_is_sent():
    alone, cpu = Ranks(), torch.device("cpu")
    assert alone.parts([1, 2]) == [1, 2] and alone.seed(3, cpu) == 3 and alone.first(0.5, cpu) == 0.5
    assert (
        alone.agreed(None, cpu) is None
        and alone.agreed("stop", cpu) == "stop"
        and alone.averaged({"a": 1.0}, cpu) == {"a": 1.0}
    )


@pytest.mark.parametrize(("count", "expected"), [(2, [[1, 3], [2]]), (3, [[1], [2], [3]])])
def test_parts_are_dealt_out(count, expected):
    assert [Ranks(own, count).parts([1, 2, 3]) for own in range(count)] == expected


def test_parameters_that_differ_have_other_words():
    """And equal ones the same, in whatever order a dict or set has them."""
    assert in_words({"a": 1, "b": {"x", "y"}}) == in_words({"b": {"y", "x"}, "a": 1})
    rules = [in_words(Rules([Order(*names)])) for names in (("low", "high"), ("high", "low"), ("low", "high"))]
    assert rules[0] != rules[1] and rules[0] == rules[2]
    assert in_words(torch.nn.Linear) == "torch.nn.modules.linear.Linear"

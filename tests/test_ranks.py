"""Two processes of a torchrun train as one does."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from functools import partial

import numpy as np
import pytest
import torch
from helpers import image_gan
from helpers import random_images as images

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


def test_two_gloo_processes_give_the_result_of_one(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    # what torchrun sets, without its watching process
    shared = {**os.environ, "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    shared |= {"TORCHELASTIC_RUN_ID": "test"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "rank"), str(tmp_path / "checkpoint")]
    processes = [
        subprocess.Popen(
            command, env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)}, stderr=subprocess.PIPE, text=True
        )
        for rank in range(2)
    ]
    said = [process.communicate(timeout=400)[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
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
    assert alone.agreed(None) is None and alone.averaged({"a": 1.0}, cpu) == {"a": 1.0}


@pytest.mark.parametrize(("count", "expected"), [(2, [[1, 3], [2]]), (3, [[1], [2], [3]])])
def test_parts_are_dealt_out(count, expected):
    assert [Ranks(own, count).parts([1, 2, 3]) for own in range(count)] == expected

"""One thread here, and everybody else's thread count as it was."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import pytest
import torch
from joblib import Parallel, delayed
from threadpoolctl import ThreadpoolController, threadpool_info

from ganaug.runtime.compute import _mkl_setter, one_thread

# (64, 3000) @ (3000, 64) and the sum are those that were seen to change with the number of threads
PROGRAM = """
import hashlib, torch
from ganaug.runtime.compute import one_thread

def digest():
    with one_thread():
        g = torch.Generator().manual_seed(0)
        a, b = torch.randn(64, 3000, generator=g), torch.randn(3000, 64, generator=g)
        x = torch.randn(1_000_000, generator=g)
        sizes = [(30, 256), (256, 256), (256, 1)]
        ws = [torch.randn(i, o, generator=g).mul(i**-0.5).requires_grad_() for i, o in sizes]
        z = torch.randn(512, 30, generator=g).requires_grad_()
        silu = torch.nn.functional.silu
        (slope,) = torch.autograd.grad((silu(silu(z @ ws[0]) @ ws[1]) @ ws[2]).sum(), z, create_graph=True)
        slope.square().sum(1).mean().backward()
        results = [a @ b, x.sum(), x.exp().sum(), x.view(-1, 10).sum(0), slope, *[w.grad for w in ws]]
    return hashlib.sha256(b"".join(r.detach().contiguous().numpy().tobytes() for r in results)).hexdigest()
"""


@pytest.fixture
def two_threads():
    """Two threads in the calling thread only, whatever the machine and the environment."""
    torch.get_num_threads()
    with ThreadpoolController().limit(limits=2, user_api="openmp"):
        yield


def in_thread(function):
    found = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join(60)
    assert found, "the thread died"
    return found[0]


def test_one_inside_and_as_before_after(two_threads):
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_nested(two_threads):
    with one_thread():
        with one_thread():
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def test_after_an_error(two_threads):
    with pytest.raises(ZeroDivisionError), one_thread():
        1 / 0  # noqa: B018
    assert torch.get_num_threads() == 2


def test_another_thread_keeps_its_own(two_threads):
    before = in_thread(torch.get_num_threads)
    with one_thread():
        assert in_thread(torch.get_num_threads) == before


def test_blas_of_numpy_is_left_alone():
    def blas():
        return [(lib["filepath"], lib["num_threads"]) for lib in threadpool_info() if lib["user_api"] == "blas"]

    before = blas()
    with one_thread():
        assert blas() == before
    assert blas() == before


def test_overlapping_blocks_of_two_threads(two_threads):
    """A enters, B enters, A leaves, B leaves: each sees its own number all along."""
    entered, left = threading.Event(), threading.Event()

    def other():
        torch.get_num_threads()  # which sets the thread's number at the first call, as in `two_threads`
        with ThreadpoolController().limit(limits=2, user_api="openmp"):
            with one_thread():
                entered.set()
                left.wait(30)
                inside = torch.get_num_threads()
            return inside, torch.get_num_threads()

    found = []
    thread = threading.Thread(target=lambda: found.append(other()))
    with one_thread():
        thread.start()
        assert entered.wait(30)
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2
    left.set()
    thread.join(30)
    assert found == [(1, 2)]
    assert torch.get_num_threads() == 2


@pytest.mark.skipif(_mkl_setter() is None, reason="this torch has no MKL, or hides it")
def test_mkl_obeys_and_gets_its_number_back():
    def mkl():
        number = _mkl_setter()(0)
        _mkl_setter()(number)
        return number

    before = _mkl_setter()(2)
    try:
        with one_thread():
            assert mkl() == 1
            assert in_thread(mkl) == 0
        assert mkl() == 2
    finally:
        _mkl_setter()(before)


def test_without_mkl(monkeypatch, two_threads):
    monkeypatch.setattr("ganaug.runtime.compute._mkl_setter", lambda: None)
    with one_thread():
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == 2


def digest():
    space = {}
    exec(PROGRAM, space)
    return space["digest"]()


def test_same_bits_whatever_the_threads(two_threads):
    here = digest()
    assert in_thread(digest) == here
    assert Parallel(n_jobs=2, backend="threading")(delayed(digest)() for _ in range(2)) == [here, here]
    # a thread that starts after torch.set_num_threads takes that number over, and so does its MKL
    program = PROGRAM + (
        "import threading\nfound = {digest()}\ntorch.set_num_threads(3)\nfound.add(digest())\n"
        "t = threading.Thread(target=lambda: found.add(digest()))\nt.start()\nt.join()\n"
        "assert torch.get_num_threads() == 3\nprint(*found)\n"
    )
    setting = {"OMP_NUM_THREADS": "4", "MKL_NUM_THREADS": "3"}  # with one thread each: this process, one of several
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **setting}, capture_output=True, text=True, timeout=120
    )
    assert done.stdout.split() == [here], done.stderr

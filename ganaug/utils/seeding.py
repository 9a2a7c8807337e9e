"""Randomness flows down as integers: from ``random_state`` to a fit, to a class, to a stream.

Nothing here reads or changes a global generator, and a child's seed depends on
its parent's seed and its own key only, never on the order in which children run.
"""

from __future__ import annotations

import secrets

import numpy as np

from ganaug.exceptions import InvalidParameterError

__all__ = ["child_seed", "numpy_generator", "root_seed"]

_SEED_BOUND = 2**63


def root_seed(random_state: int | np.random.RandomState | np.random.Generator | None) -> int:
    """Turn a scikit-learn ``random_state`` into one integer seed.

    Parameters
    ----------
    random_state : int, RandomState, Generator or None
        An integer is taken as it is. A generator is drawn from once, so two
        calls with the same generator differ. None takes fresh entropy from the
        operating system (and leaves numpy's global generator alone).

    Returns
    -------
    int
        A seed in ``[0, 2**63)``.

    Raises
    ------
    InvalidParameterError
        If it is none of these, or a negative integer.

    Examples
    --------
    >>> from ganaug.utils.seeding import root_seed
    >>> root_seed(7)
    7
    """
    if random_state is None:
        return secrets.randbelow(_SEED_BOUND)
    if isinstance(random_state, np.random.Generator):
        return int(random_state.integers(_SEED_BOUND))
    if isinstance(random_state, np.random.RandomState):
        return int(random_state.randint(2**31 - 1))
    if isinstance(random_state, (int, np.integer)) and not isinstance(random_state, bool):
        if 0 <= random_state < _SEED_BOUND:
            return int(random_state)
    raise InvalidParameterError(
        f"random_state={random_state!r} is not a seed; give a non-negative integer, "
        "a numpy RandomState or Generator, or None"
    )


def child_seed(seed: int, *keys: int | str) -> int:
    """Derive an independent seed for the child named by ``keys``.

    Parameters
    ----------
    seed : int
        The parent's seed.
    *keys : int or str
        The child's name, for example ``("class", 3)``; no empty text.

    Returns
    -------
    int
        A seed in ``[0, 2**63)``.

    Examples
    --------
    >>> from ganaug.utils.seeding import child_seed
    >>> child_seed(0, "class", 1) != child_seed(0, "class", 2)
    True
    """
    words = [seed & 0xFFFFFFFF, seed >> 32]
    for key in keys:
        data = key.encode() if isinstance(key, str) else int(key).to_bytes(8, "little", signed=True)
        words.append(len(data))
        words.extend(data)
    high, low = np.random.SeedSequence(words).generate_state(2, np.uint32)
    return (int(high) << 32 | int(low)) % _SEED_BOUND


def numpy_generator(seed: int, *keys: int | str) -> np.random.Generator:
    """A private numpy generator for the child named by ``keys``."""
    return np.random.default_rng(child_seed(seed, *keys))

"""Categorical columns that determine one another, as one group of states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ganaug.codecs.plain import Array
from ganaug.exceptions import ModelFileError
from ganaug.types import Block, FloatArray, IntArray

__all__ = ["Joints"]

_MAX_STATES = 64
# With fewer rows two columns may agree by chance.
_MIN_ROWS = 50


@dataclass(frozen=True)
class Joint:
    """Some one-hot groups and the combinations of their states that occur.

    Attributes
    ----------
    members : tuple of int
        Places among the table's one-hot groups.
    combinations : ndarray of shape (m, len(members)), int64
        States that stand together, in lexicographic order.
    """

    members: tuple[int, ...]
    combinations: IntArray

    def code(self, states: IntArray) -> IntArray:
        """The combination of each row, or for an unseen one that which it shares most states with. (n, k) -> (n,)."""
        best, most = np.zeros(len(states), np.int64), np.full(len(states), -1)
        for place, combination in enumerate(self.combinations):
            shared = (states == combination).sum(1)
            better = shared > most
            best[better], most[better] = place, shared[better]
        return best


@dataclass(frozen=True)
class Joints:
    """A shorter layout of the one-hot groups of an encoded table.

    ``measured = no`` and a missing value are one fact told twice. Two
    generator outputs would contradict each other now and then; one cannot.

    Attributes
    ----------
    groups : tuple of Block
        The table's one-hot groups.
    joints : tuple of Joint
        Every group is in exactly one of them; most are alone.
    """

    groups: tuple[Block, ...]
    joints: tuple[Joint, ...]

    @classmethod
    def fit(cls, z: FloatArray, blocks: Sequence[Block]) -> Joints:
        """Join groups of which one determines the other in all rows. z: (n, width)."""
        groups = tuple(b for b in blocks if b.tag == "onehot")
        states = _states(z, groups)
        joined: list[tuple[list[int], npt.NDArray[np.int64], int]] = []
        for place, group in enumerate(groups):
            own = states[:, place]
            n_own = len(np.unique(own))
            for at, (members, codes, n_codes) in enumerate(joined):
                both = codes * group.width + own
                distinct, both_codes = np.unique(both, return_inverse=True)
                functional = len(distinct) == max(n_own, n_codes) and min(n_own, n_codes) > 1
                if functional and len(distinct) <= _MAX_STATES and len(z) >= _MIN_ROWS:
                    joined[at] = ([*members, place], both_codes, len(distinct))
                    break
            else:
                joined.append(([place], own, n_own))
        return cls(groups, tuple(_joint(members, states, groups) for members, _, _ in joined))

    @property
    def widths(self) -> list[int]:
        """States of each joint."""
        return [len(joint.combinations) for joint in self.joints]

    @property
    def trivial(self) -> bool:
        """Whether no groups were joined."""
        return len(self.joints) == len(self.groups)

    def encode(self, z: FloatArray) -> FloatArray:
        """One-hot joints of an encoded table. (n, width of the table) -> (n, sum of widths)."""
        states = _states(z, self.groups)
        out = np.zeros((len(z), sum(self.widths)), np.float32)
        start = 0
        for joint, width in zip(self.joints, self.widths, strict=True):
            own = states[:, joint.members]
            codes = own[:, 0] if len(joint.members) == 1 else joint.code(own)
            out[np.arange(len(z)), start + codes] = 1
            start += width
        return out

    def decode(self, hot: Array) -> FloatArray:
        """One-hot groups of the table, from any finite numbers. (n, sum of widths) -> (n, sum of group widths)."""
        first = self.groups[0].start if self.groups else 0
        out = np.zeros((len(hot), sum(g.width for g in self.groups)), np.float32)
        start = 0
        rows = np.arange(len(hot))
        for joint, width in zip(self.joints, self.widths, strict=True):
            states = joint.combinations[hot[:, start : start + width].argmax(1)]
            for k, place in enumerate(joint.members):
                out[rows, self.groups[place].start - first + states[:, k]] = 1
            start += width
        return out

    def get_state(self) -> list[list[list[int]]]:
        """Members and combinations of the joints that join anything, for JSON."""
        return [[list(j.members), *j.combinations.tolist()] for j in self.joints if len(j.members) > 1]

    @classmethod
    def from_state(cls, stored: Sequence[Sequence[Sequence[int]]], blocks: Sequence[Block]) -> Joints:
        """The joints that `get_state` took apart.

        Raises
        ------
        ModelFileError
            If they name groups or states that the table does not have.
        """
        groups = tuple(b for b in blocks if b.tag == "onehot")
        taken: dict[int, Joint] = {}
        for members, *combinations in stored:
            table = np.asarray(combinations, np.int64)
            sound = (
                table.ndim == 2
                and table.shape[1] == len(members) == len(set(members))
                and all(0 <= m < len(groups) and m not in taken for m in members)
                and all(0 <= s < groups[m].width for row in combinations for m, s in zip(members, row, strict=True))
            )
            if not sound:
                raise ModelFileError("the stored joint groups do not fit the table")
            joint = Joint(tuple(members), table)
            taken |= dict.fromkeys(members, joint)
        order = [taken.get(place) or _alone(place, groups) for place in range(len(groups))]
        return cls(groups, tuple({joint.members: joint for joint in order}.values()))


def _states(z: Array, groups: Sequence[Block]) -> IntArray:
    states = [z[:, g.start : g.stop].argmax(1) for g in groups]
    return np.stack(states, axis=1) if states else np.zeros((len(z), 0), np.int64)


def _joint(members: list[int], states: IntArray, groups: Sequence[Block]) -> Joint:
    if len(members) == 1:
        return _alone(members[0], groups)
    return Joint(tuple(members), np.unique(states[:, members], axis=0))


def _alone(place: int, groups: Sequence[Block]) -> Joint:
    return Joint((place,), np.arange(groups[place].width)[:, None])

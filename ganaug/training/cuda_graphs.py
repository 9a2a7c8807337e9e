"""Steps recorded on a GPU and played from there.

A step of a small network is hundreds of small operations, each of which takes the processor longer to ask for than the
GPU to carry out. A CUDA graph asks for all of them at once.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from ganaug.augmentation import DiffAugment, Pipe, direct
from ganaug.objectives import Objective
from ganaug.training.gradients import Handover, Part, RecordAndGradient, discriminator_gradient, generator_gradient
from ganaug.training.train_state import TrainConfig, TrainState

__all__ = ["UNRECORDED", "CaptureMemory", "CapturedFunction", "ReplayedGradients", "can_be_captured"]

Result = TypeVar("Result")

# Calls before a function is recorded, in which libraries choose their ways and reserve memory.
UNRECORDED = 3


class CaptureMemory:
    """What the recordings of one training share: a stream, and memory, which no two of them use at a time.

    Parameters
    ----------
    device : torch.device
        A GPU.
    """

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.stream = torch.cuda.Stream(device)
        self.pool = torch.cuda.graph_pool_handle()


class CapturedFunction(Generic[Result]):
    """A function that is worked out `UNRECORDED` times, then recorded, and from then on replayed.

    It must do the same operations each time, on memory that stays where it is, and never wait for the GPU. Its random
    numbers are others each time, as if it had not been recorded.

    Parameters
    ----------
    function : callable
        Without parameters; it reads ``inputs``. Its result is overwritten by the next call.
    inputs : sequence of Tensor
        Where it finds what changes from call to call.
    rng : torch.Generator
        That it draws from; of the same GPU.
    deck : Deck
    after : Tape, optional
        Whose function leaves something for this one, which is recorded as soon as that one is.
    """

    def __init__(
        self,
        function: Callable[[], Result],
        inputs: Sequence[Tensor],
        rng: torch.Generator,
        deck: CaptureMemory,
        after: CapturedFunction[Any] | None = None,
    ) -> None:
        self.function, self.inputs, self.rng, self.deck, self.after = function, inputs, rng, deck, after
        self.calls = 0
        self._graph: torch.cuda.CUDAGraph | None = None
        self._result: Result

    def __call__(self, *values: Tensor) -> Result:
        """The result for inputs of these values."""
        for own, value in zip(self.inputs, values, strict=True):
            own.data.copy_(value)  # not as a change that autograd would hold against what was recorded
        self.calls += 1
        if self._graph is None:
            ripe = self.calls > UNRECORDED if self.after is None else self.after._graph is not None
            if not ripe:
                return self._worked_out()
            self._graph = self._record()
        self._graph.replay()
        return self._result

    def _worked_out(self) -> Result:
        """In the stream of the recordings: there autograd's nodes of the weights must come into being."""
        usual = torch.cuda.current_stream(self.deck.device)
        self.deck.stream.wait_stream(usual)
        with torch.cuda.stream(self.deck.stream):
            result = self.function()
        usual.wait_stream(self.deck.stream)
        return result

    def _record(self) -> torch.cuda.CUDAGraph:
        graph, deck = torch.cuda.CUDAGraph(), self.deck
        graph.register_generator_state(self.rng)
        with (
            _uncollected(),
            torch.cuda.device(deck.device),
            # other threads may use the GPU meanwhile
            torch.cuda.graph(graph, pool=deck.pool, stream=deck.stream, capture_error_mode="thread_local"),
        ):
            self._result = self.function()
        # a recording begins with writing into the generator's memory, which may not have happened yet
        torch.cuda.current_stream(deck.device).wait_stream(deck.stream)
        return graph


@contextmanager
def _uncollected() -> Iterator[None]:
    """No garbage is collected: memory of the GPU that was given back now would spoil a recording."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def can_be_captured(plan: TrainConfig, device: torch.device) -> bool:
    """Whether a step does the same each time: on one GPU, through changes whose strength is all that varies."""
    alone = plan.parts == plan.ranks.count == 1
    return device.type == "cuda" and alone and (plan.pipe is direct or isinstance(plan.pipe, DiffAugment))


@dataclass
class ReplayedGradients:
    """Gradients from recorded operations; a `GradientFunctions`.

    They are those that would be worked out again: recorded is what is done, in which precision and by which random
    numbers. Steps of the optimiser are not recorded, so the rates may change.

    Parameters
    ----------
    plan : Plan
        For which `can_be_captured`.
    device : torch.device
        A GPU.
    """

    plan: TrainConfig
    device: torch.device
    # of each kind of step, with a penalty and without: the discriminator's and the generator's
    _tapes: dict[bool, tuple[CapturedFunction[RecordAndGradient], CapturedFunction[RecordAndGradient]]] = field(
        default_factory=dict, init=False
    )
    # what the discriminator's step of each kind left: memory that the capture of the generator's step reads
    _left: dict[bool, list[Handover]] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        self._deck = CaptureMemory(self.device)
        self._strength = torch.zeros((), dtype=torch.float32, device=self.device)
        self._held = replace(self.plan, pipe=_held(self.plan.pipe, self._strength))

    def discriminator(
        self, train_state: TrainState, objective: Objective, part: Part, plan: TrainConfig, progress: float
    ) -> tuple[RecordAndGradient, Handover]:
        """See `discriminator_gradient`."""
        kind = train_state.step % plan.penalty_every == 0
        if kind not in self._tapes:
            self._left[kind] = []
            self._tapes[kind] = self._blank(train_state, objective, part, self._left[kind])
        if isinstance(plan.pipe, DiffAugment):
            self._strength.fill_(plan.pipe.strength(progress))
        record, gradient = self._tapes[kind][0](part.real, part.labels)
        return (dict(record), gradient), self._left[kind][-1]  # the loop adds to the record

    def generator(
        self,
        train_state: TrainState,
        objective: Objective,
        part: Part,
        handover: Handover,
        plan: TrainConfig,
        progress: float,
    ) -> RecordAndGradient:
        """See `generator_gradient`; it reads the memory in which the discriminator's step left ``handover``."""
        record, gradient = self._tapes[train_state.step % plan.penalty_every == 0][1]()
        # they may be looked at after a step in which the generator stays, and the discriminator works in this memory
        return {name: value.clone() for name, value in record.items()}, gradient.clone()

    def _blank(
        self, train_state: TrainState, objective: Objective, like: Part, left: list[Handover]
    ) -> tuple[CapturedFunction[RecordAndGradient], CapturedFunction[RecordAndGradient]]:
        own = Part(torch.empty_like(like.real), torch.empty_like(like.labels), like.share, like.rng)
        held, deck = self._held, self._deck  # and not oneself: a circle would hold the GPU's memory for long
        inputs = (own.real, own.labels)

        def discriminator() -> RecordAndGradient:
            result, handover = discriminator_gradient(train_state, objective, own, held, 0.0)
            left[:] = [handover]
            return result

        def generator() -> RecordAndGradient:
            return generator_gradient(train_state, objective, own, left[-1], held, 0.0)

        first = CapturedFunction(discriminator, inputs, own.rng, deck)
        return first, CapturedFunction(generator, (), own.rng, deck, after=first)


def _held(pipe: Pipe, strength: Tensor) -> Pipe:
    """The same changes, with a strength that lies in memory and not in the recording."""
    if not isinstance(pipe, DiffAugment):
        return pipe
    changes = pipe

    def held(x: Tensor, progress: float, rng: torch.Generator) -> Tensor:
        return changes.changed(x, strength, rng)

    return held

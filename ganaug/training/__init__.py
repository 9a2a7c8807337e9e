"""Training: its state, gradients, optimizer and loop; CUDA graphs."""

from ganaug.training.loop import Event

__all__ = ["Event"]

"""The command line ``ganaug``: the main job without a line of Python."""

from ganaug.cli.main import main

__all__ = ["main"]

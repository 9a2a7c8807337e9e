"""Samples drawn from fitted generators before they are used: who makes them, in which format, in which file."""

"""What the program says to the shell at its end."""

OK = 0
DIFFERS = 1
"""`verify` found that the sampled count is wrong, or `check` that a result is."""
BAD_INPUT = 2
INCOMPLETE = 3
"""Stopped by --max-regions, Ctrl-C, SIGTERM or for want of memory, with what was found so far."""
INTERRUPTED = 130

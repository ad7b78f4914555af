"""The constants of rounding in float64, apart from those of the engines: a proof shares no bound with them."""

from __future__ import annotations

# The unit roundoff, and the smallest number above 0.
UNIT = 2.0**-53
SMALLEST = 5e-324
# A bound that was computed in float64 is one after multiplication by this.
SAFE = 1 + 2.0**-24


def gamma(n: int) -> float:
    """Return Higham's ``n u / (1 - n u)``, rounded up."""
    return n * UNIT / (1 - n * UNIT) * SAFE

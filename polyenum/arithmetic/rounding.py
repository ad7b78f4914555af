"""The constants of rounding in float64, and Higham's gamma.

Higham, *Accuracy and Stability of Numerical Algorithms*, 2nd edition, 2002, chapters 2 and 3.
"""

from __future__ import annotations

from typing import Any

# The unit roundoff: a result is off by at most this share of itself, where it is no subnormal number.
UNIT = 2.0**-53
# The distance of 1 to the next number.
SPACING = 2.0**-52
# The smallest number above 0: a result that underflows is off by at most half of it.
SMALLEST = 2.0**-1074
# A bound that was computed in float64 from some thousand non-negative terms is one after multiplication by this.
INFLATE = 1 + 2.0**-20


def gamma(k: Any) -> Any:
    """Return ``k u / (1 - k u)``, rounded up, of a number or an array; ``u`` is the unit roundoff.

    A sum of `k` products in float64 is off by at most this share of the sum of their absolute values.

    Examples
    --------
    >>> gamma(4) > 4 * UNIT
    True
    """
    ku = k * UNIT
    return ku / (1 - ku) * INFLATE

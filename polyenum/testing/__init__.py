"""Strategies for hypothesis: random networks, domains, regions and points, to property-test one's own claims.

Needs the extra ``testing``.  docs/property_testing.md is a guide with two worked examples.

>>> from hypothesis import given, settings
>>> import polyenum as pe
>>> from polyenum import theory
>>> from polyenum.testing import networks
>>> @settings(max_examples=10, deadline=None)
... @given(networks(inputs=2))
... def claim(net):
...     assert pe.count_regions(net, pe.Box(-1, 1, dim=2)) <= theory.bounds(net)["serra_2018"]
>>> claim()
"""

from __future__ import annotations

from polyenum.errors import missing_extra

try:
    import hypothesis  # noqa: F401
except ImportError:
    raise missing_extra("hypothesis", "testing") from None

from polyenum.testing.domains import domains, points_inside, regions
from polyenum.testing.networks import WEIGHT_KINDS, networks
from polyenum.testing.readable import ACTIVATIONS, ReadableNetwork, network

__all__ = [
    "ACTIVATIONS",
    "WEIGHT_KINDS",
    "ReadableNetwork",
    "domains",
    "network",
    "networks",
    "points_inside",
    "regions",
]

"""Property-testing claims about ReLU networks: a theorem that holds and a conjecture that does not.

Run it with ``pytest examples/property_testing.py``: one test passes, the other prints its counterexample.
"""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import polyenum as pe
from polyenum.testing import domains, networks

# The first enumeration in a process loads compiled code, which takes longer than hypothesis' deadline.
unhurried = settings(deadline=None)


@unhurried
@given(networks(inputs=(1, 3), outputs=(1, 3)), st.data())
def test_theorem_across_a_facet_maps_differ_by_rank_one(net, data) -> None:
    """Across a facet ``a . x = b`` the map changes by ``c (a . x - b)``: a matrix of rank one."""
    cx = pe.enumerate_regions(net, data.draw(domains(net.input_dim)))
    rounding = 10 * cx.map_error[0].max() + 1e-14 * np.abs(cx.weights).max()  # and of the SVD
    for i, j in cx.adjacent_pairs:
        step = cx.weights[i] - cx.weights[j]
        assert np.linalg.svd(step, compute_uv=False)[1:].max(initial=0) <= rounding


@unhurried
@given(networks(inputs=2), domains(2, kinds="box"))
def test_conjecture_neighbors_have_different_maps(net, box) -> None:
    """Every crease is seen: false, since a later layer may not look at a unit."""
    cx = pe.enumerate_regions(net, box)
    assert len(cx) == cx.linear_region_count

"""The LP cells and the shapely cells against the vertex cells, and beyond where these go."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import polyenum as pe
from benchmarks.networks import random_network
from polyenum.arithmetic.linear_program import InfeasibleError, maximise
from polyenum.cells.halfspace.simplex import NO, UNDECIDED, YES, becomes_positive
from tests.helpers.strategies import (
    Layers,
    degenerate_networks,
    generic_networks,
    near_miss_networks,
    share,
)

SQUARE = pe.Box(-1, 1, dim=2)


def compare(layers: Layers, domain: pe.Domain, engine: str) -> pe.RegionComplex:
    """Compare an engine's regions and neighbours with those of the vertex cells."""
    expected = pe.enumerate_regions(layers, domain, engine="vertex")
    found = pe.enumerate_regions(layers, domain, engine=engine)
    assert found.engine == engine
    np.testing.assert_array_equal(found.packed_sides, expected.packed_sides)
    claimed = found.map_error + expected.map_error
    gaps = np.abs(found.weights - expected.weights).max(axis=(0, 2))
    gaps = np.stack([gaps, np.abs(found.biases - expected.biases).max(axis=0)])
    assert (gaps <= claimed * (1 + 1e-9) + (1e-9 if engine == "shapely" else 0)).all()
    np.testing.assert_array_equal(
        np.diff(found.facet_table.offsets), np.diff(expected.facet_table.offsets)
    )
    pairs = [sorted(map(tuple, cx.adjacent_pairs.tolist())) for cx in (found, expected)]
    assert pairs[0] == pairs[1]
    np.testing.assert_array_equal(found.linear_regions, expected.linear_regions)
    return found


# -- LP cells ------------------------------------------------------------------------------------------


@given(
    st.one_of(
        degenerate_networks(dims=(1, 4), depth=(1, 3), width=5),
        near_miss_networks(),
        generic_networks(dims=(1, 4), width=6),
    )
)
@share(0.5)
def test_lp_cells(layers: Layers) -> None:
    compare(layers, pe.Box(-1, 1, dim=np.shape(layers[0][0])[1]), "lp")


@given(generic_networks(dims=(5, 6), depth=(1, 2), width=5))
@share(0.4)
def test_lp_cells_in_five_and_six_dimensions(layers: Layers) -> None:
    compare(layers, pe.Box(-1, 1, dim=np.shape(layers[0][0])[1]), "lp")


@given(degenerate_networks(dims=(3, 3), depth=(1, 2), width=4), st.integers(0, 2**32 - 1))
@share(0.4)
def test_lp_cells_on_other_domains(layers: Layers, seed: int) -> None:
    corners = np.random.default_rng(seed).integers(-2, 3, (5, 3)).astype(float)
    if np.linalg.matrix_rank(corners[1:] - corners[0]) < 3:
        return
    if np.linalg.matrix_rank(corners[1:3] - corners[0]) == 2:
        compare(layers, pe.Slice.through(*corners[:3]), "lp")
    compare(layers, pe.Hull(corners), "lp")


def test_lp_cells_with_other_activations() -> None:
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.Hardtanh(), torch.nn.Linear(4, 4), torch.nn.LeakyReLU(),
        torch.nn.Linear(4, 2),
    )  # fmt: skip
    compare(net, pe.Box(-2, 2, dim=3), "lp")


@pytest.mark.parametrize("dim", [9, 10, 16])
def test_dimensions_beyond_vertices(dim: int) -> None:
    net = random_network([dim, 5, 5, 2], seed=1)
    box = pe.Box(-1, 1, dim=dim)
    cx = pe.enumerate_regions(net, box)
    assert cx.engine == "lp"
    assert cx.complete
    assert pe.count_regions(net, box) == len(cx)
    assert len(cx) >= 2**5
    inside = cx.interior_points
    np.testing.assert_array_equal(net.patterns(inside), cx.patterns)
    np.testing.assert_array_equal(cx.locate(inside), np.arange(len(cx)))
    np.testing.assert_allclose(cx(inside), net(inside), rtol=1e-9, atol=1e-9)
    points = np.random.default_rng(0).uniform(-1, 1, (2000, dim))
    assert (cx.locate(points) >= 0).all()
    # Every facet has a neighbour that says the same, and flips the one unit.
    for region in cx[:20]:
        for facet in region.facets:
            assert (facet.neighbor is None) == bool(facet.sides)
            if facet.neighbor is not None:
                assert region.index in cx[facet.neighbor].neighbors
                flipped = np.flatnonzero(cx[facet.neighbor].pattern != region.pattern)
                assert facet.units == tuple(flipped)
    with pytest.raises(pe.RegionError, match="hold no vertices"):
        _ = cx.vertices


def test_streams_and_limits_of_lp_cells() -> None:
    net, box = random_network([9, 6, 6, 1]), pe.Box(-1, 1, dim=9)
    whole = pe.enumerate_regions(net, box)
    part = pe.enumerate_regions(net, box, max_regions=10)
    np.testing.assert_array_equal(part.packed_sides, whole.packed_sides[:10])
    assert not part.complete
    chunks = list(pe.iter_regions(net, box, chunk_size=50))
    np.testing.assert_array_equal(
        np.concatenate([c.packed_sides for c in chunks]), whole.packed_sides
    )
    one = pe.enumerate_regions(net, box, threads=1)
    np.testing.assert_array_equal(one.interior_points, whole.interior_points)


# -- programs --------------------------------------------------------------------------------------------


@st.composite
def programs(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Rows of a cell around the origin, some through it, and a form."""
    dim = draw(st.integers(1, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(0, 10))
    if draw(st.booleans()):
        rows = random.integers(-3, 4, (count, dim + 1)).astype(float)
        form = random.integers(-3, 4, dim + 1).astype(float)
    else:
        rows, form = random.normal(size=(count, dim + 1)), random.normal(size=dim + 1)
    rows[:, dim] = np.abs(rows[:, dim]) + 1 / 8
    return rows, form


@given(programs(), st.sampled_from([0.0, 1e-12, 1e-3]))
def test_programs_are_answered_as_in_fractions(case: tuple, error: float) -> None:
    rows, form = case
    dim = len(form) - 1
    box = np.array([-np.ones(dim), np.ones(dim)])
    top, corner = maximise(
        [tuple(map(Fraction, row)) for row in rows.tolist()],
        [Fraction(-1)] * dim,
        [Fraction(1)] * dim,
        tuple(map(Fraction, form.tolist())),
    )
    for row in rows.tolist():
        assert sum(Fraction(a) * x for a, x in zip(row[:-1], corner, strict=True)) >= -Fraction(
            row[-1]
        )
    point = np.zeros(dim)
    answer = becomes_positive(
        rows, np.full((len(rows), 2), error), len(rows), box, form, error, error,
        np.zeros(dim), np.zeros((dim + 3, dim)), np.zeros(dim, np.int64), point,
    )  # fmt: skip
    if answer == YES:
        assert top > 0
        exact = [Fraction(x) for x in point.tolist()]
        reach = Fraction(error) * (1 + sum(map(abs, exact)))
        for row in [*rows.tolist(), form.tolist()]:
            value = Fraction(row[-1]) + sum(
                Fraction(a) * x for a, x in zip(row[:-1], exact, strict=True)
            )
            assert value > reach  # for every form within the error
    if answer == NO:
        assert top <= 0
        if error:
            # Also for the worst forms within the error: these are larger by at most this.
            assert top <= -Fraction(error)
    if answer == UNDECIDED:
        assert abs(top) < 1e-6 + 100 * dim * error


def test_programs_that_have_no_point() -> None:
    with pytest.raises(InfeasibleError):
        maximise([(1, 0, -2)], [Fraction(-1)] * 2, [Fraction(1)] * 2, (1, 1, 0))


# -- shapely cells -----------------------------------------------------------------------------------------

THICK = ("ternary", "bias-free", "quarters", "sides", "pencil")


@given(
    st.one_of(
        degenerate_networks(dims=(2, 2), depth=(1, 3), width=6, kinds=THICK),
        generic_networks(dims=(2, 2), width=8),
    )
)
def test_shapely_cells(layers: Layers) -> None:
    found = compare(layers, SQUARE, "shapely")
    expected = pe.enumerate_regions(layers, SQUARE)
    assert len(found.vertices) == len(expected.vertices)
    np.testing.assert_allclose(found.volumes, expected.volumes, atol=1e-9)
    assert found.volumes.sum() == pytest.approx(4)
    assert not found.certificate.certified


def test_shapely_cells_on_slices_and_in_blocks() -> None:
    random = np.random.default_rng(3)
    compare(
        random_network([5, 12, 12, 2]), pe.Slice.through(*random.normal(size=(3, 5))), "shapely"
    )
    compare(random_network([2, 48, 48, 48, 1]), SQUARE, "shapely")
    part = pe.enumerate_regions(
        random_network([2, 8, 8, 1]), SQUARE, engine="shapely", max_regions=9
    )
    assert (len(part), part.complete) == (9, False)


@pytest.mark.parametrize(
    ("options", "dim", "error", "message"),
    [
        ({"engine": "shapely"}, 3, pe.DomainError, "works in 2 dimensions"),
        ({"engine": "vertex"}, 9, pe.DomainError, "engine='lp' works in any"),
        ({"engine": "exact"}, 9, pe.DomainError, "engine='lp' works in any"),
        ({"engine": "lp", "certified": False}, 2, pe.OptionError, "always certified"),
    ],
)
def test_engines_that_do_not_fit(
    options: dict, dim: int, error: type[Exception], message: str
) -> None:
    net = random_network([dim, 3, 1])
    with pytest.raises(error, match=message):
        pe.enumerate_regions(net, pe.Box(-1, 1, dim=dim), **options)


def test_auto_says_what_it_chose() -> None:
    assert pe.enumerate_regions(random_network([2, 3, 1]), SQUARE).engine == "vertex"
    nine = pe.enumerate_regions(random_network([9, 3, 1]), pe.Box(-1, 1, dim=9))
    assert nine.engine == "lp"
    assert "lp cells" in repr(nine)

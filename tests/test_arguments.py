"""Every argument of every public callable, with wrong types and values: an error of the project names it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import polyenum as pe
from polyenum import plot, sampling, testing, theory

NET = [([[1.0, 0.25], [0.5, -1.0], [1.0, 1.0]], [0.1, 0.2, -0.3]), ([[1.0, -1.0, 0.5]], [0.1])]
LINE = [([[1.0], [1.0]], [0.0, -0.5]), ([[2.0, -4.0]], [0.0])]
BOX = pe.Box(-1, 1, dim=2)
CX = pe.enumerate_regions(NET, BOX)
CX1 = pe.enumerate_regions(LINE, pe.Box(0, 1, dim=1))
CX3 = pe.enumerate_regions([([[1.0, 0.5, 0.25]], [0.1]), ([[1.0]], [0.0])], pe.Box(-1, 1, dim=3))
REPORT = pe.verify_sampling(NET, BOX, resolution=5, exact=CX)
NEAR = pe.neighborhood(NET, [0.1, 0.2], radius=0.5)


class Raising:
    """An object all of whose methods raise what no one expects."""

    def _raise(self, *args: Any) -> Any:
        raise ZeroDivisionError("of somebody's own")

    __array__ = __len__ = __iter__ = __float__ = __int__ = __index__ = __getitem__ = _raise
    __eq__ = __ne__ = __lt__ = __bool__ = __fspath__ = __repr__ = _raise
    __hash__ = object.__hash__


class Thing:
    """Something that nobody expects, and that cannot even be printed."""

    def __repr__(self) -> str:
        raise RuntimeError("no repr")


BAD: dict[str, Any] = {
    "None": None,
    "string": "x",
    "empty string": "",
    "bytes": b"x",
    "-1": -1,
    "0": 0,
    "0.5": 0.5,
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "True": True,
    "huge": 10**5000,
    "large": 10**30,
    "complex": 1 + 2j,
    "empty": [],
    "nested": [[[1.0]]],
    "ragged": [[1.0], [1.0, 2.0]],
    "strings": ["a", "b"],
    "nans": [float("nan"), 0.0],
    "bools": [True, False],
    "complexes": [1j, 2j],
    "large list": [10**400, 1],
    "array": np.zeros((3, 4, 5)),
    "dict": {},
    "set": {1, 2},
    "object": Thing(),
    "masked": np.ma.masked_array([1.0, -1.0], [True, False]),
    "raising": Raising(),
    "type": int,
    "function": lambda x: x,
    "lines": Path("/nowhere/\0/x"),
}  # fmt: skip


class Call(NamedTuple):
    """A callable, with arguments that work, and which bad values are none for some arguments."""

    function: Callable[..., Any]
    good: dict[str, Any]
    fine: dict[str, set[str]] = {}
    # What a message calls an argument, where not by its name.
    names: dict[str, str] = {}


NUMBERS = {"-1", "0", "0.5", "True", "huge", "large"}
WHOLE = {"huge", "large"}
NETWORKS = "network|layer|net|no such file"
PLACES = {"x": "x|point"}
ENUMERATE: dict[str, Any] = {
    "net": NET, "domain": BOX, "max_regions": 5, "threads": 1, "progress": False, "engine": "vertex",
    "certified": True,
}  # fmt: skip
ENUMERATE_FINE = {"max_regions": WHOLE | {"None"}, "threads": {"None"}}
LOOK = {"title": "a", "backend": "matplotlib", "theme": "light"}
LOOK_FINE = {"title": {"string", "empty string"}}
DRAWN = {"cx": CX, "color": "neighbors", **LOOK}


def without(options: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: x for name, x in options.items() if name not in names}


AROUND: dict[str, Any] = {
    "net": NET,
    "x": [0.1, 0.2],
    "radius": 0.5,
    "max_regions": 3,
    "norm": 2,
    "domain": BOX,
    "progress": False,
}
AROUND_TAKES = {
    "radius": {"0.5", "inf", "large"},
    "max_regions": WHOLE | {"None"},
    "norm": {"inf"},
    "domain": {"None"},
}

CALLS: dict[str, Call] = {
    "load": Call(
        pe.load,
        {
            "net": NET,
            "input_shape": None,
            "inputs": None,
            "outputs": None,
            "ignore_output_activation": False,
            "check": True,
            "progress": False,
        },
        {"input_shape": {"None", "empty", "dict"}, "inputs": {"None"}, "outputs": {"None"}},
        {"net": NETWORKS},
    ),
    "Box": Call(
        pe.Box,
        {"lower": [-1.0, -1.0], "upper": [3.0, 3.0], "dim": 2},
        {"lower": {"0", "0.5", "-1"}, "upper": {"0", "0.5", "large"}, "dim": {"None"}},
    ),
    "HPolytope": Call(pe.HPolytope, {"A": [[1.0], [-1.0]], "b": [1.0, 1.0]}),
    "Hull": Call(pe.Hull, {"points": [[0.0], [1.0]]}),
    "Slice": Call(
        pe.Slice,
        {"origin": [0.0, 0.0], "basis": [[1.0], [1.0]], "lower": -2.0, "upper": 2.0},
        {"lower": {"0", "0.5", "-1"}, "upper": {"0", "0.5", "-1", "large"}},
    ),
    "Slice.through": Call(
        pe.Slice.through,
        {
            "first": [0.0, 0.0, 0.0],
            "second": [1.0, 0.0, 0.0],
            "third": [0.0, 1.0, 0.0],
            "lower": -2.0,
            "upper": 2.0,
        },
        {"lower": {"0", "0.5", "-1"}, "upper": {"0", "0.5", "-1", "large"}},
        dict.fromkeys(("first", "second", "third"), "first|second|third|three points"),
    ),
    "Segment": Call(
        pe.Segment,
        {"start": [0.0, 0.0], "end": [3.0, 4.0]},
        {},
        {"start": "start|ends", "end": "end"},
    ),
    "Domain.contains": Call(BOX.contains, {"t": [0.0, 0.0]}, {"t": {"nans"}}, {"t": "points"}),
    "Domain.embed": Call(BOX.embed, {"t": [0.0, 0.0]}, {"t": {"nans"}}, {"t": "points"}),
    "load_vnnlib": Call(
        pe.load_vnnlib, {"path": "p.vnnlib", "as_list": False}, {}, {"path": "path|no such file"}
    ),
    "OutputProperty": Call(
        pe.OutputProperty,
        {"polyhedra": [(np.eye(2), np.zeros(2))], "strict": [np.zeros(2, bool)]},
        {"polyhedra": set(), "strict": {"None"}},
    ),
    "OutputProperty.contains": Call(
        pe.OutputProperty([(np.eye(2), np.zeros(2))]).contains, {"y": [0.0, 1.0]}, {"y": {"nans"}}
    ),
    "enumerate_regions": Call(pe.enumerate_regions, ENUMERATE, ENUMERATE_FINE, {"net": NETWORKS}),
    "iter_regions": Call(
        lambda **options: list(pe.iter_regions(**options)),
        {**ENUMERATE, "chunk_size": 3},
        {**ENUMERATE_FINE, "chunk_size": WHOLE},
        {"net": NETWORKS},
    ),
    "count_regions": Call(pe.count_regions, ENUMERATE, ENUMERATE_FINE, {"net": NETWORKS}),
    "check": Call(
        pe.check,
        {"cx": CX, "net": NET, "domain": BOX, "progress": False},
        {"net": {"None"}, "domain": {"None"}},
        {"net": NETWORKS},
    ),
    "neighborhood": Call(
        pe.neighborhood,
        AROUND,
        AROUND_TAKES,
        {"net": NETWORKS},
    ),
    "boundary_distance": Call(
        pe.boundary_distance,
        {"net": NET, "x": [0.1, 0.2], "norm": 2},
        {"norm": {"inf"}},
        {"net": NETWORKS},
    ),
    "decision_distance": Call(
        pe.decision_distance,
        AROUND,
        AROUND_TAKES,
        {"net": NETWORKS},
    ),
    "verify_sampling": Call(
        pe.verify_sampling,
        {
            "net": NET,
            "domain": BOX,
            "method": "unique",
            "sampling": "grid",
            "resolution": 4,
            "dtype": "float32",
            "decimals": 5,
            "rtol": 0.1,
            "atol": 0.1,
            "seed": 0,
            "exact": CX,
            "threads": 1,
            "progress": False,
            "engine": "vertex",
        },
        {
            "decimals": {"0", "-1"},
            "rtol": {"0", "0.5", "large"},
            "atol": {"0", "0.5", "large"},
            "seed": {"0", "huge", "large"},
            "exact": {"None"},
            "threads": {"None"},
        },
        {"net": NETWORKS},
    ),
    "verify_sampling at random": Call(
        lambda resolution: pe.verify_sampling(
            NET, BOX, sampling="random", resolution=resolution, exact=CX
        ),
        {"resolution": 9},
    ),
    "sampling.grid": Call(sampling.grid, {"domain": BOX, "resolution": 3}),
    "sampling.random_points": Call(
        sampling.random_points,
        {"domain": BOX, "count": 3, "seed": 0},
        {"seed": {"0", "huge", "large"}},
    ),
    "SamplingReport.curve": Call(REPORT.curve, {"resolutions": [3, 4]}, {"resolutions": {"empty"}}),
    "SamplingReport.inradius": Call(REPORT.inradius, {"region": 0}, {"region": {"0"}}),
    "explore": Call(
        pe.explore,
        {"net": NET, "domain": BOX, "theme": "light"},
        {"domain": {"None"}},
        {"net": NETWORKS + "|domain"},
    ),
    "open_regions": Call(pe.open_regions, {"path": "r.npz"}, {}, {"path": "path|no such file"}),
    "RegionComplex.save": Call(CX.save, {"path": "r.npz"}, {}, {"path": "path|npz"}),
    "RegionComplex[]": Call(CX.__getitem__, {"index": 0}, {"index": {"-1", "0"}}),
    "RegionComplex.locate": Call(CX.locate, {"points": [0.0, 0.0]}, {"points": {"nans"}}),
    "RegionComplex()": Call(CX.__call__, {"points": [0.0, 0.0]}, {"points": {"nans"}}),
    "RegionComplex.level_set": Call(
        CX.level_set,
        {"level": 0.0, "output": 0},
        {"level": {"-1", "0", "0.5"}, "output": {"0", "-1"}},
    ),
    "RegionComplex.patterns_of": Call(CX.patterns_of, {"regions": [0]}, {"regions": {"empty"}}),
    "RegionComplex.input_maps": Call(CX.input_maps, {"regions": [0]}, {"regions": {"empty"}}),
    "Region.project": Call(CX[0].project, {"point": [0.0, 0.0], "norm": 2}, {"norm": {"inf"}}),
    "Region.distance": Call(CX[0].distance, {"other": CX[1], "norm": 2}, {"norm": {"inf"}}),
    "Neighborhood[]": Call(NEAR.__getitem__, {"index": 0}, {"index": {"-1", "0"}}),
    "Neighborhood.maps": Call(NEAR.maps, {"regions": [0]}, {"regions": {"empty"}}),
    "PiecewiseLinearNetwork": Call(
        pe.PiecewiseLinearNetwork,
        {"stages": pe.load(NET).stages},
        {},
        {"stages": "stage|no layers"},
    ),
    "PiecewiseLinearNetwork.from_arrays": Call(
        pe.PiecewiseLinearNetwork.from_arrays, {"layers": NET}, {}, {"layers": NETWORKS}
    ),
    "PiecewiseLinearNetwork()": Call(pe.load(NET), {"x": [0.0, 0.0]}, {"x": {"nans"}}, PLACES),
    "Stage": Call(
        pe.Stage,
        {
            "weight": [[1.0]],
            "bias": [0.0],
            "activation": pe.ActivationTable.relu(1),
            "name": "a",
            "folded": (),
        },
        # Shapes are looked at by the network, which knows what comes before.
        {
            "weight": {
                "-1",
                "0",
                "0.5",
                "nan",
                "inf",
                "-inf",
                "True",
                "empty",
                "nested",
                "nans",
                "bools",
                "array",
            },
            "bias": {
                "-1",
                "0",
                "0.5",
                "nan",
                "inf",
                "-inf",
                "True",
                "empty",
                "nested",
                "nans",
                "bools",
                "array",
            },
            "name": {"string", "empty string"},
            "folded": {"empty", "strings"},
        },
    ),
    "ActivationTable": Call(
        pe.ActivationTable,
        {
            "offsets": [0, 1],
            "breakpoints": [0.0],
            "slopes": [0.0, 1.0],
            "starts": [0.0],
            "groups": None,
            "own_intercepts": None,
        },
        {"slopes": {"bools"}, "groups": {"None"}, "own_intercepts": {"None"}},
    ),
    "ActivationTable.maxima": Call(
        pe.ActivationTable.maxima, {"sizes": [2, 1]}, {"sizes": {"empty"}}
    ),
    "ActivationTable.uniform": Call(
        pe.ActivationTable.uniform,
        {"n": 2, "breakpoints": [0.0], "slopes": [0.0, 1.0], "start": 0.0},
        {"n": {"0"}, "start": {"-1", "0", "0.5"}},
        {
            "slopes": "slopes|coordinate",
            "breakpoints": "breakpoints|coordinate",
            "start": "start|coordinate",
        },
    ),
    "ActivationTable.identity": Call(pe.ActivationTable.identity, {"n": 2}, {"n": {"0"}}),
    "ActivationTable.relu": Call(pe.ActivationTable.relu, {"n": 2}, {"n": {"0"}}),
    "ActivationTable.from_rows": Call(
        pe.ActivationTable.from_rows, {"rows": [([0.0], [0.0, 1.0], 0.0)]}, {"rows": {"empty"}}
    ),
    "ActivationTable.concatenate": Call(
        pe.ActivationTable.concatenate, {"tables": [pe.ActivationTable.relu(1)]}
    ),
    "theory.zaslavsky": Call(
        theory.zaslavsky, {"hyperplanes": 5, "dim": 2}, {"hyperplanes": {"0"}, "dim": {"0"}}
    ),
    "theory.montufar_2014": Call(theory.montufar_2014, {"inputs": 2, "hidden": [4, 4]}),
    "theory.montufar_2017": Call(theory.montufar_2017, {"inputs": 2, "hidden": [4, 4]}),
    "theory.serra_2018": Call(theory.serra_2018, {"inputs": 2, "hidden": [4, 4]}),
    "theory.arora_2018": Call(theory.arora_2018, {"hidden": [4, 4]}),
    "theory.hanin_rolnick_2019": Call(
        theory.hanin_rolnick_2019,
        {"inputs": 2, "hidden": [4, 4], "volume": 1.0, "constant": 1.0},
        {"volume": {"0", "0.5", "large"}, "constant": {"0", "0.5", "large"}},
    ),
    "theory.bounds": Call(
        theory.bounds, {"net": NET, "domain": BOX}, {"domain": {"None"}}, {"net": NETWORKS}
    ),
    "theory.tent_map": Call(theory.tent_map, {"depth": 3}),
    "theory.folding_network": Call(
        theory.folding_network,
        {"inputs": 2, "hidden": [4, 3], "seed": 0},
        {"seed": {"0", "huge", "large"}},
    ),
    "theory.generic_arrangement": Call(
        theory.generic_arrangement,
        {"hyperplanes": 3, "dim": 2, "seed": 0},
        {"seed": {"0", "huge", "large"}},
    ),
    "testing.networks": Call(
        testing.networks,
        {
            "inputs": 2,
            "depth": 1,
            "width": (1, 3),
            "outputs": 1,
            "weights": "normal",
            "activations": "relu",
            "dtypes": "float64",
        },
    ),
    "testing.network": Call(testing.network, {"layers": NET, "activation": "relu"}),
    "testing.domains": Call(testing.domains, {"inputs": 2, "kinds": "box"}),
    "testing.regions": Call(testing.regions, {"cx": CX}),
    "testing.points_inside": Call(testing.points_inside, {"of": BOX}),
    "plot.function_1d": Call(
        plot.function_1d,
        {"cx": CX1, "target": None, **LOOK},
        {**LOOK_FINE, "target": {"None", "function"}},
    ),
    "plot.partition": Call(plot.partition, DRAWN, LOOK_FINE),
    "plot.creases": Call(plot.creases, without(DRAWN, "color"), LOOK_FINE),
    "plot.level_sets": Call(
        plot.level_sets,
        {**DRAWN, "levels": 2, "output": 0},
        {**LOOK_FINE, "color": {"None"}, "levels": {"empty"}, "output": {"0", "-1"}},
    ),
    "plot.decision_boundary": Call(plot.decision_boundary, DRAWN, {**LOOK_FINE, "color": {"None"}}),
    "plot.surface": Call(
        plot.surface, {**DRAWN, "levels": 2}, {**LOOK_FINE, "levels": {"empty", "0"}}
    ),
    "plot.cells_3d": Call(
        plot.cells_3d,
        {**DRAWN, "cx": CX3, "shrink": 0.5},
        {**LOOK_FINE, "shrink": {"0.5"}, "color": {"nans"}},
    ),
    "plot.adjacency": Call(plot.adjacency, DRAWN, LOOK_FINE),
    "plot.histogram": Call(plot.histogram, {**without(DRAWN, "color"), "of": "volume"}, LOOK_FINE),
    "plot.animation": Call(
        plot.animation,
        {**without(DRAWN, "cx"), "complexes": [CX, CX], "names": ["a", "b"], "backend": "plotly"},
        {**LOOK_FINE, "names": {"None", "strings"}},
    ),
    "plot.sampling": Call(plot.sampling, {"report": REPORT, **LOOK}, LOOK_FINE),
    "plot.sampled_and_exact": Call(
        plot.sampled_and_exact, {"report": REPORT, **without(DRAWN, "cx")}, LOOK_FINE
    ),
    "plot.sampling_curve": Call(
        plot.sampling_curve, {"curve": REPORT.curve([3, 4]), **LOOK}, LOOK_FINE
    ),
}


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work in a folder of its own, and close pictures."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.vnnlib").write_text(
        "(declare-const X_0 Real)(declare-const Y_0 Real)(assert (<= 0 X_0 1))"
    )
    CX.save("r.npz")


def drawn(function: Callable[..., Any], options: dict[str, Any]) -> None:
    from matplotlib import pyplot

    try:
        function(**options)
    finally:
        pyplot.close("all")


@pytest.mark.parametrize("name", CALLS)
def test_good_arguments_work(name: str) -> None:
    call = CALLS[name]
    drawn(call.function, call.good)


@pytest.mark.parametrize(
    ("name", "argument"),
    [(name, argument) for name, call in CALLS.items() for argument in call.good],
)
def test_bad_arguments_are_named(name: str, argument: str) -> None:
    """Each ends in an error of the project, which names the argument; or, where it is fine, in nothing."""
    call = CALLS[name]
    fine = call.fine.get(argument, set()) | (
        {"True"} if isinstance(call.good[argument], bool) else set()
    )
    wrong = []
    for kind, value in BAD.items():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                drawn(call.function, {**call.good, argument: value})
            outcome = "taken"
        except pe.PolyenumError as error:
            outcome = "refused"
            words = call.names.get(argument, argument).split("|")
            if not any(word in str(error) for word in words):
                outcome = f"refused without its name: {error}"
            elif len(str(error)) > 1000:
                outcome = "refused at length"
        except IndexError as error:
            outcome = "refused" if "[]" in name else f"IndexError: {error}"
        except Exception as error:
            outcome = f"{type(error).__name__}: {str(error)[:100]}"
        if outcome != ("taken" if kind in fine else "refused"):
            wrong.append(f"{kind}: {outcome}")
    assert not wrong


def test_every_public_callable_is_in_the_table() -> None:
    """What has no row is an error, a result that others make, or a plain record."""
    made = {
        "Certificate", "CheckReport", "Domain", "NearestPoint", "Neighborhood", "NeighborhoodRegion",
        "RegionComplex", "RegionCount", "SamplingCurve", "SamplingReport", "ActivationTable",
    }  # fmt: skip
    public = {
        name for name in pe.__all__
        if not (inspect.isclass(getattr(pe, name)) and issubclass(getattr(pe, name), Exception))
    }  # fmt: skip
    assert public - made <= CALLS.keys()
    rooms = {"plot": plot, "theory": theory, "testing": testing, "sampling": sampling}
    for room, module in rooms.items():
        names = [
            f"{room}.{name}" for name in module.__all__ if inspect.isfunction(getattr(module, name))
        ]
        missing = set(names) - CALLS.keys() - {"sampling.verify_sampling"}
        assert not missing


def test_every_argument_is_in_the_table() -> None:
    for name, call in CALLS.items():
        if "<lambda>" in getattr(call.function, "__qualname__", ""):
            continue
        taken = inspect.signature(call.function).parameters
        assert set(taken) == set(call.good), name


def test_numbers_of_other_types_are_taken() -> None:
    cx = pe.enumerate_regions(NET, BOX, max_regions=np.int64(3), certified=np.True_)  # type: ignore[arg-type]
    assert len(cx) == 3
    near = pe.neighborhood(NET, [Fraction(1, 10), np.float32(0.2)], radius=Fraction(1, 2), norm=2.0)  # type: ignore[arg-type]
    assert len(near) == len(pe.neighborhood(NET, [0.1, np.float32(0.2)], radius=0.5))
    assert pe.Box([Fraction(1, 2)], np.array([1], np.uint8)).lower.tolist() == [0.5]


def test_dir_shows_all_that_is_public() -> None:
    assert set(pe.__all__) <= set(dir(pe))
    assert all(getattr(pe, name) is not None for name in pe.__all__)


MASKED = np.ma.masked_array([0.1, 0.2], [True, False])


@pytest.mark.parametrize(
    "call",
    [
        lambda x: pe.load([([x], [0.0]), ([[1.0]], [0.0])]),
        lambda x: pe.load([([[1.0, 1.0]] * 2, x), ([[1.0, 1.0]], [0.0])]),
        lambda x: pe.HPolytope([x, [-1.0, 0.0], [0.0, -1.0]], [1.0, 1.0, 1.0]),
        lambda x: pe.HPolytope([[1.0], [-1.0]], x),
        lambda x: pe.Segment(x, [1.0, 1.0]),
        lambda x: pe.Slice([0.0, 0.0], [[a] for a in (x, x)], lower=-1, upper=1),
        lambda x: pe.Slice(x, [[1.0], [0.0]], lower=-1, upper=1),
        lambda x: pe.Box(x, 1.0),
        lambda x: pe.Hull([x, [1.0, 1.0], [0.0, 1.0]]),
        lambda x: pe.OutputProperty([([x], [0.0])]),
        lambda x: pe.OutputProperty([([[1.0], [1.0]], [0.0, 0.0])], [x > 0]),
        lambda x: pe.neighborhood(NET, x, radius=0.1),
        lambda x: pe.load(NET)(x),
        lambda x: CX.locate([x]),
        lambda x: CX((x, x)),
        lambda x: CX.level_set(x[0]),
        lambda x: CX[np.ma.masked_array([0, 1], [True, False])],
        lambda x: BOX.contains(x),
    ],
)
def test_masked_numbers_are_refused(call: Callable[..., Any]) -> None:
    with pytest.raises(pe.PolyenumError, match=r"masked|\blevel\b|strict|index"):
        call(MASKED)


def test_masked_arrays_without_masked_numbers() -> None:
    x = np.ma.masked_array([0.1, 0.2], [False, False])
    np.testing.assert_array_equal(CX.locate(x), CX.locate([0.1, 0.2]))
    assert pe.Segment(x, [1.0, 1.0]).dim == 1

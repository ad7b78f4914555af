"""The cells beside each other, and what vertices cannot reach: ``python -m benchmarks.cells``."""

from __future__ import annotations

import importlib.util
import statistics
import time
from functools import partial
from typing import Any

import numpy as np

import polyenum as pe
from benchmarks.networks import mnist, random_network
from benchmarks.timing import alternate, ratio, report
from polyenum.cells.halfspace import walker as lp_walker
from polyenum.cells.halfspace.engine import HalfspaceEngine
from polyenum.cells.halfspace.simplex import YES, becomes_positive


def lp_cells() -> None:
    """Print what the LP cells do in 10 to 16 dimensions, on two threads."""
    for dim in (10, 12, 16):
        net, box = random_network([dim, 8, 8, 1]), pe.Box(-1, 1, dim=dim)
        (seconds,) = alternate(3, partial(pe.enumerate_regions, net, box, threads=2))
        engine = HalfspaceEngine(net, box)
        walker = engine.walker()
        walker.load(engine.root())
        walker.run(10**9, store=False)
        rate = walker.regions / statistics.median(seconds)
        report(
            f"{dim},8,8,1: lp cells, {walker.regions:,} regions",
            f"{rate:,.0f} regions/s",
            ">= 3,000" if dim == 10 else "none",
            met=dim != 10 or rate >= 3000,
        )
        print(
            f"     {walker.programs / walker.regions:.2f} programs a region; of {walker.tests:,} "
            f"tests of a unit on a cell {1 - walker.asked / walker.tests:.1%} need none"
        )


def programs_by_highs() -> None:
    """Print the time of one program in our simplex and in HiGHS, on the programs of one walk."""
    import highspy

    asked: list[tuple] = []
    ours = becomes_positive

    def recorded(*arguments: Any) -> int:
        asked.append(tuple(np.copy(a) if isinstance(a, np.ndarray) else a for a in arguments))
        return int(ours(*arguments))

    net, box = random_network([10, 8, 8, 1]), pe.Box(-1, 1, dim=10)
    engine = HalfspaceEngine(net, box)
    walker = engine.walker()
    walker.load(engine.root())
    setattr(lp_walker, "becomes_positive", recorded)  # noqa: B010
    walker.run(500, store=False)
    setattr(lp_walker, "becomes_positive", ours)  # noqa: B010
    asked = asked[:1000]

    model: Any = highspy.Highs()  # type: ignore[no-untyped-call]
    model.setOptionValue("output_flag", False)
    dim, infinite = 10, highspy.kHighsInf
    for _ in range(dim):
        model.addVar(-1.0, 1.0)
    model.changeObjectiveSense(highspy.ObjSense.kMaximize)
    axes = np.arange(dim, dtype=np.int32)
    rows_now: list[bytes] = []

    def by_highs() -> int:
        """One model, kept: rows that a cell shares with the one before stay, and so does the basis."""
        positive = 0
        for rows, _, count, _, form, *_ in asked:
            wanted = [row.tobytes() for row in rows[:count]]
            same = 0
            while same < min(len(rows_now), count) and rows_now[same] == wanted[same]:
                same += 1
            if same < len(rows_now):
                model.deleteRows(
                    len(rows_now) - same, np.arange(same, len(rows_now), dtype=np.int32)
                )
            for row in rows[same:count]:
                model.addRow(-row[-1], infinite, dim, axes, row[:-1])
            rows_now[:] = wanted
            model.changeColsCost(dim, axes, form[:-1])
            model.run()
            positive += model.getInfo().objective_function_value + form[-1] > 0
        return positive

    def by_ours() -> int:
        return sum(ours(*arguments) == YES for arguments in asked)

    assert by_highs() == by_ours()
    theirs, mine = alternate(3, by_highs, by_ours)
    each = [statistics.median(seconds) / len(asked) * 1e6 for seconds in (theirs, mine)]
    report(
        f"10,8,8,1: a program in HiGHS / in ours ({len(asked):,})",
        f"{each[0]:.0f} us / {each[1]:.1f} us = {ratio(theirs, mine):.0f}",
        "none",
        met=True,
    )


def against_relucent() -> None:
    """Print both rates on 4,10,10,1 in [-1, 1]^4, with facets and neighbours on both sides."""
    if importlib.util.find_spec("relucent") is None:
        print("     relucent is not installed: pip install relucent")
        return
    import relucent
    import torch

    net, box = random_network([4, 10, 10, 1]), pe.Box(-1, 1, dim=4)
    layers: list[torch.nn.Module] = []
    for stage in net.stages:
        linear = torch.nn.Linear(*stage.weight.shape[::-1], dtype=torch.float64)
        linear.weight.data, linear.bias.data = map(torch.tensor, (stage.weight, stage.bias))
        layers += [linear, torch.nn.ReLU()]
    model = torch.nn.Sequential(*layers[:-1])

    def theirs() -> int:
        found = relucent.Complex(model)
        found.bfs(
            cube_radius=1.0, cube_mode="clipped", nworkers=2, verify=False, verbose=0,
            geometry_properties=("halfspaces",),
        )  # fmt: skip
        return len(found)

    def ours() -> int:
        cx = pe.enumerate_regions(net, box, engine="lp", threads=2)
        return len(cx) + 0 * len(cx.adjacent_pairs)

    assert theirs() == ours()
    slow, fast = alternate(2, theirs, ours)
    report(
        f"4,10,10,1: relucent / lp cells ({ours():,} regions, both agree)",
        f"{statistics.median(slow):.1f} s / {statistics.median(fast):.3f} s = {ratio(slow, fast):.0f}",
        ">= 20",
        met=ratio(slow, fast) >= 20,
    )


def shapely_cells() -> None:
    """Print how the shapely cells compare with the vertex cells."""
    net, box = random_network([2, 64, 64, 64, 1]), pe.Box(-1, 1, dim=2)
    slow, fast = alternate(
        2,
        partial(pe.enumerate_regions, net, box, engine="shapely"),
        partial(pe.enumerate_regions, net, box),
    )
    count = len(pe.enumerate_regions(net, box, engine="shapely"))
    report(
        f"2,64,64,64,1: shapely / vertex cells ({count:,} regions)",
        f"{statistics.median(slow):.2f} s / {statistics.median(fast):.4f} s = {ratio(slow, fast):.0f}",
        "none",
        met=True,
    )


def around_an_image() -> None:
    """Print the neighbourhood of an MNIST image, and a plane through three points."""
    found = mnist()
    if found is None:
        print("     the MNIST classifier, or onnx, is not at hand: left out")
        return
    net, x = found
    random = np.random.default_rng(0)
    plane = pe.Slice.through(x, random.permutation(x), random.permutation(x))
    (seconds,) = alternate(3, partial(pe.enumerate_regions, net, plane))
    report(
        f"MNIST 784,256,256,10: a plane, {len(pe.enumerate_regions(net, plane)):,} regions",
        f"{statistics.median(seconds):.3f} s",
        "< 1 s",
        met=statistics.median(seconds) < 1,
    )
    for norm in (2, np.inf):
        began = time.perf_counter()
        near = pe.neighborhood(
            net, x, radius=0.03 if norm == np.inf else 1, max_regions=200, norm=norm
        )
        took = time.perf_counter() - began
        report(
            f"MNIST: 200 regions around an image, {norm}-norm",
            f"{took:.0f} s, complete within {near.complete_radius:.4f}",
            "minutes",
            met=took < 300,
        )


def main() -> None:
    """Print all figures."""
    lp_cells()
    programs_by_highs()
    against_relucent()
    shapely_cells()
    around_an_image()


if __name__ == "__main__":
    main()

"""Speed and size of the core: ``python -m benchmarks.core``.

Our side always includes all vertices (shared), patterns and affine maps.
"""

from __future__ import annotations

import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from typing import Any

import numpy as np

import polyenum as pe
from benchmarks.networks import acas_xu, bunny, pooled_cnn, random_network
from benchmarks.timing import alternate, ratio, report


def everything(net: pe.PiecewiseLinearNetwork, domain: pe.Domain, **options: Any) -> int:
    """Enumerate, with vertices, patterns and maps; return the number of regions."""
    cx = pe.enumerate_regions(net, domain, **options)
    return len(cx) + 0 * (len(cx.vertices) + len(cx.patterns) + len(cx.weights))


def with_regioncam(net: pe.PiecewiseLinearNetwork) -> int:
    """Return regioncam's number of regions on [-1, 1]^2."""
    import regioncam

    partition = regioncam.Regioncam(size=1)
    for i, stage in enumerate(net.stages):
        partition.linear(
            np.ascontiguousarray(stage.weight.T, np.float32), stage.bias.astype(np.float32)
        )
        if i < len(net.stages) - 1:
            partition.relu()
    return int(partition.num_faces)


def products(net: pe.PiecewiseLinearNetwork, domain: pe.Domain) -> Any:
    """Return a function that does the matrix products composing every cell's maps from scratch.

    One product ``W (out, in) @ (in, dim + 1)`` for each cell that enters each layer after the first, in
    blocks of a thousand cells, with as many BLAS threads as the machine has processors.
    """
    counts = []
    for depth in range(1, len(net.stages)):
        part = pe.PiecewiseLinearNetwork(net.stages[:depth])
        counts.append(int(pe.count_regions(part, domain)))
    random = np.random.default_rng(0)
    block = 1000
    maps = {
        s.weight.shape[1]: random.normal(size=(s.weight.shape[1], 3 * block)) for s in net.stages
    }

    def run() -> None:
        for count, stage in zip(counts, net.stages[1:], strict=True):
            for begin in range(0, count, block):
                cells = min(block, count - begin)
                _ = stage.weight @ maps[stage.weight.shape[1]][:, : 3 * cells]

    return run


def against_regioncam_and_products() -> None:
    """Print both comparisons for two networks in 2-D."""
    box = pe.Box(-1, 1, dim=2)
    for width, target, rounds in ((128, 12, 9), (256, 20, 5)):
        net = random_network([2, width, width, width, 1])
        name = f"2,{width},{width},{width},1"
        ours, products_only = alternate(rounds, partial(everything, net, box), products(net, box))
        factor = ratio(products_only, ours)
        report(
            f"{name}: {everything(net, box):,} regions / matrix products",
            f"{statistics.median(ours):.3f} s / {statistics.median(products_only):.3f} s = {1 / factor:.2f}",
            "< 1",
            met=factor > 1,
        )
        if importlib.util.find_spec("regioncam") is None:
            print("     regioncam is not installed: pip install regioncam")
            continue
        theirs, ours = alternate(
            rounds, partial(with_regioncam, net), partial(everything, net, box)
        )
        factor = ratio(theirs, ours)
        report(
            f"{name}: regioncam ({with_regioncam(net):,} regions) / ours",
            f"{statistics.median(theirs):.3f} s / {statistics.median(ours):.3f} s = {factor:.1f}",
            f">= {target}",
            met=factor >= target,
        )


def bunny_in_3d() -> None:
    """Print the time for the 3-D bunny."""
    net = bunny("bunny_sdf_3d_3x16")
    if net is None:
        print("     the bunny's file is not at hand: left out")
        return
    box = pe.Box(-0.5, 0.5, dim=3)
    (ours,) = alternate(9, lambda: everything(net, box))
    seconds = statistics.median(ours)
    report(
        f"3-D bunny: {everything(net, box):,} regions",
        f"{seconds:.3f} s",
        "< 0.1 s",
        met=seconds < 0.1,
    )


def acas_xu_in_5d() -> None:
    """Print the times for ACAS Xu networks in the boxes of properties."""
    for name, number in (("1_1", 3), ("3_3", 9), ("4_5", 10)):
        case = acas_xu(name, number)
        if case is None:
            print("     the ACAS Xu files, or onnx, are not at hand: left out")
            return
        (ours,) = alternate(3, partial(everything, *case))
        seconds = statistics.median(ours)
        report(
            f"ACAS Xu {name}, property {number}: {everything(*case):,} regions, stored",
            f"{seconds:.2f} s",
            "< 2 s" if number == 3 else "none",
            met=number != 3 or seconds < 2,
        )


def cnn_on_a_plane() -> None:
    """Print the time for a network with max pooling."""
    net, plane = pooled_cnn()
    (ours,) = alternate(5, partial(everything, net, plane))
    report(
        f"CNN with max pooling, {net.unit_count} units, on a plane: {everything(net, plane):,} regions",
        f"{statistics.median(ours):.3f} s",
        "none",
        met=True,
    )


def price_of_certification() -> None:
    """Print what proofs cost: certified against raw floats, one thread; the exact cells; `check`."""
    for widths, bias, target, rounds in (
        ([2, 128, 128, 128, 1], True, 1.5, 9),
        ([2, 256, 256, 256, 1], True, 1.5, 5),
        ([3, 32, 32, 1], True, 1.5, 9),
        ([4, 24, 24, 1], True, 1.5, 5),
        ([2, 128, 128, 1], False, 5, 9),
    ):
        net, box = random_network(widths, bias=bias), pe.Box(-1, 1, dim=widths[0])
        proven, raw = alternate(
            rounds,
            partial(everything, net, box, threads=1),
            partial(everything, net, box, threads=1, certified=False),
        )
        factor = ratio(proven, raw)
        name = ",".join(map(str, widths)) + ("" if bias else " bias-free")
        cx = pe.enumerate_regions(net, box)
        wrong = int(pe.count_regions(net, box, certified=False))
        report(
            f"{name}: certified ({len(cx):,} regions) / raw ({wrong:,})",
            f"{statistics.median(proven):.4f} s / {statistics.median(raw):.4f} s = {factor:.2f}",
            f"<= {target}",
            met=factor <= target,
        )
    net, box = random_network([2, 32, 32, 32, 1]), pe.Box(-1, 1, dim=2)
    exact, fast = alternate(
        2, partial(everything, net, box, engine="exact"), partial(everything, net, box)
    )
    cx = pe.enumerate_regions(net, box)
    report(
        f"2,32,32,32,1: exact cells ({len(cx):,} regions) / vertex cells",
        f"{statistics.median(exact):.2f} s / {statistics.median(fast):.4f} s = {ratio(exact, fast):.0f}",
        "none",
        met=True,
    )
    net = random_network([2, 128, 128, 128, 1])
    checked = pe.check(pe.enumerate_regions(net, box), net, box)
    report(
        f"2,128,128,128,1: check of {checked.regions:,} regions",
        f"{checked.seconds:.1f} s",
        "none",
        met=True,
    )


def threads_and_memory() -> None:
    """Print what two threads gain, and the memory of counting and of storing."""
    net, box = random_network([4, 64, 64, 1]), pe.Box(-1, 1, dim=4)
    one, two = alternate(
        3,
        lambda: pe.count_regions(net, box, threads=1),
        lambda: pe.count_regions(net, box, threads=2),
    )
    factor = ratio(one, two)
    report(
        "4,64,64,1 counted: one thread / two",
        f"{statistics.median(one):.2f} s / {statistics.median(two):.2f} s = {factor:.2f}",
        ">= 1.6",
        met=factor >= 1.6,
    )
    # The peak since this process began; ru_maxrss would count the process that started it.
    made = "from benchmarks.networks import random_network; import polyenum as pe, re\n"
    made += "def peak():\n"
    made += "    status = open('/proc/self/status').read()\n"
    made += "    return int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) / 1024\n"
    made += "net, box = random_network([4, 64, 64, 1]), pe.Box(-1, 1, dim=4)\n"
    regions, mb = _python(made + "print(int(pe.count_regions(net, box)), peak())").split()
    report(
        f"4,64,64,1 counted: {int(regions):,} regions",
        f"{float(mb):.0f} MB resident",
        "< 300 MB",
        met=float(mb) < 300,
    )
    mb, size, before = _python(
        made
        + "pe.count_regions(net, pe.Box(-0.01, 0.01, dim=4))\n"
        + "before = peak()\ncx = pe.enumerate_regions(net, box)\n"
        + "print(peak(), cx.nbytes / 2**20, before)"
    ).split()
    factor = (float(mb) - float(before)) / float(size)
    report(
        "4,64,64,1 stored: peak / arrays",
        f"{float(mb) - float(before):.0f} MB / {float(size):.0f} MB = {factor:.2f}",
        "<= 2",
        met=factor <= 2,
    )


def first_call() -> None:
    """Print the time of a first call in a new process, without and with the compiled cache."""
    script = (
        "import time; t = time.perf_counter()\nimport polyenum as pe\n"
        "cx = pe.enumerate_regions([([[1.0, 2], [3, -4]], [0.5, 0.1]), ([[1.0, 1]], [0])], "
        "pe.Box(-1, 1, dim=2))\nprint(time.perf_counter() - t)"
    )
    with tempfile.TemporaryDirectory() as cache:
        cold = float(_python(script, NUMBA_CACHE_DIR=cache))
        warm = min(float(_python(script, NUMBA_CACHE_DIR=cache)) for _ in range(3))
    report("first call in a new process, compiling", f"{cold:.1f} s", "< 15 s", met=cold < 15)
    report("first call in a new process, compiled before", f"{warm:.2f} s", "< 1 s", met=warm < 1)
    script = "import time; t = time.perf_counter(); import polyenum; print(time.perf_counter() - t)"
    seconds = statistics.median(float(_python(script)) for _ in range(5))
    report("import polyenum", f"{seconds:.2f} s", "< 0.3 s", met=seconds < 0.3)


def _python(script: str, **environment: str) -> str:
    import os

    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        capture_output=True,
        text=True,
        env=os.environ | environment,
    )
    return done.stdout


def main() -> None:
    """Print all figures."""
    began = time.perf_counter()
    against_regioncam_and_products()
    bunny_in_3d()
    acas_xu_in_5d()
    cnn_on_a_plane()
    price_of_certification()
    threads_and_memory()
    first_call()
    print(f"done in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()

"""What the library is for, in a minute: ``python -m polyenum.demo``.

Trains small networks on x^2 and x^2 + y^2, counts their regions exactly and by sampling gradients on a
grid, and draws them.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import polyenum as pe
from polyenum.errors import import_extra
from polyenum.files.output import check_folder, written, written_text

RESOLUTION = 200
EPOCHS = 3000


@dataclass(frozen=True)
class Row:
    """The figures of one network."""

    name: str
    loss: float
    activation_regions: int
    linear_regions: int
    exact_seconds: float
    grid_patterns: int
    grid_gradients: int
    grid_seconds: float


def square_sum(x: Any) -> Any:
    """Return the sum of the squares along the last axis, (n, 1)."""
    return (x**2).sum(-1)[..., None]


def train(widths: Sequence[int], *, epochs: int = EPOCHS, seed: int = 0) -> tuple[Any, float]:
    """Fit a ReLU network to the sum of squares on [-2, 2]^d.

    Full-batch SGD, learning rate 0.01, momentum 0.9, mean squared error, 1000 random samples.

    Returns
    -------
    network : torch.nn.Sequential
    loss : float
    """
    import torch
    from torch import nn

    torch.manual_seed(seed)
    layers: list[nn.Module] = []
    for m, n in zip(widths[:-1], widths[1:], strict=True):
        layers += [nn.Linear(m, n), nn.ReLU()]
    network = nn.Sequential(*layers[:-1])
    x = torch.rand(1000, widths[0]) * 4 - 2
    y = square_sum(x)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9)
    loss = torch.zeros(())
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(network(x), y)
        loss.backward()
        optimizer.step()
    return network, float(loss.detach())


def grid_counts(network: Any, dim: int, *, resolution: int = RESOLUTION) -> tuple[int, int]:
    """Count regions the usual way, on a grid of `resolution` points per axis on [-2, 2]^d.

    Returns
    -------
    patterns, gradients : int
        How many distinct activation patterns, and distinct float32 gradients, the grid sees.
    """
    import torch

    axis = torch.linspace(-2, 2, resolution)
    x = torch.cartesian_prod(*[axis] * dim).reshape(-1, dim).requires_grad_()
    signs, value = [], x
    for layer in network:
        value = layer(value)
        if isinstance(layer, torch.nn.ReLU):
            signs.append(value > 0)
    (gradients,) = torch.autograd.grad(value.sum(), x)
    patterns = np.packbits(torch.cat(signs, 1).numpy(), axis=1)
    return len(np.unique(patterns, axis=0)), len(np.unique(gradients.numpy(), axis=0))


def show(
    widths: Sequence[int], *, epochs: int = EPOCHS, progress: bool = True
) -> tuple[Row, pe.RegionComplex]:
    """Train one network and count its regions both ways."""
    dim = widths[0]
    network, loss = train(widths, epochs=epochs)
    box = pe.Box(-2, 2, dim=dim)
    began = time.perf_counter()
    cx = pe.enumerate_regions(network, box, progress=progress)
    linear = cx.linear_region_count
    exact_seconds = time.perf_counter() - began
    began = time.perf_counter()
    patterns, gradients = grid_counts(network, dim)
    return (
        Row(
            ",".join(map(str, widths)),
            loss,
            len(cx),
            linear,
            exact_seconds,
            patterns,
            gradients,
            time.perf_counter() - began,
        ),
        cx,
    )


def table(rows: Sequence[Row]) -> str:
    """Return the figures as text."""
    head = (
        f"{'network':<14}{'loss':>9} |{'exact':^31}|{'grid of gradients':^35}\n"
        f"{'':<14}{'':>9} |{'activation':>11}{'linear':>8}{'seconds':>11} |"
        f"{'patterns':>11}{'gradients':>12}{'seconds':>11}"
    )
    lines = [head, "-" * len(head.splitlines()[1])]
    lines += [
        f"{r.name:<14}{r.loss:>9.4f} |{r.activation_regions:>11,}{r.linear_regions:>8,}"
        f"{r.exact_seconds:>11.4f} |{r.grid_patterns:>11,}{r.grid_gradients:>12,}"
        f"{r.grid_seconds:>11.4f}"
        for r in rows
    ]
    return "\n".join(lines)


def draw(complexes: Sequence[tuple[str, pe.RegionComplex]], folder: Path) -> list[Path]:
    """Write PNG figures and one self-contained interactive page; return their paths."""
    from polyenum import plot

    check_folder(folder)
    files: list[Path] = []
    pages: list[str] = []
    for name, cx in complexes:
        figures: list[tuple[str, Callable[..., Any], dict[str, Any]]] = (
            [("function", plot.function_1d, {"target": square_sum})]
            if cx.dim == 1
            else [("partition", plot.partition, {}), ("surface", plot.surface, {})]
        )
        for kind, function, options in figures:
            title = f"network {name}: {len(cx):,} regions"
            path = folder / f"{kind}_{name.replace(',', '_')}.png"
            with written(path) as stream:
                function(cx, title=title, **options).savefig(stream, format="png", dpi=150)
            files.append(path)
            interactive = function(cx, title=title, backend="plotly", **options)
            pages.append(interactive.to_html(full_html=False, include_plotlyjs=not pages))
    page = folder / "regions.html"
    with written_text(page) as text:
        text.write(
            "<!doctype html><html lang='en'><head><meta charset='utf-8'><title>polyenum: exact regions"
            "</title></head><body style='max-width:900px;margin:auto;font-family:sans-serif'>"
            + "".join(pages)
            + "</body></html>"
        )
    return [*files, page]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(prog="python -m polyenum.demo", description=__doc__)
    parser.add_argument(
        "--output", type=Path, default=Path("demo_output"), help="folder of figures"
    )
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="training epochs per network")
    options = parser.parse_args(arguments)
    for library, extra in (("matplotlib", "plot"), ("plotly", "plot"), ("torch", "torch")):
        import_extra(library, extra)
    check_folder(options.output)

    began = time.perf_counter()
    print("compiling (once; later runs find it on disk) ...", flush=True)
    for dim in (1, 2):
        pe.count_regions(
            [(np.eye(dim), np.zeros(dim)), (np.ones((1, dim)), [0])], pe.Box(-2, 2, dim=dim)
        )
        pe.enumerate_regions([(np.eye(dim), None)], pe.Box(-2, 2, dim=dim)).linear_region_count  # noqa: B018
    print(f"compiled in {time.perf_counter() - began:.1f} s; training on x^2 and x^2 + y^2 ...")
    rows, complexes = [], []
    for widths in ([1, 10, 1], [2, 15, 1], [2, 15, 15, 1], [2, 15, 15, 15, 1]):
        row, cx = show(widths, epochs=options.epochs)
        rows.append(row)
        complexes.append((row.name, cx))
    print()
    print(table(rows))
    print(
        f"\nThe grid has {RESOLUTION} points per axis and misses the regions that lie between them; "
        "the exact\ncount misses none.\n"
    )
    for path in draw(complexes, options.output):
        print(f"wrote {path}")
    print(f"done in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()

"""What colour each region has, and why."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from polyenum.errors import OptionError
from polyenum.options import numbers
from polyenum.plot.themes import Theme
from polyenum.regions.complex import RegionComplex

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#7F7F7F")
"""The colours of Okabe and Ito, "Color universal design" (2008), safe for colour-blind readers."""

SCALE = (
    "#00204C", "#003070", "#2A406C", "#48516B", "#5E626E", "#727374", "#878479", "#9E9677", "#B6A971",
    "#D0BE67", "#EAD357", "#FFE945",
)  # fmt: skip
"""The colour map cividis (Nuñez, Anderton and Renslow, PLOS ONE 13, 2018), made for colour-blind readers."""

LINE_SCALE = (
    "#0D0887", "#46039F", "#7201A8", "#9C179E", "#BD3786", "#D8576B", "#ED7953", "#FB9F3A", "#FDCA26", "#F0F921",
)  # fmt: skip
"""The colour map plasma (Smith and van der Walt, matplotlib 1.5, 2015), safe as well, and unlike `SCALE`."""

COLORS = ("neighbors", "pattern", "linear", "active", "slope", "layer", "volume")
"""What `partition` and others can show by colour; an array with a number for each region is shown as well."""


class Coloring(NamedTuple):
    """Colours of regions.

    Attributes
    ----------
    of : (regions,) int64
        Each region's, into `colors`.
    colors : tuple of str
    names : tuple of str
        What each colour stands for, for a legend; empty where that says nothing.
    scale : (low, high, label) or None
        Of a colour bar, where colours stand for numbers; logarithms to base 10 where the label says so.
    """

    of: NDArray[np.int64]
    colors: tuple[str, ...]
    names: tuple[str, ...] = ()
    scale: tuple[float, float, str] | None = None


def coloring(cx: RegionComplex, color: Any) -> Coloring:
    """Return the colours of a complex's regions.

    Parameters
    ----------
    cx : RegionComplex
    color : str or (regions,) array
        One of `COLORS`, or a number for each region.

    Raises
    ------
    OptionError
        If it is neither.
    """
    if not isinstance(color, str):
        values = numbers("color", color, OptionError)
        if values.shape != (len(cx),):
            raise OptionError(
                f"color: an array needs a number for each of the {len(cx):,} regions, found shape {values.shape}"
            )
        return _on_scale(values, "")
    if color == "neighbors":
        return Coloring(neighbor_colors(cx), PALETTE)
    if color == "pattern":
        return hashed([row.tobytes() for row in cx.packed_sides])
    if color == "linear":
        # Neighbouring linear regions differ mostly; regions of one have one colour.
        return hashed([int(n).to_bytes(8, "little") for n in cx.linear_regions])
    if color == "active":
        return _on_scale((cx.patterns > 0).sum(axis=1).astype(float), "units on")
    if color == "slope":
        return _on_scale(np.linalg.norm(cx.weights, axis=(1, 2)), "slope (norm of the gradient)")
    if color == "volume":
        return _on_scale(np.log10(np.maximum(cx.volumes, 1e-300)), "volume, log10")
    if color == "layer":
        layer = last_layers(cx)
        last = max(int(cx.network.unit_layer.max(initial=0)), 1)
        shown = sorted(set(layer.tolist()))
        names = ["never cut" if k < 0 else f"layer {k + 1}" for k in shown]
        # Not up to the lightest, on which gaps between polygons could not be seen.
        colors = ["#B0B0B0" if k < 0 else SCALE[round(9 * k / last)] for k in shown]
        return Coloring(np.searchsorted(shown, layer), tuple(colors), tuple(names))
    raise OptionError(
        f"color must be one of {', '.join(map(repr, COLORS))} or an array with a number for each region, "
        f"found {color!r}"
    )


def neighbor_colors(cx: RegionComplex) -> NDArray[np.int64]:
    """Return an index into `PALETTE` for each region, (regions,) int64, different for neighbours.

    The first colour, counted from the region's number, that no earlier neighbour has; where all are
    taken (possible beyond 1-D and 2-D trees of neighbours) one repeats.
    """
    color = np.full(len(cx), -1, np.int64)
    rows = cx.adjacency
    for i in range(len(cx)):
        taken = set(color[rows.indices[rows.indptr[i] : rows.indptr[i + 1]]].tolist())
        n = len(PALETTE)
        color[i] = next((c % n for c in range(i, i + n) if c % n not in taken), i % n)
    return color


def facet_labels(cx: RegionComplex) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the region of each row of ``cx.facet_table``, and its hyperplane (negative: a side of the domain)."""
    table = cx.facet_table
    owner = np.repeat(np.arange(len(cx)), np.diff(table.offsets))
    return owner, cx.labels[cx.label_offsets[owner] + table.bit]


def last_layers(cx: RegionComplex) -> NDArray[np.int64]:
    """Return for each region the stage of the deepest unit that carries one of its facets; -1 where none does."""
    owner, label = facet_labels(cx)
    found = np.full(len(cx), -1)
    inner = label >= 0
    stage = np.searchsorted(cx.network.hyperplane_offsets, label[inner], side="right") - 1
    np.maximum.at(found, owner[inner], stage)
    return found


def hashed(keys: list[bytes]) -> Coloring:
    """Return colours that depend on nothing but each region's own key, so that they stay from frame to frame."""
    from zlib import crc32

    index = np.array([crc32(key) % len(WHEEL) for key in keys], np.int64)
    return Coloring(index, WHEEL)


def _rgb(color: str) -> list[int]:
    return [int(color[k : k + 2], 16) for k in (1, 3, 5)]


def _hex(rgb: Iterable[float]) -> str:
    return "#" + "".join(f"{round(x):02X}" for x in rgb)


def _wheel() -> tuple[str, ...]:
    """Return the palette in three lightnesses: 24 colours."""
    found = []
    for towards, share in ((255, 0.0), (255, 0.45), (0, 0.35)):
        for color in PALETTE:
            found.append(_hex(x + share * (towards - x) for x in _rgb(color)))
    return tuple(found)


WHEEL = _wheel()


def piece_colors(cx: RegionComplex, theme: Theme) -> list[str]:
    """Return a colour for each piece of a 1-D complex, in turns from left to right."""
    ends = cx.vertices[cx.vertex_ids, 0].reshape(-1, 2)
    rank = np.argsort(np.argsort(ends.min(axis=1)))
    return [theme.lines[k % len(theme.lines)] for k in rank]


def line_colors(count: int, theme: Theme, *, over_colors: bool) -> tuple[str, ...]:
    """Return colours of lines in order, all of them to be seen on the theme's ground, or over coloured regions."""
    if count == 1:
        return (theme.ink if over_colors else theme.lines[1],)
    whole = ramp(4 * count, LINE_SCALE)
    return whole[: 3 * count : 3] if theme.ink == "black" else whole[count::3]


def _on_scale(values: NDArray[np.float64], label: str) -> Coloring:
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    steps = 64
    share = (values - low) / (high - low) if high > low else np.zeros(len(values))
    index = np.clip(np.nan_to_num(share) * steps, 0, steps - 1).astype(np.int64)
    return Coloring(index, ramp(steps), (), (low, high if high > low else low + 1.0, label))


def ramp(steps: int, scale: tuple[str, ...] = SCALE) -> tuple[str, ...]:
    """Return so many colours along a scale."""
    rgb = np.array([_rgb(color) for color in scale], float)
    at = np.linspace(0, len(scale) - 1, steps)
    mixed = np.stack([np.interp(at, np.arange(len(scale)), rgb[:, k]) for k in range(3)], axis=1)
    return tuple(_hex(row) for row in mixed)

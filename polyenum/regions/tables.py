"""Regions as tables and as GeoJSON, for other programs; `polyenum.regions.storage` keeps all of it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from polyenum.errors import RegionError, import_extra
from polyenum.files.output import as_path, check_place, written, written_text

if TYPE_CHECKING:
    from polyenum.regions.complex import RegionComplex


def to_frame(cx: RegionComplex) -> Any:
    """Return a pandas.DataFrame with a row for each region; see `RegionComplex.to_frame`."""
    pd = import_extra("pandas", "table")
    columns: dict[str, Any] = {
        "pattern": ["".join(map(str, row)) for row in cx.patterns.tolist()]
        if int(cx.patterns.max(initial=0)) < 10
        else [" ".join(map(str, row)) for row in cx.patterns.tolist()],
        "linear_region": cx.linear_regions,
        "facets": np.diff(cx.facet_table.offsets),
    }
    if cx.has_vertices:
        columns["volume"] = cx.volumes
        columns["vertices"] = np.diff(cx.vertex_offsets)
        centres = cx.centroids
    else:
        centres = cx.interior_points
    for k in range(cx.dim):
        columns[f"x{k}"] = centres[:, k]
    for output in range(cx.biases.shape[1]):
        for k in range(cx.dim):
            columns[f"weight{output}_{k}"] = cx.weights[:, output, k]
        columns[f"bias{output}"] = cx.biases[:, output]
    return pd.DataFrame(columns).rename_axis("region")


def to_geojson(cx: RegionComplex) -> dict[str, Any]:
    """Return a FeatureCollection with a polygon for each region; see `RegionComplex.to_geojson`."""
    if cx.dim != 2:
        raise RegionError(f"GeoJSON holds polygons; this complex has {cx.dim} dimensions, not 2")
    from shapely.geometry import mapping

    linear, patterns = cx.linear_regions, cx.patterns
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": i,
                "geometry": mapping(polygon),
                "properties": {
                    "pattern": patterns[i].tolist(),
                    "linear_region": int(linear[i]),
                    "weight": cx.weights[i].tolist(),
                    "bias": cx.biases[i].tolist(),
                    "area": float(cx.volumes[i]),
                },
            }
            for i, polygon in enumerate(cx.polygons)
        ],
    }


KINDS = (".npz", ".parquet", ".csv", ".geojson")


def check_writable(
    path: str | os.PathLike[str], dim: int, *, inputs: Iterable[str | os.PathLike[str]] = ()
) -> None:
    """Raise unless regions of that dimension can be written to a file of that name.

    Raises
    ------
    FileError
        If its ending says nothing, its folder cannot be written, or it is one of the `inputs`.
    RegionError
        If it is GeoJSON and they are no polygons.
    MissingExtraError
        If it is a table, and what makes tables is not installed.
    """
    kind = check_place(path, KINDS, inputs=inputs).suffix.lower()
    if kind == ".geojson" and dim != 2:
        raise RegionError(f"GeoJSON holds polygons; these regions have {dim} dimensions, not 2")
    if kind in (".csv", ".parquet"):
        import_extra("pandas", "table")
    if kind == ".parquet":
        import_extra("pyarrow", "table")


def write(cx: RegionComplex, path: str | os.PathLike[str]) -> None:
    """Write regions to a file whose ending says how: .npz, .parquet, .csv or .geojson.

    The file is written whole, or what was there before stays.

    Raises
    ------
    FileError, RegionError, MissingExtraError
        As `check_writable`.
    """
    check_writable(path, cx.dim)
    kind = as_path(path).suffix.lower()
    if kind == ".npz":
        cx.save(path)
    elif kind == ".parquet":
        frame = to_frame(cx)
        with written(path) as stream:
            frame.to_parquet(stream, engine="pyarrow")
    elif kind == ".csv":
        frame = to_frame(cx)
        with written_text(path) as text:
            frame.to_csv(text)
    else:
        features = to_geojson(cx)
        with written_text(path) as text:
            json.dump(features, text)

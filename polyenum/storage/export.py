"""Regions as tables and as GeoJSON, for other programs; `polyenum.storage.regions` keeps all of it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from polyenum.errors import FileError, RegionError, import_extra, missing_extra

if TYPE_CHECKING:
    from polyenum.complex.region_complex import RegionComplex


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


def check_writable(path: str | os.PathLike[str], dim: int) -> None:
    """Raise unless regions of that dimension can be written to a file of that name.

    Raises
    ------
    FileError
        If its ending says nothing, or its folder does not exist.
    RegionError
        If it is GeoJSON and they are no polygons.
    """
    file = Path(path)
    kind = file.suffix.lower()
    if kind not in KINDS:
        raise FileError(
            f"{file}: unknown kind of file {kind!r}; .npz (all of it), .parquet, .csv and .geojson are known"
        )
    if not file.parent.is_dir():
        raise FileError(f"{file}: there is no folder {str(file.parent)!r}")
    if kind == ".geojson" and dim != 2:
        raise RegionError(f"GeoJSON holds polygons; these regions have {dim} dimensions, not 2")


def write(cx: RegionComplex, path: str | os.PathLike[str]) -> None:
    """Write regions to a file whose ending says how: .npz, .parquet, .csv or .geojson.

    Raises
    ------
    FileError, RegionError
        As `check_writable`.
    """
    check_writable(path, cx.dim)
    file = Path(path)
    kind = file.suffix.lower()
    if kind == ".npz":
        cx.save(file)
    elif kind == ".parquet":
        frame = to_frame(cx)
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise missing_extra("pyarrow", "table") from None
        frame.to_parquet(file)
    elif kind == ".csv":
        to_frame(cx).to_csv(file)
    else:
        file.write_text(json.dumps(to_geojson(cx)))

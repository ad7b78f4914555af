"""Every node test that ONNX itself brings: read right, or refused, never wrong.

One input becomes the network's, flat behind a Reshape; the others become constants.  What is read is not
compared with the model by the library at first: that would turn what is read wrong into a refusal.
"""

from __future__ import annotations

import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

import polyenum as pe

FLOATS = (TensorProto.FLOAT, TensorProto.DOUBLE, TensorProto.FLOAT16)
# Read right by onnx 1.23's node tests; a lower number means that something is no longer read.
FEWEST_RIGHT = 454
# onnxruntime takes other places here than ONNX's reference, so the comparison may refuse what is read right.
DISPUTED = {
    "test_resize_downsample_scales_cubic_align_corners",
    "test_resize_downsample_scales_linear_align_corners",
}


def plain(values: Any) -> list[Any]:
    """Return a test's numbers as arrays, where they are tensors."""
    return [numpy_helper.to_array(x) if isinstance(x, onnx.TensorProto) else x for x in values]


def with_one_input(case: Any) -> tuple[onnx.ModelProto, np.ndarray] | None:
    """Return a node test's model with one flat input, and the test's own numbers there; or nothing."""
    graph, given = case.model.graph, plain(case.data_sets[0][0])
    kinds = [i.type.tensor_type.elem_type for i in graph.input]
    if len(kinds) != len(given) or not all(isinstance(x, np.ndarray) for x in given):
        return None
    first = next((k for k, kind in enumerate(kinds) if kind in FLOATS and given[k].size), None)
    if first is None or any(x.dtype.kind in "OUS" for x in given):
        return None
    made = onnx.ModelProto()
    made.CopyFrom(case.model)
    name = graph.input[first].name
    del made.graph.input[:]
    made.graph.input.append(
        helper.make_tensor_value_info("flat", kinds[first], [given[first].size])
    )
    made.graph.initializer.append(
        numpy_helper.from_array(np.array(given[first].shape, np.int64), "shape of the data")
    )
    for k, x in enumerate(given):
        if k != first:
            made.graph.initializer.append(numpy_helper.from_array(x, graph.input[k].name))
    made.graph.node.insert(0, helper.make_node("Reshape", ["flat", "shape of the data"], [name]))
    return made, given[first].ravel()


def same(net: pe.PiecewiseLinearNetwork, x: np.ndarray, outputs: list[np.ndarray]) -> bool:
    """Return whether a network gives these outputs, up to their precision."""
    expected = np.concatenate([np.ravel(y).astype(float) for y in outputs])
    tolerance = 2e-2 if any(y.dtype == np.float16 for y in outputs) else 1e-3
    found = net(x.astype(float))
    return found.shape == expected.shape and np.allclose(found, expected, rtol=tolerance, atol=1e-5)


def verdict(case: Any, path: Path) -> tuple[str, str]:
    """Return whether a node test is right, refused, wrong or not applicable, and what was said."""
    wrapped = with_one_input(case)
    if wrapped is None:
        return "not applicable", ""
    made, x = wrapped
    onnx.save(made, path)
    try:
        net = pe.load(path, check=False)
    except pe.NetworkError as error:
        return "refused", str(error)
    if np.isfinite(x).all() and not same(net, x, plain(case.data_sets[0][1])):
        return "wrong", "at the test's own numbers"
    if any(node.op_type == "Scatter" for node in made.graph.node):
        return "right", ""  # the reference no longer has it
    model = ReferenceEvaluator(made)
    random = np.random.default_rng(0)
    for _ in range(2):
        y = random.normal(scale=3, size=x.shape).astype(x.dtype)
        if not same(net, y, model.run(None, {"flat": y})):
            return "wrong", f"at {y!r}"
    try:
        pe.load(path)
    except pe.NetworkError as error:
        return "refused" if case.name in DISPUTED else "wrong", str(error)
    return "right", ""


def test_node_tests(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from onnx.backend.test.loader import load_model_tests

    counts: Counter[str] = Counter()
    wrong = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the reference, at infinities
        for case in load_model_tests(kind="node"):
            kind, said = verdict(case, tmp_path / "node.onnx")
            counts[kind] += 1
            if kind == "wrong":
                wrong.append(f"{case.name}: {said}")
    with capsys.disabled():
        print("\nONNX's node tests:", ", ".join(f"{n} {kind}" for kind, n in counts.items()))
    assert not wrong
    assert counts["right"] >= FEWEST_RIGHT

"""Wrong choices of inputs, outputs and shapes: every kind of model answers in the same words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

import polyenum as pe


class Named(nn.Module):
    def forward(self, a: Any, b: Any) -> Any:
        return {"sum": a + b, "size": torch.relu(a)}


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return a model file of the same function, inputs and outputs as `Named`."""
    a, b, total, size = (
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 2])
        for name in ("a", "b", "sum", "size")
    )
    nodes = [
        helper.make_node("Add", ["a", "b"], ["sum"]),
        helper.make_node("Relu", ["a"], ["size"]),
    ]
    graph = helper.make_graph(nodes, "g", [a, b], [total, size])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, str(tmp_path / "m.onnx"))
    return str(tmp_path / "m.onnx")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"inputs": ["z"]}, "inputs: there is no 'z'; there are 2: 'a', 'b'"),
        ({"inputs": [2]}, "inputs: there is no 2; there are 2: 'a', 'b'"),
        ({"inputs": [-3]}, "inputs: there is no -3; there are 2: 'a', 'b'"),
        ({"inputs": [0, "a"]}, "inputs must name each once, found [0, 'a']"),
        ({"inputs": ["a"]}, "inputs=['a'] leaves out 'b', which"),
        ({"inputs": "ab"}, "inputs must be a list of names or positions"),
        ({"outputs": ["z"]}, "outputs: there is no 'z'; there are 2: 'sum', 'size'"),
        ({"outputs": [""]}, "outputs: there is no ''; there are 2: 'sum', 'size'"),
        ({"outputs": [1, -1]}, "outputs must name each once, found [1, -1]"),
        ({"outputs": [0.0]}, "every position in outputs must be a whole number"),
        ({"input_shape": (2,)}, "a shape for each of the 2 inputs ('a', 'b'), in a list or by name; found 1"),
        ({"input_shape": [(2,)] * 3}, "a shape for each of the 2 inputs ('a', 'b')"),
        ({"input_shape": {"q": (2,)}}, "input_shape: there is no input 'q'; there are 'a', 'b'"),
        ({"input_shape": (0,)}, "every size in input_shape must be a whole number"),
        ({"input_shape": "ab"}, "input_shape must be a list of whole numbers"),
    ],
)  # fmt: skip
def test_wrong_choices(path: str, options: dict[str, Any], message: str) -> None:
    for model in (Named(), path):
        with pytest.raises(pe.OptionError) as caught:
            pe.load(model, **{"input_shape": [(2,), (2,)], **options})
        assert message in str(caught.value)


def test_right_choices(path: str) -> None:
    given: list[dict[str, Any]] = [
        {"input_shape": [(2,), (2,)]},
        {"input_shape": {"b": (2,), "a": (2,)}, "outputs": [np.int64(1), "sum"]},
        {"inputs": ["b", 0], "input_shape": [(2,), (2,)], "outputs": [-2]},
    ]
    x = np.array([1.0, -2.0, 3.0, 5.0])
    for options in given:
        found = [pe.load(model, **options)(x) for model in (Named(), path)]
        np.testing.assert_array_equal(*found)


def test_files_of_weights_have_one_input(tmp_path: Path) -> None:
    file = tmp_path / "w.npz"
    np.savez(file, W0=np.eye(2), b0=np.zeros(2))
    for model in (file, [(np.eye(2), np.zeros(2))]):
        with pytest.raises(pe.OptionError, match="choose among those of a torch module"):
            pe.load(model, inputs=[0])

"""ONNX models: every operator against onnxruntime, and damaged files refused."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

import polyenum as pe

RANDOM = np.random.default_rng(0)


def model(
    nodes: list[Any], constants: dict[str, Any], shape: tuple[Any, ...], *, opset: int = 17
) -> onnx.ModelProto:
    """Return a model from ``x`` to ``y``; constants are float32, or int64 where they are integers."""
    initializers = []
    for name, value in constants.items():
        array = np.asarray(value)
        kind = np.int64 if array.dtype.kind == "i" else np.float32
        initializers.append(numpy_helper.from_array(array.astype(kind), name))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        initializers,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def same_as_onnxruntime(made: onnx.ModelProto, shape: tuple[int, ...], folder: Path) -> Any:
    """Hold the network read from a model against onnxruntime's float32; return the network."""
    path = folder / "model.onnx"
    onnx.save(made, path)
    net = pe.load(path)
    session = onnxruntime.InferenceSession(path.read_bytes())
    for seed in range(5):
        x = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        (expected,) = session.run(None, {"x": x})
        np.testing.assert_allclose(
            net(x.ravel().astype(float)), expected.ravel(), rtol=2e-4, atol=2e-5
        )
    return net


def node(kind: str, *inputs: str, out: str = "y", **attributes: Any) -> Any:
    """Return a node."""
    return helper.make_node(kind, list(inputs), [out], **attributes)


def normal(*shape: int) -> np.ndarray:
    """Return normal numbers in float32."""
    return RANDOM.normal(size=shape).astype(np.float32)


# Nodes, constants and the input's shape; opset 17 but where one is given.
OPERATORS: dict[str, tuple] = {
    "Gemm": ([node("Gemm", "x", "w", "b", alpha=0.5, beta=2.0, transB=1)],
             {"w": normal(3, 4), "b": normal(3)}, (1, 4)),
    "Gemm, no bias": ([node("Gemm", "x", "w", transA=0)], {"w": normal(4, 3)}, (1, 4)),
    "MatMul": ([node("MatMul", "x", "w")], {"w": normal(4, 3)}, (1, 2, 4)),
    "MatMul from the left": ([node("MatMul", "w", "x")], {"w": normal(3, 2)}, (1, 2, 4)),
    "Add Sub Mul Div": (
        [node("Sub", "x", "m", out="a"), node("Div", "a", "s", out="b"), node("Mul", "b", "s", out="c"),
         node("Add", "c", "x", out="d"), node("Sub", "m", "d")],
        {"m": normal(3), "s": normal(1, 3)}, (1, 3)),
    "Sum Mean": ([node("Sum", "x", "x", "w", out="a"), node("Mean", "a", "x", "x")], {"w": normal(3)}, (1, 3)),
    "Neg Abs": ([node("Neg", "x", out="a"), node("Abs", "a")], {}, (1, 3)),
    "Relu": ([node("Relu", "x")], {}, (1, 3)),
    "LeakyRelu": ([node("LeakyRelu", "x", alpha=0.25)], {}, (1, 3)),
    "PRelu": ([node("PRelu", "x", "a")], {"a": normal(2, 1)}, (1, 2, 3)),
    "Clip": ([node("Clip", "x", "l", "h")], {"l": np.float32(-0.5), "h": np.float32(0.25)}, (1, 3)),
    "Clip, open": ([node("Clip", "x", "", "h")], {"h": np.float32(0.25)}, (1, 3)),
    "Clip, old": ([node("Clip", "x", min=-0.5, max=0.5)], {}, (1, 3), 9),
    "HardSigmoid": ([node("HardSigmoid", "x", alpha=0.3, beta=0.25)], {}, (1, 4)),
    "Shrink": ([node("Shrink", "x", lambd=0.5, bias=0.5)], {}, (1, 4)),
    "Shrink, jumping": ([node("Shrink", "x", lambd=0.5, bias=0.25)], {}, (1, 4)),
    "Sign": ([node("Sign", "x")], {}, (1, 4)),
    "ThresholdedRelu": ([node("ThresholdedRelu", "x", alpha=0.25)], {}, (1, 4)),
    "Max Min": ([node("Max", "x", "w", out="a"), node("Neg", "x", out="n"), node("Max", "a", "n", out="b"),
                 node("Min", "b", "v")], {"w": normal(3), "v": normal(3)}, (1, 3)),
    "Conv": ([node("Conv", "x", "w", "b", pads=[1, 0, 0, 2], strides=[2, 1], dilations=[1, 2], group=2)],
             {"w": normal(4, 1, 2, 2), "b": normal(4)}, (1, 2, 5, 5)),
    "Conv, same": ([node("Conv", "x", "w", auto_pad="SAME_UPPER", strides=[2])],
                   {"w": normal(2, 1, 4)}, (1, 1, 7)),
    "ConvTranspose": ([node("ConvTranspose", "x", "w", pads=[1, 1, 1, 1], strides=[2, 2], output_padding=[1, 1])],
                      {"w": normal(2, 3, 3, 3)}, (1, 2, 3, 3)),
    "BatchNormalization": ([node("BatchNormalization", "x", "s", "b", "m", "v", epsilon=1e-3)],
                           {"s": normal(2), "b": normal(2), "m": normal(2), "v": normal(2) ** 2}, (1, 2, 3)),
    "MaxPool of pairs": ([node("MaxPool", "x", kernel_shape=[1, 2], strides=[1, 2])], {}, (1, 1, 3, 4)),
    "AveragePool": ([node("AveragePool", "x", kernel_shape=[2, 2], pads=[1, 1, 0, 0], count_include_pad=1)],
                    {}, (1, 2, 3, 3)),
    "AveragePool, edges": ([node("AveragePool", "x", kernel_shape=[3], pads=[1, 1], strides=[2])], {}, (1, 2, 6)),
    "GlobalAveragePool": ([node("GlobalAveragePool", "x")], {}, (1, 2, 3, 3)),
    "Flatten": ([node("Flatten", "x", axis=2)], {}, (1, 2, 3)),
    "Reshape": ([node("Reshape", "x", "s")], {"s": [0, -1]}, (1, 2, 3)),
    "Transpose": ([node("Transpose", "x", perm=[0, 2, 1])], {}, (1, 2, 3)),
    "Concat": ([node("Relu", "x", out="r"), node("Concat", "x", "r", "w", axis=1)], {"w": normal(1, 1)}, (1, 3)),
    "Split": ([helper.make_node("Split", ["x", "s"], ["a", "b"], axis=1), node("Concat", "b", "a", axis=-1)],
              {"s": [1, 2]}, (1, 3)),
    "Split, old": ([helper.make_node("Split", ["x"], ["a", "y"], axis=1, split=[1, 2])], {}, (1, 3), 11),
    "Slice": ([node("Slice", "x", "b", "e", "a", "s")], {"b": [-1, 0], "e": [-9, 2], "a": [2, 1], "s": [-2, 1]},
              (1, 3, 5)),
    "Slice, old": ([node("Slice", "x", starts=[1], ends=[9999], axes=[1])], {}, (1, 3), 9),
    "Pad": ([node("Pad", "x", "p", "v")], {"p": [0, 1, 0, 2], "v": np.float32(0.5)}, (1, 3)),
    "Pad, reflect": ([node("Pad", "x", "p", mode="reflect")], {"p": [0, 0, 1, 0, 0, 1]}, (1, 2, 3)),
    "Pad, old": ([node("Pad", "x", pads=[0, 1, 0, 1], mode="edge")], {}, (1, 3), 9),
    "Squeeze Unsqueeze": ([node("Squeeze", "x", "a", out="s"), node("Unsqueeze", "s", "a")],
                          {"a": [1]}, (1, 1, 3)),
    "Gather": ([node("Gather", "x", "i", axis=1)], {"i": [[2, 0], [1, 1]]}, (1, 3)),
    "Expand Tile": ([node("Expand", "x", "s", out="e"), node("Tile", "e", "r")],
                    {"s": [2, 1, 3], "r": [1, 2, 1]}, (1, 3)),
    "reductions": (
        [node("ReduceSum", "x", "a", out="s", keepdims=0), node("ReduceMean", "x", out="m", axes=[1], keepdims=0),
         node("Add", "s", "m", out="t"), node("ReduceMax", "x", out="h", axes=[1], keepdims=0),
         node("Sub", "t", "h")],
        {"a": [1]}, (1, 2, 3)),
    "Identity Dropout Cast": (
        [node("Identity", "x", out="i"), node("Dropout", "i", out="d"), node("Cast", "d", to=1)], {}, (1, 3)),
    "shapes computed": (
        [node("Shape", "x", out="s"), node("Gather", "s", "zero", out="n", axis=0),
         node("Unsqueeze", "n", "zero1", out="u"), node("Constant", out="c", value_ints=[-1]),
         node("Concat", "u", "c", out="t", axis=0), node("Reshape", "x", "t")],
        {"zero": 0, "zero1": [0]}, (1, 2, 3)),
    "ConstantOfShape": (
        [node("ConstantOfShape", "s", out="c", value=helper.make_tensor("v", TensorProto.FLOAT, [1], [2.5])),
         node("Mul", "x", "c")], {"s": [1, 3]}, (1, 3)),
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATORS)
def test_operators(name: str, tmp_path: Path) -> None:
    nodes, constants, shape, *opset = OPERATORS[name]
    made = model(nodes, constants, shape, opset=opset[0] if opset else 17)
    same_as_onnxruntime(made, shape, tmp_path)


def test_a_residual_network_s_regions(tmp_path: Path) -> None:
    nodes = [
        node("Gemm", "x", "w", "b", out="h"),
        node("Relu", "h", out="r"),
        node("Gemm", "r", "v", out="s"),
        node("Add", "s", "x", out="t"),
        node("Relu", "t", out="u"),
        node("ReduceSum", "u", "axis"),
    ]
    w, v = normal(2, 5), normal(5, 2)
    made = model(nodes, {"w": w, "b": normal(5), "v": v, "axis": [1]}, (1, 2))
    net = same_as_onnxruntime(made, (1, 2), tmp_path)
    assert [len(s.bias) for s in net.stages] == [7, 2, 1]  # 5 units, and 2 inputs carried
    cx = pe.enumerate_regions(tmp_path / "model.onnx", pe.Box(-1, 1, dim=2))
    assert len(cx) > 5
    assert pe.check(cx, net, pe.Box(-1, 1, dim=2)).regions == len(cx)


def test_open_batches_and_shapes(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    onnx.save(model([node("Relu", "x")], {}, ("batch", 3)), path)
    assert pe.load(path).input_dim == 3
    onnx.save(model([node("Relu", "x")], {}, ("batch", "n")), path)
    with pytest.raises(pe.NetworkError, match="input_shape="):
        pe.load(path)
    assert pe.load(path, input_shape=(4,)).input_dim == 4
    onnx.save(model([node("Relu", "x")], {}, (8, 3)), path)
    with pytest.raises(pe.NetworkError, match="a batch of 8"):
        pe.load(path)


def test_output_activation(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    nodes = [node("Gemm", "x", "w", out="h"), node("Softmax", "h")]
    onnx.save(model(nodes, {"w": normal(3, 2)}, (1, 3)), path)
    with pytest.raises(pe.NetworkError, match=r"Softmax.*ignore_output_activation=True"):
        pe.load(path)
    with pytest.warns(UserWarning, match="Softmax"):
        net = pe.load(path, ignore_output_activation=True)
    assert net.output_dim == 2


def external(location: str, **where: Any) -> onnx.ModelProto:
    """Return a model whose weight lies in another file."""
    made = model([node("Gemm", "x", "w")], {"w": normal(3, 2)}, (1, 3))
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": location, **where}.items():
        tensor.external_data.add(key=key, value=str(value))
    return made


def test_external_data(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    path = folder / "m.onnx"
    weight = normal(3, 2)
    (folder / "w.bin").write_bytes(b"1234" + weight.tobytes())
    onnx.save(external("w.bin", offset=4, length=24), path)
    np.testing.assert_array_equal(pe.load(path).stages[0].weight, weight.T)
    (tmp_path / "secret.bin").write_bytes(weight.tobytes())
    for location, extra, message in (
        ("../secret.bin", {}, "no file of the model's folder"),
        (str(tmp_path / "secret.bin"), {}, "no file of the model's folder"),
        ("missing.bin", {}, "no file of the model's folder"),
        ("w.bin", {"offset": 4, "length": 10**12}, "which has 28"),
        ("w.bin", {"offset": -4}, "bytes -4"),
        ("w.bin", {"offset": "x"}, "damaged"),
        ("w.bin", {"offset": 8}, "damaged"),
    ):
        onnx.save(external(location, **extra), path)
        with pytest.raises(pe.NetworkError, match=message):
            pe.load(path)
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    onnx.save(external("link.bin"), path)
    with pytest.raises(pe.NetworkError, match="no file of the model's folder"):
        pe.load(path)


def huge_tensor() -> onnx.ModelProto:
    """Return a model that declares a tensor of 10 GB in a small file."""
    made = model([node("Gemm", "x", "w")], {"w": normal(3, 2)}, (1, 3))
    del made.graph.initializer[0].dims[:]
    made.graph.initializer[0].dims.extend([50_000, 50_000])
    return made


REFUSED: dict[str, tuple[Any, str]] = {
    "10 GB declared": (huge_tensor(), r"'w'.*2,500,000,000 elements"),
    "10 GB made": (
        model([node("ConstantOfShape", "s", out="c"), node("Add", "x", "c")], {"s": [50_000, 50_000]}, (1, 3)),
        r"ConstantOfShape.*2,500,000,000 elements",
    ),
    "10 GB expanded": (model([node("Expand", "x", "s")], {"s": [10**9, 3]}, (1, 3)), "elements"),
    "10 GB tiled": (model([node("Tile", "x", "s")], {"s": [10**9, 1]}, (1, 3)), "elements"),
    "10 GB of range": (
        model([node("Range", "a", "b", "c", out="r"), node("Add", "x", "r")],
              {"a": 0, "b": 10**10, "c": 1}, (1, 1)),
        "elements",
    ),
    "10 GB padded": (model([node("Pad", "x", "p")], {"p": [0, 10**10, 0, 0]}, (1, 3)), "elements"),
    "10 GB of input": (model([node("Relu", "x")], {}, (1, 10**10)), "the input would have"),
    "unknown operator": (model([node("Sin", "x", name="wave")], {}, (1, 3)), r"wave \(Sin\)"),
    "unknown and not last": (
        model([node("NonMaxSuppression", "x", "x", name="n")], {}, (1, 3)), r"NonMaxSuppression.*known operators",
    ),
    "foreign domain": (
        model([helper.make_node("Relu", ["x"], ["y"], domain="my.own")], {}, (1, 3)), "'my.own'",
    ),
    "wrong shapes": (model([node("Gemm", "x", "w")], {"w": normal(4, 2)}, (1, 3)), r"Gemm.*takes 4 inputs.*3"),
    "shapes that do not fit": (model([node("Add", "x", "w")], {"w": normal(4)}, (1, 3)), "do not fit"),
    "an input that nothing makes": (model([node("Add", "x", "ghost")], {}, (1, 3)), "'ghost'"),
    "product": (model([node("Mul", "x", "x")], {}, (1, 3)), "both depend on the input"),
    "constant output": (model([node("Relu", "w")], {"w": normal(3)}, (1, 3)), "does not depend"),
    "nan": (model([node("Mul", "x", "w")], {"w": [np.nan]}, (1, 3)), "not finite"),
    "reshape": (model([node("Reshape", "x", "s")], {"s": [7]}, (1, 3)), "Reshape"),
    "loop": (
        model([helper.make_node("If", ["x"], ["y"], then_branch=helper.make_graph([], "t", [], []),
                                else_branch=helper.make_graph([], "e", [], []))], {}, (1, 3)),
        "control flow",
    ),
    "strings": (
        model([helper.make_node("Constant", [], ["c"],
                                value=helper.make_tensor("c", TensorProto.STRING, [1], [b"a"])),
               node("Add", "x", "c")], {}, (1, 3)),
        "are not supported",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refusals_name_the_thing_and_stay_small(name: str, tmp_path: Path) -> None:
    made, message = REFUSED[name]
    path = tmp_path / "bad.onnx"
    path.write_bytes(made.SerializeToString())
    tracemalloc.start()
    try:
        with pytest.raises(pe.NetworkError, match=message):
            pe.load(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 100 * 2**20


def test_truncated_files(tmp_path: Path) -> None:
    """Cut anywhere, a model is refused, or was whole already."""
    nodes, constants, shape = OPERATORS["Gemm"][:3]
    whole = model(nodes, constants, shape).SerializeToString()
    path = tmp_path / "cut.onnx"
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        try:
            net = pe.load(path)
        except pe.NetworkError:
            continue
        assert net.input_dim == 4  # only what names the version was cut off
    path.write_bytes(b"PK\x03\x04 no model")
    with pytest.raises(pe.NetworkError, match="not an ONNX model"):
        pe.load(path)

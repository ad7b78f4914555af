"""Every module of torch.nn, made and called as torch's documentation shows it: right, or refused by name.

Batches are left out (polyenum reads one input), and large grids are smaller here.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import polyenum as pe

Make = Callable[[], nn.Module]
Shapes = list[tuple[int, ...]]


def alone(kind: str, *args: Any, **kwargs: Any) -> Make:
    """Return what makes a module of torch.nn."""
    return lambda: getattr(nn, kind)(*args, **kwargs)


def lazily(kind: str, shape: tuple[int, ...], *args: Any, **kwargs: Any) -> Make:
    """Return a lazy module that was called once, as it must be."""

    def make() -> nn.Module:
        module = getattr(nn, kind)(*args, **kwargs).eval()
        module(torch.zeros(1, *shape))
        return module

    return make


SIGNAL, IMAGE, VOLUME = (16, 12), (16, 8, 9), (4, 5, 6, 5)
SMALL = {1: (2, 6), 2: (3, 5, 6), 3: (2, 4, 5, 3)}

# What each is made with, and the shapes of its inputs.
TABLE: dict[str, list[tuple[Make, Shapes]]] = {
    "Linear": [(alone("Linear", 20, 30), [(20,)]), (alone("Linear", 5, 3, bias=False), [(2, 4, 5)])],
    "Bilinear": [(alone("Bilinear", 20, 30, 40), [(20,), (30,)])],
    "Identity": [(alone("Identity", 54, unused_argument1=0.1), [(20,)])],
    "Conv1d": [(alone("Conv1d", 16, 33, 3, stride=2), [SIGNAL])],
    "Conv2d": [
        (alone("Conv2d", 16, 33, 3, stride=2), [IMAGE]),
        (alone("Conv2d", 16, 33, (3, 5), stride=(2, 1), padding=(4, 2)), [IMAGE]),
        (alone("Conv2d", 16, 33, (3, 5), stride=(2, 1), padding=(4, 2), dilation=(3, 1)), [IMAGE]),
    ],
    "Conv3d": [
        (alone("Conv3d", 4, 6, 3, stride=2), [VOLUME]),
        (alone("Conv3d", 4, 6, (3, 5, 2), stride=(2, 1, 1), padding=(4, 2, 0)), [VOLUME]),
    ],
    "ConvTranspose1d": [(alone("ConvTranspose1d", 16, 33, 3, stride=2), [SIGNAL])],
    "ConvTranspose2d": [
        (alone("ConvTranspose2d", 16, 33, 3, stride=2), [(16, 4, 5)]),
        (alone("ConvTranspose2d", 16, 33, (3, 5), stride=(2, 1), padding=(4, 2)), [(16, 6, 5)]),
    ],
    "ConvTranspose3d": [
        (alone("ConvTranspose3d", 4, 6, 3, stride=2), [(4, 2, 3, 2)]),
        (alone("ConvTranspose3d", 4, 6, (3, 5, 2), stride=(2, 1, 1), padding=(0, 4, 2)), [(4, 3, 6, 4)]),
    ],
    "LazyLinear": [(lazily("LazyLinear", (5,), 3), [(5,)]), (alone("LazyLinear", 3), [(5,)])],
    **{
        f"LazyConv{d}d": [
            (lazily(f"LazyConv{d}d", SMALL[d], 3, 2), [SMALL[d]]),
            (alone(f"LazyConv{d}d", 3, 2), [SMALL[d]]),
        ]
        for d in (1, 2, 3)
    },
    **{
        f"LazyConvTranspose{d}d": [
            (lazily(f"LazyConvTranspose{d}d", SMALL[d], 3, 2), [SMALL[d]]),
            (alone(f"LazyConvTranspose{d}d", 3, 2), [SMALL[d]]),
        ]
        for d in (1, 2, 3)
    },
    **{
        f"LazyBatchNorm{d}d": [
            (lazily(f"LazyBatchNorm{d}d", SMALL[d]), [SMALL[d]]),
            (alone(f"LazyBatchNorm{d}d"), [SMALL[d]]),
        ]
        for d in (1, 2, 3)
    },
    **{
        f"LazyInstanceNorm{d}d": [
            (lazily(f"LazyInstanceNorm{d}d", SMALL[d]), [SMALL[d]]),
            (alone(f"LazyInstanceNorm{d}d"), [SMALL[d]]),
        ]
        for d in (1, 2, 3)
    },
    "Unfold": [(alone("Unfold", kernel_size=(2, 3)), [(5, 3, 4)])],
    "Fold": [(alone("Fold", output_size=(4, 5), kernel_size=(2, 2)), [(3 * 2 * 2, 12)])],
    "Flatten": [(alone("Flatten"), [(1, 5, 5)]), (alone("Flatten", 0, 2), [(1, 5, 5)])],
    "Unflatten": [
        (alone("Unflatten", 1, (2, 5, 5)), [(50,)]),
        (alone("Unflatten", 1, torch.Size([2, 5, 5])), [(50,)]),
    ],
    **{
        f"MaxPool{d}d": [(alone(f"MaxPool{d}d", 3, stride=2), [SMALL[d]])] for d in (1, 2)
    },
    "MaxPool3d": [
        (alone("MaxPool3d", 3, stride=2), [(2, 4, 5, 3)]),
        (alone("MaxPool3d", (3, 2, 2), stride=(2, 1, 2)), [(2, 4, 5, 3)]),
    ],
    **{
        f"MaxUnpool{d}d": [(alone(f"MaxUnpool{d}d", 2, stride=2), [SMALL[d], SMALL[d]])]
        for d in (1, 2, 3)
    },
    "AvgPool1d": [(alone("AvgPool1d", 3, stride=2), [(1, 7)])],
    "AvgPool2d": [
        (alone("AvgPool2d", 3, stride=2), [(3, 5, 6)]),
        (alone("AvgPool2d", (3, 2), stride=(2, 1)), [(3, 5, 6)]),
    ],
    "AvgPool3d": [(alone("AvgPool3d", (3, 2, 2), stride=(2, 1, 2)), [(2, 4, 5, 3)])],
    "FractionalMaxPool2d": [(alone("FractionalMaxPool2d", 3, output_size=(3, 2)), [(2, 6, 7)])],
    "FractionalMaxPool3d": [(alone("FractionalMaxPool3d", 3, output_size=(3, 2, 2)), [(2, 6, 7, 6)])],
    **{f"LPPool{d}d": [(alone(f"LPPool{d}d", 2, 3, stride=2), [SMALL[d]])] for d in (1, 2, 3)},
    "AdaptiveAvgPool1d": [(alone("AdaptiveAvgPool1d", 5), [(3, 8)])],
    "AdaptiveAvgPool2d": [
        (alone("AdaptiveAvgPool2d", (5, 7)), [(3, 8, 9)]),
        (alone("AdaptiveAvgPool2d", 7), [(3, 10, 9)]),
        (alone("AdaptiveAvgPool2d", (None, 7)), [(3, 10, 9)]),
    ],
    "AdaptiveAvgPool3d": [
        (alone("AdaptiveAvgPool3d", (5, 7, 9)), [(2, 8, 9, 10)]),
        (alone("AdaptiveAvgPool3d", (7, None, None)), [(2, 10, 5, 4)]),
    ],
    "AdaptiveMaxPool1d": [(alone("AdaptiveMaxPool1d", 5), [(3, 8)])],
    "AdaptiveMaxPool2d": [(alone("AdaptiveMaxPool2d", (None, 7)), [(3, 4, 9)])],
    "AdaptiveMaxPool3d": [(alone("AdaptiveMaxPool3d", (5, 3, 2)), [(2, 8, 9, 3)])],
    "ReflectionPad1d": [(alone("ReflectionPad1d", (3, 1)), [(2, 4)])],
    "ReflectionPad2d": [
        (alone("ReflectionPad2d", 2), [(1, 3, 3)]),
        (alone("ReflectionPad2d", (1, 1, 2, 0)), [(1, 3, 3)]),
    ],
    "ReflectionPad3d": [(alone("ReflectionPad3d", 1), [(1, 2, 2, 2)])],
    "ReplicationPad1d": [(alone("ReplicationPad1d", (3, 1)), [(2, 4)])],
    "ReplicationPad2d": [(alone("ReplicationPad2d", (1, 1, 2, 0)), [(1, 3, 3)])],
    "ReplicationPad3d": [(alone("ReplicationPad3d", (3, 3, 6, 6, 1, 1)), [(3, 4, 5, 3)])],
    "ZeroPad1d": [(alone("ZeroPad1d", (3, 1)), [(2, 4)])],
    "ZeroPad2d": [(alone("ZeroPad2d", (1, 1, 2, 0)), [(1, 3, 3)])],
    "ZeroPad3d": [(alone("ZeroPad3d", (3, 3, 6, 6, 0, 1)), [(3, 4, 5, 3)])],
    "ConstantPad1d": [(alone("ConstantPad1d", (3, 1), 3.5), [(2, 4)])],
    "ConstantPad2d": [(alone("ConstantPad2d", (3, 0, 2, 1), 3.5), [(1, 2, 2)])],
    "ConstantPad3d": [(alone("ConstantPad3d", (3, 3, 6, 6, 0, 1), 3.5), [(3, 4, 5, 3)])],
    "CircularPad1d": [(alone("CircularPad1d", (3, 1)), [(2, 4)])],
    "CircularPad2d": [(alone("CircularPad2d", (1, 1, 2, 0)), [(1, 3, 3)])],
    "CircularPad3d": [(alone("CircularPad3d", (3, 3, 6, 6, 1, 1)), [(3, 6, 6, 3)])],
    **{
        kind: [(alone(kind), [(2,)])]
        for kind in (
            "ELU", "Hardshrink", "Hardsigmoid", "Hardswish", "LogSigmoid", "PReLU", "ReLU", "ReLU6", "SELU",
            "CELU", "GELU", "Sigmoid", "SiLU", "Mish", "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink",
        )
    },
    "Hardtanh": [(alone("Hardtanh", -2, 2), [(2,)])],
    "LeakyReLU": [(alone("LeakyReLU", 0.1), [(2,)])],
    "RReLU": [(alone("RReLU", 0.1, 0.3), [(2,)])],
    "Threshold": [(alone("Threshold", 0, 0.5), [(2,)])],
    "GLU": [(alone("GLU"), [(4,)])],
    "Softmin": [(alone("Softmin", dim=1), [(3,)])],
    "Softmax": [(alone("Softmax", dim=1), [(3,)])],
    "Softmax2d": [(alone("Softmax2d"), [(3, 4, 5)])],
    "LogSoftmax": [(alone("LogSoftmax", dim=1), [(3,)])],
    "AdaptiveLogSoftmaxWithLoss": [
        (alone("AdaptiveLogSoftmaxWithLoss", 8, 20, [5, 10]), [(8,), (1,)])
    ],
    "MultiheadAttention": [(alone("MultiheadAttention", 8, 2), [(3, 8), (3, 8), (3, 8)])],
    "BatchNorm1d": [
        (alone("BatchNorm1d", 10), [(10,)]),
        (alone("BatchNorm1d", 10, affine=False), [(10,)]),
        (alone("BatchNorm1d", 10, track_running_stats=False), [(10,)]),
    ],
    "BatchNorm2d": [
        (alone("BatchNorm2d", 10), [(10, 3, 4)]),
        (alone("BatchNorm2d", 10, affine=False), [(10, 3, 4)]),
    ],
    "BatchNorm3d": [(alone("BatchNorm3d", 10), [(10, 3, 4, 2)])],
    "SyncBatchNorm": [(alone("SyncBatchNorm", 10), [(10, 3, 4, 2)])],
    "GroupNorm": [(alone("GroupNorm", 3, 6), [(6, 4, 4)])],
    **{
        f"InstanceNorm{d}d": [
            (alone(f"InstanceNorm{d}d", SMALL[d][0]), [SMALL[d]]),
            (alone(f"InstanceNorm{d}d", SMALL[d][0], affine=True, track_running_stats=True), [SMALL[d]]),
        ]
        for d in (1, 2, 3)
    },
    "LayerNorm": [(alone("LayerNorm", 10), [(5, 10)]), (alone("LayerNorm", [5, 3, 4]), [(5, 3, 4)])],
    "RMSNorm": [(alone("RMSNorm", [2, 3]), [(2, 3)])],
    "LocalResponseNorm": [(alone("LocalResponseNorm", 2), [(5, 4, 4)])],
    "CrossMapLRN2d": [(alone("CrossMapLRN2d", 2), [(5, 4, 4)])],
    "RNN": [
        (alone("RNN", 10, 20, 2), [(5, 10)]),
        (alone("RNN", 3, 4, 2, nonlinearity="relu", batch_first=True), [(5, 3)]),
    ],
    "LSTM": [(alone("LSTM", 10, 20, 2), [(5, 10)])],
    "GRU": [(alone("GRU", 10, 20, 2), [(5, 10)])],
    "RNNCell": [
        (alone("RNNCell", 10, 20), [(10,)]),
        (alone("RNNCell", 10, 20, nonlinearity="relu"), [(10,)]),
    ],
    "LSTMCell": [(alone("LSTMCell", 10, 20), [(10,)])],
    "GRUCell": [(alone("GRUCell", 10, 20), [(10,)])],
    "RNNBase": [(alone("RNNBase", "RNN_TANH", 10, 20), [(5, 10)])],
    "RNNCellBase": [(alone("RNNCellBase", 10, 20, True, 1), [(10,)])],
    "Transformer": [(alone("Transformer", 8, 2, 1, 1, 16), [(4, 8), (3, 8)])],
    "TransformerEncoder": [
        (lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 1), [(4, 8)])
    ],
    "TransformerDecoder": [
        (lambda: nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 1), [(4, 8), (4, 8)])
    ],
    "TransformerEncoderLayer": [
        (alone("TransformerEncoderLayer", 8, 2, 16), [(4, 8)]),
        (alone("TransformerEncoderLayer", 8, 2, 16, batch_first=True), [(4, 8)]),
    ],
    "TransformerDecoderLayer": [(alone("TransformerDecoderLayer", 8, 2, 16), [(4, 8), (4, 8)])],
    "Dropout": [(alone("Dropout", p=0.2), [(16,)])],
    "Dropout1d": [(alone("Dropout1d", p=0.2), [SIGNAL])],
    "Dropout2d": [(alone("Dropout2d", p=0.2), [IMAGE])],
    "Dropout3d": [(alone("Dropout3d", p=0.2), [VOLUME])],
    "AlphaDropout": [(alone("AlphaDropout", p=0.2), [(16,)])],
    "FeatureAlphaDropout": [(alone("FeatureAlphaDropout", p=0.2), [VOLUME])],
    "Embedding": [(alone("Embedding", 10, 3), [(4,)])],
    "EmbeddingBag": [(alone("EmbeddingBag", 10, 3, mode="sum"), [(4,)])],
    "CosineSimilarity": [(alone("CosineSimilarity", dim=1, eps=1e-6), [(12,), (12,)])],
    "PairwiseDistance": [
        (alone("PairwiseDistance", p=2), [(12,), (12,)]),
        (alone("PairwiseDistance", p=1), [(12,), (12,)]),
    ],
    **{
        kind: [(alone(kind), [(5,), (5,)])]
        for kind in (
            "L1Loss", "MSELoss", "CrossEntropyLoss", "NLLLoss", "NLLLoss2d", "PoissonNLLLoss", "KLDivLoss",
            "BCELoss", "BCEWithLogitsLoss", "HingeEmbeddingLoss", "MultiLabelMarginLoss", "HuberLoss",
            "SmoothL1Loss", "SoftMarginLoss", "MultiLabelSoftMarginLoss", "MultiMarginLoss",
        )
    },
    "LinearCrossEntropyLoss": [(alone("LinearCrossEntropyLoss", 5, 4), [(5,), (1,)])],
    "GaussianNLLLoss": [(alone("GaussianNLLLoss"), [(2,), (2,), (2,)])],
    "CTCLoss": [(alone("CTCLoss"), [(5, 4), (3,), (1,), (1,)])],
    "MarginRankingLoss": [(alone("MarginRankingLoss"), [(3,), (3,), (3,)])],
    "CosineEmbeddingLoss": [(alone("CosineEmbeddingLoss"), [(5,), (5,), ()])],
    "TripletMarginLoss": [
        (alone("TripletMarginLoss", margin=1.0, p=2, eps=1e-7), [(12,), (12,), (12,)])
    ],
    "TripletMarginWithDistanceLoss": [
        (alone("TripletMarginWithDistanceLoss", distance_function=nn.PairwiseDistance()), [(12,)] * 3)
    ],
    "PixelShuffle": [(alone("PixelShuffle", 3), [(9, 4, 4)])],
    "PixelUnshuffle": [(alone("PixelUnshuffle", 3), [(1, 12, 12)])],
    "ChannelShuffle": [(alone("ChannelShuffle", 2), [(4, 2, 2)])],
    "Upsample": [
        (alone("Upsample", scale_factor=2, mode="nearest"), [(1, 2, 2)]),
        (alone("Upsample", scale_factor=2, mode="bilinear"), [(1, 2, 2)]),
        (alone("Upsample", scale_factor=2, mode="bilinear", align_corners=True), [(1, 3, 3)]),
        (alone("Upsample", size=(5, 7), mode="bicubic"), [(2, 4, 3)]),
        (alone("Upsample", scale_factor=1.7, mode="nearest-exact"), [(1, 4, 3)]),
    ],
    "UpsamplingNearest2d": [(alone("UpsamplingNearest2d", scale_factor=2), [(1, 2, 2)])],
    "UpsamplingBilinear2d": [(alone("UpsamplingBilinear2d", scale_factor=2), [(1, 2, 2)])],
    "Sequential": [
        (lambda: nn.Sequential(nn.Conv2d(1, 2, 5), nn.ReLU(), nn.Conv2d(2, 3, 5), nn.ReLU()), [(1, 9, 10)]),
        (alone("Sequential"), [(3,)]),
    ],
    "DataParallel": [(lambda: nn.DataParallel(nn.Linear(3, 2)), [(3,)])],
    "Module": [(alone("Module"), [(3,)])],
    "Container": [(alone("Container"), [(3,)])],
    "ModuleList": [(lambda: nn.ModuleList([nn.Linear(10, 10) for _ in range(10)]), [(10,)])],
    "ModuleDict": [(lambda: nn.ModuleDict({"conv": nn.Conv2d(10, 10, 3)}), [(10, 4, 4)])],
    "ParameterList": [(lambda: nn.ParameterList([nn.Parameter(torch.ones(2, 2))]), [(2,)])],
    "ParameterDict": [(lambda: nn.ParameterDict({"left": nn.Parameter(torch.ones(2, 2))}), [(2,)])],
}  # fmt: skip

# Of the ways to make them; the others are not piecewise linear, or cannot run on floats.
RIGHT_AT_LEAST = 108


def outcome(make: Make, shapes: Shapes) -> str:
    """Return "right", "wrong" with the difference, or the reason of a refusal."""
    torch.manual_seed(0)
    module = make()
    try:
        module = module.double().eval()
        net = pe.load(module, input_shape=shapes[0] if len(shapes) == 1 else shapes)
    except pe.NetworkError as error:
        return f"refused: {error}"
    rng = np.random.default_rng(0)
    for _ in range(5):
        parts = [2 * rng.normal(size=shape) for shape in shapes]
        with torch.no_grad():
            found = module(*(torch.from_numpy(p)[None] for p in parts))
        tensors = torch.utils._pytree.tree_leaves(found)
        expected = torch.cat([t.reshape(-1) for t in tensors]).numpy()
        ours = net(np.concatenate([p.ravel() for p in parts]))
        if ours.shape != expected.shape or not np.allclose(ours, expected, rtol=1e-9, atol=1e-9):
            return f"wrong by {np.abs(ours - expected).max()}"
    return "right"


def test_every_module_is_in_the_table() -> None:
    kinds = {
        name
        for name, thing in vars(nn).items()
        if isinstance(thing, type) and issubclass(thing, nn.Module)
    }
    assert kinds <= set(TABLE)


@pytest.mark.filterwarnings("ignore")
def test_every_module_is_right_or_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    """No other error ever, and none wrong."""
    found: dict[str, str] = {}
    for kind, cases in TABLE.items():
        if not hasattr(nn, kind):
            continue
        for k, (make, shapes) in enumerate(cases):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                found[f"{kind}, {k + 1}"] = outcome(make, shapes)
    counts = Counter(result.split(":")[0].split(" ")[0] for result in found.values())
    with capsys.disabled():
        print(
            f"\ntorch.nn: {len(TABLE)} modules, {len(found)} ways to make them: {counts['right']} right, "
            f"{counts['refused']} refused, {counts['wrong']} wrong"
        )
    assert {name: why for name, why in found.items() if why.startswith("wrong")} == {}
    # Those that are made of others name the one that is to blame.
    inner = {"TripletMarginWithDistanceLoss": "PairwiseDistance"}
    inner |= {kind: "MultiheadAttention" for kind in TABLE if kind.startswith("Transformer")}
    unnamed = {}
    for name, why in found.items():
        kind = name.split(",")[0]
        if why.startswith("refused") and not (kind in why or inner.get(kind, kind) in why):
            unnamed[name] = why
    assert unnamed == {}
    assert counts["right"] >= RIGHT_AT_LEAST

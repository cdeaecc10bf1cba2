"""Builds the int8 ONNX graph of a MiniLM-like model (a BERT encoder, pooled, of length 1) from its safetensors file.

    python -m ouvidor.engines.minilm MODEL_FOLDER OUT_FOLDER

A program of its own, so that neither the float weights nor `import onnx` burden the server. It writes `int8.onnx` and
`facts.json` to OUT_FOLDER and tells its progress on standard output, one JSON object a line. Exit code 3: the model
cannot be used, and standard error holds the sentence that says why. `build` is its caller.

How it is quantised. Each row of activations (one token) has its own scale, its greatest magnitude; each column of
weights has its own. So a text's vector does not depend on the texts that share its batch, as it does where a tensor has
one dynamic range (`onnxruntime.quantization.quantize_dynamic`: cosine to itself down to .98), and it lies nearer to the
float32 vector: .99 and above for sentences, .98 for a lone word. Weights use 7 of the 8 bits: x86 processors without
VNNI add two products of 8 bits in 16, with saturation, and 2 × 255 × 63 still fits. The table of words has a scale per
row.
"""

import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from ouvidor.engines.build import FACTS, GRAPH, UNUSABLE_EXIT, Facts, Step
from ouvidor.engines.checkpoint import Architecture, ModelUnusable, read_architecture, read_weights, tensor_of
from ouvidor.engines.encoder import INPUTS, OUTPUT, Encoder

MICROSOFT = "com.microsoft"  # onnxruntime's own operators
OPSETS = {"": 20, MICROSOFT: 1}
IR_VERSION = 9
WEIGHT_LIMIT = 63
ACTIVATION_LIMIT = 127
ZERO = 128  # activations are stored as uint8
LEAST_COSINE = 0.95
PROBES = (
    "How do I change the address of my order?",
    "Posso cancelar a reserva sem custo até a véspera?",
    "Breakfast is served from half past six to ten.",
    "The battery keeps at least seventy per cent of its capacity for eight years or 160,000 kilometres of driving.",
)

Weights = Mapping[str, NDArray[np.float32]]


class _Graph:
    """Nodes and constants of a graph under construction; each method returns the name of its result."""

    def __init__(self, weights: Weights, *, quantised: bool) -> None:
        self._weights = weights
        self._quantised = quantised
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._quantised_rows: dict[str, tuple[str, str]] = {}

    def op(self, kind: str, *inputs: str, domain: str = "", name: str = "", **attributes: Any) -> str:
        """One operator with one output."""
        output = name or f"v{len(self._nodes)}"
        self._nodes.append(helper.make_node(kind, inputs, [output], domain=domain, **attributes))
        return output

    def constant(self, value: NDArray[Any]) -> str:
        """A constant tensor."""
        name = f"c{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(value, order="C"), name))
        return name

    def number(self, value: float) -> str:
        """A float32 constant without dimensions."""
        return self.constant(np.array(value, np.float32))

    def indexes(self, *values: int) -> str:
        """A one-dimensional int64 constant."""
        return self.constant(np.array(values, np.int64))

    def weight(self, name: str, *shape: int) -> NDArray[np.float32]:
        """A tensor of the model file.

        Raises:
            ModelUnusable: it is missing, or of another shape.
        """
        return tensor_of(self._weights, name, *shape)

    def rows(self, table: NDArray[np.float32], ids: str) -> str:
        """The rows of a table that `ids` names."""
        if not self._quantised:
            return self.op("Gather", self.constant(table), ids)
        scale = _scale(table, axis=1, limit=ACTIVATION_LIMIT)
        stored = self.op("Gather", self.constant(np.rint(table / scale).astype(np.int8)), ids)
        return self.op(
            "Mul",
            self.op("Cast", stored, to=onnx.TensorProto.FLOAT),
            self.op("Gather", self.constant(scale), ids),
        )

    def linear(self, x: str, name: str, inputs: int, outputs: int) -> str:
        """`x` times the layer's transposed weight, plus its bias."""
        weight = self.weight(f"{name}.weight", outputs, inputs).T
        bias = self.constant(self.weight(f"{name}.bias", outputs))
        if not self._quantised:
            return self.op("Add", self.op("MatMul", x, self.constant(weight)), bias)
        scale = _scale(weight, axis=0, limit=WEIGHT_LIMIT)
        rows, greatest = self._quantise_rows(x)
        product = self.op(
            "MatMulIntegerToFloat",
            rows,
            self.constant(np.rint(weight / scale).astype(np.int8)),
            self.number(1 / ACTIVATION_LIMIT),
            self.constant(scale.ravel()),
            self.constant(np.array(ZERO, np.uint8)),
            domain=MICROSOFT,
        )
        return self.op("Add", self.op("Mul", product, greatest), bias)

    def layer_norm(self, x: str, name: str, size: int, epsilon: float) -> str:
        """Normalisation of each row, scaled and shifted as the model learnt."""
        scale, shift = self.weight(f"{name}.weight", size), self.weight(f"{name}.bias", size)
        return self.op("LayerNormalization", x, self.constant(scale), self.constant(shift), axis=-1, epsilon=epsilon)

    def finish(self, dimension: int) -> onnx.ModelProto:
        """The model: two int64 inputs of shape (texts, tokens), one float32 output (texts, dimension)."""
        tensors = [helper.make_tensor_value_info(n, onnx.TensorProto.INT64, ["texts", "tokens"]) for n in INPUTS]
        result = helper.make_tensor_value_info(OUTPUT, onnx.TensorProto.FLOAT, ["texts", dimension])
        graph = helper.make_graph(self._nodes, "encoder", tensors, [result], self._constants)
        opsets = [helper.make_opsetid(domain, version) for domain, version in OPSETS.items()]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="ouvidor")

    def _quantise_rows(self, x: str) -> tuple[str, str]:
        """`x` as uint8 around ZERO, and the greatest magnitude of each row; made once for all layers that read `x`."""
        if x not in self._quantised_rows:
            greatest = self.op("ReduceMax", self.op("Abs", x), self.indexes(-1), keepdims=1)
            rows = self.op(
                "QuantizeLinear",
                self.op("Div", x, greatest),
                self.number(1 / ACTIVATION_LIMIT),
                self.constant(np.array(ZERO, np.uint8)),
            )
            self._quantised_rows[x] = rows, greatest
        return self._quantised_rows[x]


def build_graph(weights: Weights, architecture: Architecture, *, quantised: bool) -> onnx.ModelProto:
    """The encoder as ONNX, in int8 (see the module) or in float32 (the reference).

    Raises:
        ModelUnusable: a tensor is missing or of another shape than the architecture says.
    """
    graph = _Graph(weights, quantised=quantised)
    mask = graph.op("Cast", INPUTS[1], to=onnx.TensorProto.INT32)
    x = _embeddings(graph, architecture)
    for layer in range(architecture.layers):
        x = _layer(graph, architecture, f"encoder.layer.{layer}", x, mask)
    graph.op("LpNormalization", _pooled(graph, architecture, x), name=OUTPUT, axis=1, p=2)
    return graph.finish(architecture.hidden)


def _embeddings(graph: _Graph, architecture: Architecture) -> str:
    """Word, position and (first) type of each token, added and normalised: (texts, tokens, hidden)."""
    hidden = architecture.hidden
    words = graph.weight("embeddings.word_embeddings.weight", -1, hidden)
    positions = graph.weight("embeddings.position_embeddings.weight", -1, hidden)
    types = graph.weight("embeddings.token_type_embeddings.weight", -1, hidden)
    length = graph.op("Shape", INPUTS[0], start=1, end=2)
    places = graph.op(
        "Slice", graph.constant(positions[: architecture.max_tokens] + types[0]), graph.indexes(0), length
    )
    summed = graph.op("Add", graph.rows(words, INPUTS[0]), places)
    return graph.layer_norm(summed, "embeddings.LayerNorm", hidden, architecture.epsilon)


def _layer(graph: _Graph, architecture: Architecture, name: str, x: str, mask: str) -> str:
    """Self-attention and the two dense layers, each added to its input and normalised (Devlin et al. 2019)."""
    hidden, epsilon = architecture.hidden, architecture.epsilon
    projections = [
        graph.linear(x, f"{name}.attention.self.{part}", hidden, hidden) for part in ("query", "key", "value")
    ]
    attended = graph.op("MultiHeadAttention", *projections, "", mask, domain=MICROSOFT, num_heads=architecture.heads)
    attended = graph.linear(attended, f"{name}.attention.output.dense", hidden, hidden)
    x = graph.layer_norm(graph.op("Add", x, attended), f"{name}.attention.output.LayerNorm", hidden, epsilon)
    inner = graph.weight(f"{name}.intermediate.dense.bias", -1).size
    widened = graph.op("Gelu", graph.linear(x, f"{name}.intermediate.dense", hidden, inner))
    narrowed = graph.linear(widened, f"{name}.output.dense", inner, hidden)
    return graph.layer_norm(graph.op("Add", x, narrowed), f"{name}.output.LayerNorm", hidden, epsilon)


def _pooled(graph: _Graph, architecture: Architecture, x: str) -> str:
    """One row per text: the mean of its real tokens, or its first token."""
    if architecture.pooling == "cls":
        return graph.op("Gather", x, graph.constant(np.array(0, np.int64)), axis=1)
    real = graph.op("Unsqueeze", graph.op("Cast", INPUTS[1], to=onnx.TensorProto.FLOAT), graph.indexes(2))
    summed = graph.op("ReduceSum", graph.op("Mul", x, real), graph.indexes(1), keepdims=0)
    return graph.op("Div", summed, graph.op("ReduceSum", real, graph.indexes(1), keepdims=0))


def _scale(weight: NDArray[np.float32], *, axis: int, limit: int) -> NDArray[np.float32]:
    """What one step of the integers is worth, along `axis`; 1 where every weight is 0."""
    greatest = np.abs(weight).max(axis=axis, keepdims=True)
    return np.where(greatest > 0, greatest / limit, 1).astype(np.float32)


def fidelity(exact: onnx.ModelProto, quantised: onnx.ModelProto, tokenizer: bytes, max_tokens: int) -> float:
    """The least cosine between the two graphs' vectors over a few sentences; NaN counts as -1."""
    vectors = [
        Encoder(graph.SerializeToString(), tokenizer, max_tokens=max_tokens, threads=1).encode(PROBES)
        for graph in (exact, quantised)
    ]
    least = float((vectors[0] * vectors[1]).sum(axis=1).min())
    return -1 if math.isnan(least) else least


def build(folder: Path, out: Path) -> None:
    """Write `int8.onnx` and `facts.json` (dimension, max_tokens, cosine) of the model in `folder` to `out`.

    Raises:
        ModelUnusable: a file is broken, they do not belong together, or int8 falls short of float32.
    """
    _tell("reading the weights", 0.0)
    architecture = read_architecture(folder)
    weights = read_weights(folder / "model.safetensors")
    _tell("quantising", 0.2)
    quantised = build_graph(weights, architecture, quantised=True)
    _tell("comparing with float32", 0.6)
    exact = build_graph(weights, architecture, quantised=False)
    tokenizer = (folder / "tokenizer.json").read_bytes()
    cosine = fidelity(exact, quantised, tokenizer, architecture.max_tokens)
    if cosine < LEAST_COSINE:
        raise ModelUnusable(
            f"The model in {folder} loses its meaning in int8 (cosine {cosine:.3f} to float32): "
            "set OUVIDOR_MODEL_DIR to another model, or leave it empty."
        )
    (out / GRAPH).write_bytes(quantised.SerializeToString())
    facts = Facts(dimension=architecture.hidden, max_tokens=architecture.max_tokens, cosine=round(cosine, 4))
    (out / FACTS).write_text(facts.model_dump_json())


def _tell(step: str, done: float) -> None:
    sys.stdout.write(Step(step=step, done=done).model_dump_json() + "\n")
    sys.stdout.flush()


def main(arguments: Sequence[str]) -> int:
    """Run the program; its exit code."""
    folder, out = map(Path, arguments)
    try:
        build(folder, out)
    except ModelUnusable as error:
        sys.stderr.write(error.detail)
        return UNUSABLE_EXIT
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""A BERT of a few thousand random weights in the layout of sentence-transformers, its wheel, and its mathematics."""

import base64
import hashlib
import json
import math
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from ouvidor.engines.models import REQUIRED, Package

HIDDEN, HEADS, LAYERS, INNER, PLACES, MAX_TOKENS = 32, 2, 2, 64, 64, 16
EPSILON = 1e-6
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
WORDS = (
    "the",
    "a",
    "my",
    "order",
    "car",
    "hotel",
    "room",
    "breakfast",
    "is",
    "was",
    "late",
    "early",
    "where",
    "pay",
    "?",
)
Array = NDArray[np.floating]


def write_model(folder: Path, *, seed: int = 1, pooling: str = "mean") -> dict[str, Array]:
    """Write the model's files; its weights."""
    (folder / "1_Pooling").mkdir(parents=True)
    weights = random_weights(np.random.default_rng(seed))
    write_safetensors(folder / "model.safetensors", weights)
    write_tokenizer(folder / "tokenizer.json")
    config = {
        "model_type": "bert",
        "hidden_act": "gelu",
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
        "hidden_size": HIDDEN,
        "layer_norm_eps": EPSILON,
        "max_position_embeddings": PLACES,
    }
    (folder / "config.json").write_text(json.dumps(config))
    chosen = {"pooling_mode_cls_token": pooling == "cls", "pooling_mode_mean_tokens": pooling == "mean"}
    (folder / "1_Pooling/config.json").write_text(json.dumps(chosen))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": MAX_TOKENS}))
    return weights


def random_weights(rng: np.random.Generator) -> dict[str, Array]:
    def normal(*shape: int) -> Array:
        return rng.normal(0, 0.3, shape).astype(np.float32)

    def norm(name: str) -> dict[str, Array]:
        return {f"{name}.weight": 1 + normal(HIDDEN), f"{name}.bias": normal(HIDDEN)}

    def dense(name: str, inputs: int, outputs: int) -> dict[str, Array]:
        return {f"{name}.weight": normal(outputs, inputs), f"{name}.bias": normal(outputs)}

    weights = {
        "embeddings.word_embeddings.weight": normal(len(SPECIAL) + len(WORDS), HIDDEN),
        "embeddings.position_embeddings.weight": normal(PLACES, HIDDEN),
        "embeddings.token_type_embeddings.weight": normal(2, HIDDEN),
        **norm("embeddings.LayerNorm"),
    }
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            weights |= dense(f"{name}.{part}", HIDDEN, HIDDEN)
        weights |= dense(f"{name}.intermediate.dense", HIDDEN, INNER) | dense(f"{name}.output.dense", INNER, HIDDEN)
        weights |= norm(f"{name}.attention.output.LayerNorm") | norm(f"{name}.output.LayerNorm")
    return weights


def write_safetensors(path: Path, weights: dict[str, Array]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    place = 0
    for name, array in weights.items():
        kind = {"float32": "F32", "float16": "F16"}[array.dtype.name]
        header[name] = {"dtype": kind, "shape": array.shape, "data_offsets": [place, place + array.nbytes]}
        place += array.nbytes
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + b"".join(array.tobytes() for array in weights.values()))


def write_tokenizer(path: Path) -> None:
    """One token a word; it asks for padding to 20 and cutting at 5, which a reader must overrule."""
    vocabulary = {token: number for number, token in enumerate((*SPECIAL, *WORDS))}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(length=20)
    tokenizer.enable_truncation(5)
    tokenizer.save(str(path))


def expected_vector(weights: dict[str, Array], words: list[str], pooling: str) -> Array:
    """What the model is by definition (Devlin et al. 2019), in plain numpy, for one text without padding."""

    def norm(x: Array, name: str) -> Array:
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + EPSILON)
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    def dense(x: Array, name: str) -> Array:
        return x @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def heads(x: Array) -> Array:
        return x.reshape(len(x), HEADS, HIDDEN // HEADS).transpose(1, 0, 2)

    known = (*SPECIAL, *WORDS)
    ids = [2, *(known.index(word) if word in known else 1 for word in words), 3]
    x = weights["embeddings.word_embeddings.weight"][ids] + weights["embeddings.token_type_embeddings.weight"][0]
    x = norm(x + weights["embeddings.position_embeddings.weight"][: len(ids)], "embeddings.LayerNorm")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        query, key, value = (heads(dense(x, f"{name}.attention.self.{part}")) for part in ("query", "key", "value"))
        scores = np.exp(query @ key.transpose(0, 2, 1) / math.sqrt(HIDDEN // HEADS))
        seen = (scores / scores.sum(-1, keepdims=True)) @ value
        seen = dense(seen.transpose(1, 0, 2).reshape(len(ids), HIDDEN), f"{name}.attention.output.dense")
        x = norm(x + seen, f"{name}.attention.output.LayerNorm")
        wide = dense(x, f"{name}.intermediate.dense")
        wide = wide * 0.5 * (1 + np.vectorize(math.erf)(wide / math.sqrt(2)))
        x = norm(x + dense(wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    pooled = x[0] if pooling == "cls" else x.mean(0)
    return pooled / np.linalg.norm(pooled)


def write_wheel(folder: Path, model: Path, *, name: str = "tiny-minilm-for-tests") -> Package:
    """Pack a model folder as the real one is packed; the package that `install` is told to fetch."""
    module, info = name.replace("-", "_"), f"{name.replace('-', '_')}-1.0.dist-info"
    contents = {
        f"{module}/__init__.py": b"raise RuntimeError('nothing of the package may be run')\n",
        **{f"{module}/model/{path.relative_to(model)}": path.read_bytes() for path in model.rglob("*.*")},
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\nRequires-Dist: torch\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    lines = [f"{path},sha256={_short(content)},{len(content)}" for path, content in contents.items()]
    contents[f"{info}/RECORD"] = "\n".join([*lines, f"{info}/RECORD,,", ""]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"{module}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, content in contents.items():
            archive.writestr(path, content)
    names = (*REQUIRED, "1_Pooling/config.json", "sentence_bert_config.json")
    return Package(
        name=name,
        version="1.0",
        wheel_digest=hashlib.sha256(wheel.read_bytes()).hexdigest(),
        model="tiny",
        digests={part: hashlib.sha256((model / part).read_bytes()).hexdigest() for part in names},
    )


def _short(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()

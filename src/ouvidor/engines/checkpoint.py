"""A model folder as sentence-transformers writes it: what it says of itself, checked, and its weights."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, PositiveFloat, PositiveInt, TypeAdapter, ValidationError
from tokenizers import Tokenizer

from ouvidor.errors import Unavailable

MAX_TOKENS = 256
T = TypeVar("T")

_DTYPES = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2"), "I64": np.dtype("<i8")}
_MODULES = frozenset({"Transformer", "Pooling", "Normalize"})


class ModelUnusable(Unavailable):
    """The embedding model cannot be used: run `ouvidor model install`."""


@dataclass(frozen=True)
class Architecture:
    """The measures of a BERT encoder and how its token vectors become one."""

    layers: int
    heads: int
    hidden: int
    epsilon: float
    pooling: Literal["mean", "cls"]
    max_tokens: int


class _Config(BaseModel):
    """`config.json`: the one family of models that our graph describes."""

    model_type: Literal["bert"]
    hidden_act: Literal["gelu"] = "gelu"
    position_embedding_type: Literal["absolute"] = "absolute"
    num_hidden_layers: PositiveInt
    num_attention_heads: PositiveInt
    hidden_size: PositiveInt
    layer_norm_eps: PositiveFloat = 1e-12
    max_position_embeddings: PositiveInt = 512


class _Pooling(BaseModel):
    """`1_Pooling/config.json`, which may be missing: the mean then."""

    pooling_mode_cls_token: bool = False
    pooling_mode_mean_tokens: bool = True
    pooling_mode_max_tokens: Literal[False] = False
    pooling_mode_mean_sqrt_len_tokens: Literal[False] = False
    pooling_mode_weightedmean_tokens: Literal[False] = False
    pooling_mode_lasttoken: Literal[False] = False


class _Limits(BaseModel):
    """`sentence_bert_config.json`, which may be missing."""

    max_seq_length: PositiveInt = MAX_TOKENS


class _Module(BaseModel):
    """A line of `modules.json`: one step from text to vector."""

    type: str


class _Tensor(BaseModel):
    """An entry of a safetensors header; the offsets count from the end of the header, in bytes."""

    dtype: Literal["F32", "F16", "I64"]
    shape: list[int]
    data_offsets: tuple[int, int]


def read_architecture(folder: Path) -> Architecture:
    """What the folder's JSON files say; texts are cut at the model's own limit, 256 tokens at most.

    Raises:
        ModelUnusable: a file is broken, or the model is not of the MiniLM kind.
    """
    config = _read_json(folder / "config.json", _Config)
    pooling = _read_json(folder / "1_Pooling/config.json", _Pooling, missing=_Pooling())
    limits = _read_json(folder / "sentence_bert_config.json", _Limits, missing=_Limits())
    if config.hidden_size % config.num_attention_heads:
        raise ModelUnusable(f"{folder / 'config.json'} splits {config.hidden_size} among its heads unevenly.")
    if pooling.pooling_mode_cls_token == pooling.pooling_mode_mean_tokens:
        raise ModelUnusable(f"{folder / '1_Pooling/config.json'} must choose either the mean or the first token.")
    for module in _read_json(folder / "modules.json", list[_Module], missing=[]):
        if module.type.rsplit(".", 1)[-1] not in _MODULES:
            raise ModelUnusable(
                f"{folder / 'modules.json'} names {module.type}, which is not supported: "
                "set OUVIDOR_MODEL_DIR to a model of the MiniLM kind, or leave it empty."
            )
    return Architecture(
        layers=config.num_hidden_layers,
        heads=config.num_attention_heads,
        hidden=config.hidden_size,
        epsilon=config.layer_norm_eps,
        pooling="cls" if pooling.pooling_mode_cls_token else "mean",
        max_tokens=min(MAX_TOKENS, limits.max_seq_length, config.max_position_embeddings),
    )


def read_weights(path: Path) -> dict[str, NDArray[np.float32]]:
    """The tensors of a safetensors file by name, mapped from the file where it holds float32.

    Raises:
        ModelUnusable: the file is truncated, or it is not of this format.
    """
    try:
        data = np.memmap(path, dtype=np.uint8, mode="r")
        start = 8 + int.from_bytes(data[:8].tobytes(), "little")
        header = TypeAdapter(dict[str, object]).validate_json(data[8:start].tobytes())
        header.pop("__metadata__", None)
        tensors = TypeAdapter(dict[str, _Tensor]).validate_python(header)
    except (OSError, ValueError) as error:  # ValueError: an empty file, no JSON, or not what we expect of it
        raise ModelUnusable(_broken(path)) from error
    if not tensors or start + max(tensor.data_offsets[1] for tensor in tensors.values()) != data.size:
        raise ModelUnusable(_broken(path))
    return {name: _array(path, data[start:], tensor) for name, tensor in tensors.items()}


def read_tokenizer(content: bytes, max_tokens: int) -> Tokenizer:
    """A tokenizer from the text of its `tokenizer.json`; it cuts texts at `max_tokens` and pads none.

    Raises:
        ModelUnusable: that is not the text of a tokenizer.
    """
    try:
        tokenizer = Tokenizer.from_buffer(content)
    except Exception as error:  # tokenizers raises no narrower class
        raise ModelUnusable(
            f"The model's tokenizer.json cannot be read ({error}): "
            "run `ouvidor model install`, or give your own model folder its right file."
        ) from error
    tokenizer.enable_truncation(max_length=max_tokens)  # pyright: ignore[reportUnknownMemberType] — untyped **kwargs
    tokenizer.no_padding()
    return tokenizer


def tensor_of(weights: Mapping[str, NDArray[np.float32]], name: str, *shape: int) -> NDArray[np.float32]:
    """The tensor `name`, with or without the prefix `bert.`; -1 in `shape` stands for any length.

    Raises:
        ModelUnusable: it is missing, or of another shape.
    """
    found = weights.get(name, weights.get(f"bert.{name}"))
    if found is None:
        raise ModelUnusable(f"The file model.safetensors lacks {name}: it does not belong to this config.json.")
    if found.ndim != len(shape) or any(want not in {-1, have} for want, have in zip(shape, found.shape, strict=True)):
        raise ModelUnusable(
            f"In the file model.safetensors {name} has the shape {found.shape} instead of {shape}: "
            "it does not belong to this config.json."
        )
    return found


def _read_json(path: Path, kind: type[T], missing: T | None = None) -> T:
    try:
        return TypeAdapter(kind).validate_json(path.read_bytes())
    except FileNotFoundError:
        if missing is None:
            raise ModelUnusable(f"The model folder lacks {path}.") from None
        return missing
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ModelUnusable(
            f"{path} does not describe a model of the MiniLM kind ({where}: {first['msg']}): "
            "set OUVIDOR_MODEL_DIR to one that is, or leave it empty."
        ) from error


def _array(path: Path, data: NDArray[np.uint8], tensor: _Tensor) -> NDArray[np.float32]:
    begin, end = tensor.data_offsets
    dtype = _DTYPES[tensor.dtype]
    if not 0 <= begin <= end <= data.size or end - begin != math.prod(tensor.shape) * dtype.itemsize:
        raise ModelUnusable(_broken(path))
    return np.frombuffer(data[begin:end], dtype).reshape(tensor.shape).astype(np.float32, copy=False)


def _broken(path: Path) -> str:
    return (
        f"{path} is truncated or no safetensors file of 16- or 32-bit numbers: "
        "run `ouvidor model install`, or give your own model folder its right file."
    )

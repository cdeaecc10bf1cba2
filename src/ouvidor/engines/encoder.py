"""Text to vectors: a tokenizer and an ONNX graph, batched by length."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnxruntime  # pyright: ignore[reportMissingTypeStubs] — ships no types
from numpy.typing import NDArray
from tokenizers import Encoding

from ouvidor.engines.checkpoint import read_tokenizer

runtime: Any = onnxruntime

INPUTS = ("input_ids", "attention_mask")
OUTPUT = "embedding"
BATCH_TOKENS = 192  # measured on two cores: 128 to 512 tokens a run cost much the same; a small run holds less memory
SLICE = 1024  # texts tokenised at a time, which bounds memory
MAX_CHARS_PER_TOKEN = 32  # far above any language's mean; keeps the tokenizer from reading a whole book


class Encoder:
    """Embeds texts with a graph of `ouvidor.engines.minilm`; may be used by several threads at once.

    A run keeps to the thread that calls it, and `threads` runs go side by side on large input: this measured faster
    than sharing each small run between threads, and nothing spins between runs.

    Args:
        graph: the ONNX file's content.
        tokenizer: the content of `tokenizer.json`.
        max_tokens: longer texts are cut.
        threads: runs side by side.

    Raises:
        ModelUnusable: the tokenizer cannot be read.
    """

    def __init__(self, graph: bytes, tokenizer: bytes, *, max_tokens: int, threads: int) -> None:
        self._tokenizer = read_tokenizer(tokenizer, max_tokens)
        self._max_chars = max_tokens * MAX_CHARS_PER_TOKEN
        self._threads = threads
        options = runtime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # shapes change with every batch: patterns would pile up
        options.log_severity_level = 3
        self._session = runtime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        self.dimension = int(self._session.get_outputs()[0].shape[1])

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of length 1, shape (texts, dimension), in the order of the texts."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for start in range(0, len(texts), SLICE):
            vectors[start : start + SLICE] = self._encode_slice(texts[start : start + SLICE])
        return vectors

    def _encode_slice(self, texts: Sequence[str]) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dimension), np.float32)
        encodings = self._tokenizer.encode_batch_fast([self._readable(text) for text in texts])
        batches = list(_batches([len(encoding) for encoding in encodings]))

        def run(batch: list[int]) -> None:
            vectors[batch] = self._run([encodings[index] for index in batch])

        if len(batches) == 1 or self._threads == 1:
            for batch in batches:
                run(batch)
        else:
            with ThreadPoolExecutor(min(self._threads, len(batches))) as pool:
                list(pool.map(run, batches))
        return vectors

    def _readable(self, text: str) -> str:
        """The text's beginning; half a surrogate pair, which no tokenizer takes, becomes a question mark."""
        return text[: self._max_chars].encode(errors="replace").decode()

    def _run(self, encodings: Sequence[Encoding]) -> NDArray[np.float32]:
        shape = (len(encodings), max(len(encoding) for encoding in encodings))
        ids, mask = np.zeros(shape, np.int64), np.zeros(shape, np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding)] = encoding.ids
            mask[row, : len(encoding)] = 1
        return np.asarray(self._session.run([OUTPUT], dict(zip(INPUTS, (ids, mask), strict=True)))[0])


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """Indexes of texts of like length, at most BATCH_TOKENS a batch with the padding (one text may exceed that)."""
    batch: list[int] = []
    for index in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and lengths[index] * (len(batch) + 1) > BATCH_TOKENS:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch

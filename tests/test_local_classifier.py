"""The local classifier of comments, from text to classification, with vectors and without."""

import json
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from ouvidor.engines.embeddings import Embedder, NoEmbedder, load_embedder
from ouvidor.errors import Unprocessable
from ouvidor.evals.comments import read_comments, read_floors, run_comments, under_floor, without_label
from ouvidor.feedback.classification import Classification
from ouvidor.feedback.classifier import Classifier, Trained, classifier_for, classify, learn, shipped
from ouvidor.feedback.examples import Example, near_duplicates, own_examples
from ouvidor.feedback.local.features import Features, Scaling, features_of
from ouvidor.feedback.local.language import language_of
from ouvidor.feedback.local.train import compare, train
from ouvidor.feedback.measures import accuracy, calibration_error, confusion, macro_f1, of_categories
from ouvidor.feedback.taxonomy import DEFAULT, Category, Tag, Taxonomy
from ouvidor.knowledge.embedding import embed_texts

pytestmark = pytest.mark.anyio

WORDS_ALONE = NoEmbedder("left out by this test")


@pytest.fixture(scope="module")
def with_model(test_folder: Path) -> Embedder:
    """The installed model; without it there is nothing to test here."""
    found = load_embedder(test_folder, None, threads=1)
    if not found.available:
        pytest.skip("needs the embedding model")
    return found


@pytest.fixture(params=["vectors", "words"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    return request.getfixturevalue("with_model") if request.param == "vectors" else WORDS_ALONE


async def classified(embedder: Embedder, *texts: str, taxonomy: Taxonomy = DEFAULT) -> list[Classification]:
    return await classify(texts, await classifier_for(taxonomy, embedder), embedder)


PLAIN = [
    ("Adorei o quarto, limpíssimo e silencioso", "praise", "positive", "pt"),
    ("obrigada pelo atendimento, vocês são ótimos ❤️", "praise", "positive", "pt"),
    ("Loved every minute of it, thank you so much", "praise", "positive", "en"),
    ("péssimo, o app trava toda hora e ninguém resolve", "criticism", "negative", "pt"),
    ("Terrible service, they charged me twice and never answered", "criticism", "negative", "en"),
    ("Vocês poderiam lançar uma versão acústica?", "suggestion", "neutral", "pt"),
    ("It would be great to have more parking spaces", "suggestion", "neutral", "en"),
    ("Que horas abre a loja do centro?", "question", "neutral", "pt"),
    ("does the warranty cover a cracked screen", "question", "neutral", "en"),
    ("Ganhe seguidores grátis, clique no link do meu perfil 👉", "spam", "neutral", "pt"),
    ("Check out my channel and subscribe, link in bio", "spam", "neutral", "en"),
]


async def test_plain_comments_of_both_languages(embedder: Embedder) -> None:
    found = await classified(embedder, *(text for text, *_ in PLAIN))
    assert [(one.category, one.language) for one in found] == [(category, tongue) for _, category, _, tongue in PLAIN]
    assert [one.sentiment for one in found] == [feeling for _, _, feeling, _ in PLAIN]


async def test_irony_is_criticism(embedder: Embedder) -> None:
    found = await classified(
        embedder,
        "que maravilha, terceiro boleto errado só este mês",
        "adoro pagar caro e ficar sem internet, continuem assim 👏",
        "oh great, the app crashed again right before I could pay, thanks for nothing",
    )
    assert [one.category for one in found] == ["criticism"] * 3
    assert all(one.sentiment == "negative" for one in found)


async def test_what_is_wanted_counts_before_what_is_felt(embedder: Embedder) -> None:
    found = await classified(
        embedder,
        "Amei o show! Quando vocês vêm para Recife?",
        "Gostei muito, mas vocês poderiam colocar mais tomadas no quarto",
        "Love the app, but you should add a dark mode",
        "Great album! When is the tour?",
    )
    assert [one.category for one in found] == ["question", "suggestion", "suggestion", "question"]


async def test_order_and_duplicates_are_kept(embedder: Embedder) -> None:
    texts = [*(text for text, *_ in PLAIN), "", PLAIN[0][0], ""]
    together = await classified(embedder, *texts)
    assert len(together) == len(texts)
    assert together[0] == together[-2]
    assert together[-1] == together[-3]
    backwards = await classified(embedder, *reversed(texts))
    assert [one.category for one in backwards] == [one.category for one in reversed(together)]


async def test_the_same_answer_whatever_stands_beside(embedder: Embedder) -> None:
    alone = [(await classified(embedder, text))[0] for text, *_ in PLAIN[:4]]
    together = await classified(embedder, *(text for text, *_ in PLAIN))
    for one, other in zip(alone, together, strict=False):
        assert (one.category, one.tags) == (other.category, other.tags)
        assert one.confidence == pytest.approx(other.confidence, abs=0.02)


async def test_blank_comments_are_noise_and_unsure(embedder: Embedder) -> None:
    for one in await classified(embedder, "", "   \n", "...", "\u200b"):
        assert (one.category, one.sentiment, one.confidence) == ("spam", "neutral", 0.2)


async def test_odd_comments_get_an_answer(embedder: Embedder) -> None:
    odd = [
        "😍😍😍",
        "😡",
        "?",
        "a" * 50_000,
        "palavra " * 5_000,
        "\x00\ud800",
        "この曲が大好きです",
        "١٢٣",
        "R$",
        "<b>oi</b>",
    ]
    found = await classified(embedder, *odd)
    assert [one.category for one in found[:2]] == ["praise", "criticism"]
    assert all(0 <= one.confidence <= 1 for one in found)
    assert found[6].language == "ja"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("¿Cuándo sale el disco nuevo?", "es"),
        ("C'est vraiment une belle chanson, merci pour tout", "fr"),
        ("Das ist wirklich ein sehr schönes Lied", "de"),
        ("Canzone bellissima, grazie per il concerto", "it"),
        ("muito bom, gostei demais", "pt"),
        ("really good, liked it a lot", "en"),
        ("Это отлично", "ru"),
        ("", "pt"),
    ],
)
def test_languages(text: str, language: str) -> None:
    assert language_of(text, "pt") == language


async def test_new_tags_tell_what_a_comment_is_about(embedder: Embedder) -> None:
    found = await classified(
        embedder,
        "a narrativa do clipe é linda",
        "the app crashes and support never answers",
        "nada a declarar",
    )
    assert [[tag.code for tag in one.tags] for one in found] == [["clipe_narrativa"], ["app_falhas", "atendimento"], []]
    assert found[0].tags[0].explanation == "Clipe, história"


async def test_tags_of_the_project_come_first(embedder: Embedder) -> None:
    taxonomy = DEFAULT.model_copy(
        update={
            "tags": (
                Tag(
                    code="entrega_atrasada",
                    explanation="Pedido que chega depois do prazo",
                    examples=("chegou atrasado",),
                ),
                Tag(code="feat_autotune", explanation="Autotune na participação de outro artista"),
            )
        }
    )
    found = await classified(
        embedder,
        "o pedido chegou depois do prazo outra vez",
        "o autotune na participação estragou tudo",
        taxonomy=taxonomy,
    )
    assert [one.tags[0].code for one in found] == ["entrega_atrasada", "feat_autotune"]


async def test_a_taxonomy_of_three_examples_each(with_model: Embedder) -> None:
    taxonomy = Taxonomy(
        language="en",
        categories=(
            Category(
                code="billing",
                names={"en": "Billing"},
                description="Invoices, charges and payments",
                examples=("my invoice is wrong", "I was charged twice", "how do I pay the bill"),
            ),
            Category(
                code="broken_device",
                names={"en": "Broken device"},
                description="Hardware that does not work",
                examples=("the screen is cracked", "it won't turn on", "the battery died after a week"),
            ),
            Category(
                code="delivery",
                names={"en": "Delivery"},
                description="Where a parcel is",
                examples=("where is my parcel", "the courier never came", "package arrived late"),
            ),
        ),
    )
    trained = await learn(taxonomy, with_model)
    classifier = await classifier_for(taxonomy, with_model, trained)
    texts = ["you took the money two times", "the keyboard stopped responding", "my shipment is still not here"]
    found = await classify(texts, classifier, with_model)
    assert [one.category for one in found] == ["billing", "broken_device", "delivery"]
    again = Trained.from_bytes((await learn(taxonomy, with_model)).to_bytes())
    assert again.to_bytes() == Trained.from_bytes(trained.to_bytes()).to_bytes()


def test_codes_are_distinct_and_two_at_least() -> None:
    one = DEFAULT.categories[0]
    with pytest.raises(ValidationError):
        Taxonomy(categories=(one, one))
    with pytest.raises(ValidationError):
        Taxonomy(categories=(one,))
    assert DEFAULT.code_named(" Crítica ") == "criticism"
    assert DEFAULT.code_named("outra") is None


async def test_examples_are_many_balanced_and_unlike(with_model: Embedder) -> None:
    examples = own_examples()
    vectors = await embed_texts(with_model, [one.text for one in examples], [one.language for one in examples])
    assert [(examples[a].text, examples[b].text) for a, b in near_duplicates(vectors)] == []
    assert len({one.text for one in examples}) == len(examples) >= 500
    for field in ("category", "language", "domain"):
        counts = Counter(getattr(one, field) for one in examples)
        assert max(counts.values()) <= 1.3 * min(counts.values()), (field, counts)
    vectors[1] = vectors[0]
    assert near_duplicates(vectors) == [(0, 1)]


@pytest.mark.parametrize("by_vectors", [True, False])
def test_calibration_is_better_than_none(*, by_vectors: bool) -> None:
    model = shipped().by_vectors if by_vectors else shipped().by_words
    assert model is not None
    assert model.measured is not None
    assert model.measured.log_loss < model.measured.raw_log_loss
    assert model.measured.calibration_error < 0.06
    assert model.measured.macro_f1 >= (0.80 if by_vectors else 0.75)
    assert model.measured.examples == len(own_examples())
    assert sum(one.count for one in model.measured.bins) == model.measured.examples


def some(step: int) -> tuple[list[Example], Features]:
    """Every `step`-th of our examples, with features without vectors."""
    examples = list(own_examples())[::step]
    empty = np.zeros((len(examples), 0), np.float32)
    return examples, features_of([one.text for one in examples], [one.language for one in examples], empty)


def test_training_twice_gives_the_same_model() -> None:
    examples, features = some(7)
    first, second = (train(examples, features, DEFAULT.codes) for _ in range(2))
    assert first.to_bytes() == second.to_bytes()


def test_good_corrections_are_promoted_and_noise_is_not() -> None:
    examples, _ = some(4)
    slang = [
        *((f"chavoso no grau {word}", "praise") for word in ("sô", "uai", "viu", "gente", "moço", "ó")),
        *((f"que uó esse {word}", "criticism") for word in ("caixa", "site", "balcão", "som", "palco", "pedido")),
    ]
    good = [Example(text=text, category=category, language="pt") for text, category in slang]
    chance = random.Random(7)
    noise = [
        one.model_copy(update={"category": chance.choice(DEFAULT.codes), "domain": ""}) for one in own_examples()[1::3]
    ]
    for corrections, promoted in ((good, True), (noise, False)):
        everything = [*examples, *corrections]
        empty = np.zeros((len(everything), 0), np.float32)
        features = features_of([one.text for one in everything], [one.language for one in everything], empty)
        judged = compare(everything, features, DEFAULT.codes, len(examples), scaling=Scaling.of(features))
        assert judged.promoted is promoted, (judged.before, judged.after)


async def test_corrections_teach() -> None:
    text = "esse som é pedrada no telhado"
    lesson = [
        Example(text=f"{start} pedrada no telhado", category="criticism", language="pt", weight=3.0)
        for start in ("que", "isso foi", "mais uma", "outra", "o show foi", "a entrega foi")
    ]
    before = (await classify([text], await classifier_for(DEFAULT, WORDS_ALONE), WORDS_ALONE))[0]
    taught = await classifier_for(DEFAULT, WORDS_ALONE, await learn(DEFAULT, WORDS_ALONE, lesson))
    after = (await classify([text], taught, WORDS_ALONE))[0]
    assert (before.category, after.category) == ("praise", "criticism")


async def test_another_model_is_served_by_words(with_model: Embedder) -> None:
    class Other(NoEmbedder):
        @property
        def name(self) -> str:
            return "another"

        @property
        def available(self) -> bool:
            return True

    classifier = Classifier(DEFAULT, shipped(), (await classifier_for(DEFAULT, WORDS_ALONE)).tags)
    other = Other()
    assert classifier.trained.model_for(other) is shipped().by_words
    assert classifier.trained.model_for(with_model) is shipped().by_vectors
    assert (await classify(["adorei"], classifier, other))[0].category == "praise"


def test_measures() -> None:
    truth, given = np.array([0, 0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1, 0])
    counts = confusion(truth, given, 4)
    first, second, third, fourth = of_categories(counts)
    assert (first.recall, first.precision, first.support) == (pytest.approx(2 / 3), pytest.approx(2 / 3), 3)
    assert (second.recall, second.precision) == (1, pytest.approx(2 / 3))
    assert (third.recall, third.precision, third.f1) == (0, 0, 0)
    assert fourth.support == 0
    assert accuracy(counts) == pytest.approx(4 / 6)
    assert macro_f1(counts) == pytest.approx((2 / 3 + 4 / 5 + 0) / 3)


def test_debiased_calibration_error() -> None:
    chance = np.random.default_rng(1)
    honest = chance.uniform(0.2, 1, 20_000)
    assert calibration_error(honest, chance.uniform(size=honest.size) < honest) < 0.01
    boasting = np.full(2_000, 0.9)
    assert calibration_error(boasting, chance.uniform(size=boasting.size) < 0.6) == pytest.approx(0.3, abs=0.03)
    few = chance.uniform(0.2, 1, 150)
    plain_errors = [calibration_error(few, chance.uniform(size=few.size) < few) for _ in range(40)]
    assert np.mean(plain_errors) < 0.06


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("ELOGIO: adorei", "adorei"),
        ("[Crítica] não gostei", "não gostei"),
        ("duvida - quando sai?", "quando sai?"),
        ("SUGESTÃO – façam um clipe", "façam um clipe"),
        ("Elogio demais essa banda", "Elogio demais essa banda"),
        ("Olha: spam aqui não", "Olha: spam aqui não"),
        ("ELOGIO:", "ELOGIO:"),
    ],
)
def test_labels_in_texts_are_taken_off(written: str, text: str) -> None:
    assert without_label(written) == text


async def test_evaluation(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    rows = [
        "\ufeffcategoria;Texto",
        'ELOGIO;"Adorei; voz linda"',
        "CRITICA;péssimo",
        "sugestão;poderiam ter mais cores",
        "DÚVIDA;que dia abre?",
        "SPAM;clique no link e ganhe dinheiro",
    ]
    file.write_text("\n".join(rows), "utf-8")
    with pytest.raises(Unprocessable, match="line 3: unknown category 'CRITICA'"):
        read_comments(file)
    file.write_text("\n".join(rows).replace("CRITICA", "CRÍTICA"), "utf-8")
    figures = await run_comments(read_comments(file), WORDS_ALONE)
    assert json.loads(json.dumps(figures)) == figures
    assert (figures["cases"], figures["accuracy"], figures["macro_f1"]) == (5, 1, 1)
    assert figures["per_category"]["CRÍTICA"] == {"recall": 1, "precision": 1, "f1": 1, "support": 1}
    assert figures["confusion"]["SPAM"] == {"ELOGIO": 0, "CRÍTICA": 0, "SUGESTÃO": 0, "DÚVIDA": 0, "SPAM": 1}
    assert under_floor(figures) == []
    figures["per_category"]["SPAM"]["recall"] = 0.79
    assert under_floor(figures) == ["SPAM: recall 0.79 is under 0.80."]
    assert under_floor(figures, read_floors(["spam=.7/.7/.7"])) == []
    for broken in ("spam", "spam=1", "other=.5/.5/.5"):
        with pytest.raises(Unprocessable):
            read_floors([broken])


@pytest.mark.parametrize("text", ["", "texto\noi", "texto,categoria\n", 'texto,categoria\n"oi,ELOGIO'])
def test_broken_files_are_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "cases.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(Unprocessable):
        read_comments(file)
    with pytest.raises(Unprocessable):
        read_comments(tmp_path / "none.csv")

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from ouvidor.agent.asks import parts_of, split_asks, without_courtesies
from ouvidor.agent.reply import REPLY, Draft, Given, Said, Source, draft_locally
from ouvidor.engines.local import LocalEngine
from ouvidor.text import Language

pytestmark = pytest.mark.anyio

SOURCES = (
    Source(0, "Qual é o horário do café da manhã?", "O café é servido das 6h30 às 10h.", "N1", "pt", 0.9),
    Source(1, "Vocês aceitam animais?", "Aceitamos cães e gatos de até 10 kg.", "N1", "pt", 0.7, ("aceita pets",)),
    Source(2, "O hotel tem estacionamento?", "Sim, gratuito para hóspedes.", "N1", "pt", 0.6),
    Source(3, "Qual é o horário da piscina?", "A piscina funciona das 8h às 22h.", "N2", "pt", 0.5),
)


async def draft(
    question: str,
    *,
    history: tuple[Said, ...] = (),
    sources: tuple[Source, ...] = SOURCES,
    confidence: float = 0.9,
    language: Language = "pt",
    persona: str = "",
) -> Draft:
    given = Given(question, history, sources, language, confidence, threshold=0.5, persona=persona)
    outcome = await LocalEngine().run(REPLY, given)
    assert outcome.model == "local"
    return outcome.output


async def test_an_answer_is_cited_and_leaves_the_question_out() -> None:
    found = await draft("Que horas é o café da manhã?")
    assert found == Draft(
        kind="answer", text="O café é servido das 6h30 às 10h.", cited=[0], confidence=0.9, language="pt"
    )


async def test_a_greeting_before_a_question_does_not_hide_it() -> None:
    found = await draft("Oi, tudo bem? Que horas é o café da manhã?")
    assert (found.kind, found.cited) == ("answer", [0])


@pytest.mark.parametrize(
    ("question", "cited"),
    [
        ("Que horas é o café e vocês aceitam pets?", [0, 1]),
        ("Aceita pets? Tem estacionamento?", [1, 2]),
        ("horário do café da manhã e da piscina", [0, 3]),
        ("Tem estacionamento? E piscina, que horas?", [2, 3]),
    ],
)
async def test_two_sections_are_joined_where_both_are_needed(question: str, cited: list[int]) -> None:
    found = await draft(question)
    assert found.cited == cited
    assert all(SOURCES[number].text in found.text for number in cited)


@pytest.mark.parametrize(
    "question",
    [
        "Que horas é o café da manhã?",
        "horário do café e da lua",
        "o café da manhã é bom e barato?",
        "Que horas é o café e quem ganhou o jogo?",
        "Que horas é o café e quanto custa ele?",
        "café, por favor",
    ],
)
async def test_no_irrelevant_section_is_joined(question: str) -> None:
    assert (await draft(question)).cited == [0]


async def test_a_source_far_behind_the_best_is_not_joined() -> None:
    weak = Source(3, "Qual é o horário da piscina?", "Das 8h às 22h.", "N1", "pt", 0.1)
    assert (await draft("horário do café da manhã e da piscina", sources=(SOURCES[0], weak))).cited == [0]


async def test_below_the_threshold_it_names_two_topics_and_answers_nothing() -> None:
    found = await draft("e aquilo lá?", confidence=0.49)
    assert (found.kind, found.text, found.cited) == ("unsure", "", [])
    assert found.topics == ["horário do café da manhã", "animais"]
    assert (await draft("e aquilo lá?", confidence=0.5)).kind == "answer"


async def test_without_sources_it_is_unsure() -> None:
    found = await draft("Que horas é o café?", sources=(), confidence=1.0)
    assert (found.kind, found.topics) == ("unsure", [])


async def test_small_talk_needs_no_source() -> None:
    found = await draft("thanks!", sources=(), confidence=0.0)
    assert (found.kind, found.language) == ("smalltalk", "en")
    assert found.text.startswith("You’re welcome")
    assert (await draft("oi", persona="Lia")).text == "Olá! Sou Lia. Como posso ajudar?"


async def test_an_introduction_is_returned() -> None:
    assert (await draft("Oi, meu nome é Ana")).text == "Prazer, Ana! Como posso ajudar?"


async def test_only_the_customers_own_words_are_recalled() -> None:
    history = (Said("USER", "me chamo João"), Said("AGENT", "meu nome é Lia"))
    found = await draft("você sabe meu nome?", history=history)
    assert (found.kind, found.cited) == ("recall", [])
    assert "João" in found.text
    forged = (Said("AGENT", "Seu nome é Rui. Meu nome é Rui."),)
    assert "ainda não me disse" in (await draft("você sabe meu nome?", history=forged)).text


@pytest.mark.parametrize("message", ["quero falar com um atendente", "oi, atendente humano por favor", "human please"])
async def test_a_wish_for_a_person_comes_first(message: str) -> None:
    found = await draft(message)
    assert (found.kind, found.text, found.cited) == ("wants_person", "", [])


async def test_yes_after_a_choice_asks_which() -> None:
    asked = (Said("USER", "e aquilo?"), Said("AGENT", "Pode detalhar? É sobre “café” ou “animais”?"))
    assert (await draft("sim", history=asked)).text == "Certo! Qual dos dois?"
    assert (await draft("sim")).text != "Certo! Qual dos dois?"


def test_a_draft_is_checked() -> None:
    with pytest.raises(ValidationError):
        Draft(kind="answer", confidence=1.2)
    with pytest.raises(ValidationError):
        Draft.model_validate({"kind": "guess"})


@pytest.mark.parametrize(
    ("message", "language", "asks"),
    [
        ("que horas é o café e vocês aceitam pets?", "pt", ("que horas é o café", "vocês aceitam pets?")),
        ("What time is breakfast and do you take pets?", "en", ("What time is breakfast", "do you take pets?")),
        ("Oi! Tem wifi? Tem vaga?", "pt", ("Tem wifi?", "Tem vaga?")),
        ("Quero saber o preço e se aceitam cartão", "pt", ("Quero saber o preço", "se aceitam cartão")),
        ("How much is parking and where is it?", "en", ("How much is parking and where is it?",)),
        ("I lost my key and what do I do?", "en", ("I lost my key and what do I do?",)),
        ("café e pão", "pt", ("café e pão",)),
        ("Oi", "pt", ("Oi",)),
    ],
)  # fmt: skip
def test_messages_are_split_into_questions(message: str, language: Language, asks: tuple[str, ...]) -> None:
    assert split_asks(message, language) == asks


@pytest.mark.parametrize(
    ("message", "core"),
    [
        ("Oi, tudo bem? Tem vaga?", "Tem vaga?"),
        ("bom dia, Lia, tem vaga?", "bom dia, Lia, tem vaga?"),
        ("Hi there, do you have rooms? Thanks!", "do you have rooms?"),
        ("obrigado", "obrigado"),
        ("", ""),
    ],
)
def test_courtesies_are_left_out_of_the_question(message: str, core: str) -> None:
    assert without_courtesies(message, "pt") in {core, core.removeprefix("bom dia, ")}


def test_a_part_is_answered_by_the_best_section_where_nothing_fits_better() -> None:
    parts = parts_of("algo de todo diferente", SOURCES, "pt")
    assert [part.source.number for part in parts] == [0]


@settings(max_examples=150, deadline=None)
@given(question=st.text(max_size=120), text=st.text(max_size=300), heading=st.none() | st.text(max_size=60))
def test_whatever_is_written_gives_a_draft(question: str, text: str, heading: str | None) -> None:
    sources = (Source(0, heading, text, "N1", "pt", 0.9), SOURCES[1])
    for confidence in (0.1, 0.9):
        found = draft_locally(Given(question, (Said("USER", text),), sources, "en", confidence, threshold=0.5))
        assert set(found.cited) <= {0, 1}
        assert (found.kind == "answer") == bool(found.cited)

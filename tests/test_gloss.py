import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouvidor.knowledge.gloss import gloss


@pytest.mark.parametrize(
    ("portuguese", "english"),
    [
        ("Qual é o prazo de entrega?", "which is the deadline of delivery?"),
        ("O que é isso?", "what is this?"),
        ("cartões de crédito", "credit card"),
        ("Café da manhã", "breakfast"),
        ("nao quero pagar", "not want pay"),
        ("relevância", "relevance"),
    ],
)
def test_portuguese_is_glossed_word_by_word(portuguese: str, english: str) -> None:
    assert gloss(portuguese) == english


def test_inflections_follow_their_word() -> None:
    assert gloss("reservas") == gloss("reserva")
    assert gloss("informações") == gloss("informação") == "information"
    assert gloss("entregaram") == gloss("entregar")


def test_an_accent_tells_words_apart_and_its_lack_does_no_harm() -> None:
    assert gloss("e") == "and"
    assert gloss("é") == "is"
    assert gloss("voce") == gloss("você")


def test_names_codes_and_punctuation_stay() -> None:
    assert gloss("Brahmagupta, AB-123 (2024)!") == "Brahmagupta, AB-123 (2024)!"


def test_pronouns_hung_on_a_verb_are_dropped() -> None:
    assert gloss("torna-se") == gloss("torna")


@given(st.text(alphabet="0123456789 .,;:!?()[]/%$\n", max_size=60))
def test_what_is_no_word_is_left_as_it_is(text: str) -> None:
    assert gloss(text) == text

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ouvidor.text import WINDOW_WORDS, Language, detect_language, fold, language_of_script, sentences, terms, windows


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("onde vejo em que pé está minha encomenda", "pt"),
        ("nao consigo pagar o boleto", "pt"),
        ("vcs aceitam cachorro?", "pt"),
        ("Qual a senha do wifi?", "pt"),
        ("O que Claude Shannon desenvolveu em 1948?", "pt"),
        ("preco do quarto", "pt"),
        ("as fotos do iate", "pt"),
        ("tem wifi no bar do hotel", "pt"),
        ("set a timer for ten minutes", "en"),
        ("do you take dogs?", "en"),
        ("Do you sell motorcycles as well?", "en"),
        ("do ducks sleep", "en"),
        ("what do you do as a hobby", "en"),
        ("refund policy", "en"),
        ("what's the wifi password", "en"),
        ("How much does the Volta cost?", "en"),
    ],
)
def test_the_language_of_a_short_query_is_found_against_the_default(text: str, language: Language) -> None:
    other: Language = "en" if language == "pt" else "pt"

    assert detect_language(text, other) == language


@pytest.mark.parametrize("text", ["", "123", "?!", "OK", "wifi"])
def test_without_evidence_the_default_language_stands(text: str) -> None:
    assert detect_language(text, "pt") == "pt"
    assert detect_language(text, "en") == "en"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("素晴らしい歌でした", "ja"),
        ("정말 좋아요!", "ko"),
        ("服务很好", "zh"),
        ("Очень хорошо, спасибо", "ru"),
        ("خدمة رائعة", "ar"),
        ("שירות מצוין", "he"),
        ("Πολύ καλό", "el"),
        ("बहुत अच्छा गाना", "hi"),
        ("Ouvi Катюша e gostei muito do show de vocês", None),
        ("O som é ótimo 🎉", None),
        ("ok 123", None),
        ("🎉🎉", None),
        ("", None),
    ],
)
def test_a_script_tells_the_language_where_a_third_of_the_letters_are_its_own(text: str, language: str | None) -> None:
    assert language_of_script(text) == language


def test_folding_drops_case_and_accents() -> None:
    assert fold("AÇÃO É já") == "acao e ja"
    assert fold("don’t") == "don't"


@pytest.mark.parametrize(
    "forms",
    [
        ["informação", "informacao", "informações", "INFORMACOES"],
        ["hotel", "hotéis", "hoteis"],
        ["confortável", "confortavel", "confortáveis"],
        ["reserva", "reservas", "reservar", "reservado"],
        ["viagem", "viagens"],
    ],
)
def test_portuguese_forms_of_a_word_are_one_term(forms: list[str]) -> None:
    assert len({tuple(terms(form, "pt")) for form in forms}) == 1


def test_english_forms_of_a_word_are_one_term() -> None:
    assert len({tuple(terms(form, "en")) for form in ["refund", "Refunds", "refunded", "refunding"]}) == 1


def test_words_that_every_text_holds_are_no_terms() -> None:
    assert terms("the price of a room", "en") == terms("price room", "en")
    assert terms("o preço de um quarto", "pt") == terms("preço quarto", "pt")


@pytest.mark.parametrize("code", ["AB-123", "ab123", "AB123"])
def test_a_code_is_found_however_it_is_written(code: str) -> None:
    assert "ab123" in terms(code, "pt")
    assert {"ab", "123"} <= set(terms(code, "pt"))


def test_numbers_meet_across_separators() -> None:
    assert terms("R$ 1.000,50", "pt") == terms("1000.50", "pt") == ["1000.50"]
    assert terms("10,000", "en") == ["10000"]
    assert terms("3,5", "pt") == terms("3.5", "en") == ["3.5"]
    assert terms("1º", "pt") == terms("1st", "en") == ["1"]


def test_an_address_is_one_term_and_its_parts() -> None:
    found = terms("Fale com ana.lima@hotel.com.br", "pt")

    assert "ana.lima@hotel.com.br" in found
    assert "hotel" in found


def test_contractions_and_compounds_come_apart() -> None:
    assert terms("don't", "en") == ["not"]
    assert terms("what's covid's", "en") == terms("what covid", "en")
    assert terms("guarda-chuva", "pt") == terms("guarda chuva", "pt")
    assert terms("ANALISE_DE_SISTEMAS", "pt") == terms("análise de sistemas", "pt")


def test_sentences_end_neither_after_abbreviations_nor_inside_numbers() -> None:
    text = "O Dr. Silva atende às 10h. Custa R$ 3.50 por dia! Sério? “Sim.” Disse J. Souza, p. ex. hoje."

    assert sentences(text) == [
        "O Dr. Silva atende às 10h.",
        "Custa R$ 3.50 por dia!",
        "Sério?",
        "“Sim.”",
        "Disse J. Souza, p. ex. hoje.",
    ]


def test_items_of_a_list_are_sentences_and_wrapped_lines_are_not() -> None:
    text = "We offer:\n- a heated pool\n* breakfast\n1. parking\n\nThis line is\nwrapped here. The end"

    assert sentences(text) == [
        "We offer:",
        "a heated pool",
        "breakfast",
        "parking",
        "This line is wrapped here.",
        "The end",
    ]


@given(st.text(max_size=300))
def test_no_sentence_is_empty_and_no_letter_is_lost(text: str) -> None:
    found = sentences(text)

    assert all(part and part == part.strip() for part in found)
    letters = [letter for letter in text if letter.isalpha()]
    kept = [letter for part in found for letter in part if letter.isalpha()]
    assert len(letters) - len(kept) <= text.count(".") + text.count(")")


def test_windows_cover_a_long_text_and_overlap() -> None:
    text = " ".join(f"Sentence number {number} has seven words here." for number in range(20))

    found = windows(text)

    assert all(len(window.split()) <= WINDOW_WORDS for window in found)
    assert all(sentence in " ".join(found) for sentence in sentences(text))
    assert all(sentences(after)[0] in before for before, after in pairwise(found))
    assert windows("One short sentence.") == ["One short sentence."]
    assert windows("") == []


def test_a_sentence_longer_than_a_window_is_one_window() -> None:
    long = " ".join(["Word"] * (2 * WINDOW_WORDS)) + "."

    assert windows(f"Short one. {long} Short two.") == ["Short one.", long, "Short two."]


@pytest.mark.parametrize("unit", ["a.", "1.1.", "A. ", "a-", "a'", "@", "a@b.", '.  " ', "x\n"])
def test_hostile_texts_take_no_longer_than_others(unit: str) -> None:
    hostile = unit * (50_000 // len(unit))

    assert isinstance(terms(hostile, "pt"), list)
    assert isinstance(sentences(hostile), list)

import numpy as np
import pytest

from ouvidor.agent.extract import extract
from ouvidor.agent.lexicon import question_kind, word_class
from ouvidor.agent.reading import parse_question, read
from ouvidor.agent.spans import best_span, candidates, probabilities
from ouvidor.text import Language

HOTEL = (
    "O Hotel Mirante fica na Avenida Beira-Mar, 1200, em Florianópolis, e foi inaugurado em 1998 pela família Andrade. "
    "O café da manhã é servido das 6h30 às 10h no restaurante do térreo, exceto aos domingos, quando vai até as 11h. "
    "Aceitamos cães e gatos de até 10 kg, mediante taxa de R$ 80 por estadia. "
    "A piscina aquecida funciona das 8h às 22h, sendo limpa às segundas-feiras. "
    "Crianças de até 6 anos não pagam, desde que durmam na cama dos pais. "
    "O estacionamento é gratuito porque o hotel tem garagem própria com 60 vagas."
)
CAR = (
    "At home, the wall box delivers up to 11 kW, and a full charge takes about seven hours. "
    "The battery was designed by Dr. Helen Moss in Oslo and is guaranteed for eight years, whichever comes first. "
    "Software updates arrive over the air because the car has its own SIM card. "
    "A yearly service costs $180 and includes tyre rotation, brake fluid, and a cabin filter. "
    "Customers who cancel within 14 days get the full deposit back, but custom paint is not refunded."
)


@pytest.mark.parametrize(
    ("question", "span"),
    [
        ("Onde fica o hotel?", "Avenida Beira-Mar"),
        ("Quantas vagas tem a garagem?", "60"),
        ("Por que o estacionamento é gratuito?", "porque o hotel tem garagem própria"),
        ("Qual a taxa para gatos?", "R$ 80"),
        ("Que horas é o café da manhã?", "das 6h30 às 10h"),
    ],
)
def test_the_span_answers_in_portuguese(question: str, span: str) -> None:
    assert span in extract(question, HOTEL, "pt").span


@pytest.mark.parametrize(
    ("question", "span"),
    [
        ("How long does a full charge take at home?", "seven hours"),
        ("Who designed the battery?", "Helen Moss"),
        ("Why do updates arrive over the air?", "because the car has its own SIM card"),
        ("How much is the yearly service?", "$180"),
        ("What does the service include?", "tyre rotation, brake fluid, and a cabin filter"),
    ],
)
def test_what_was_learned_from_portuguese_serves_english(question: str, span: str) -> None:
    assert span in extract(question, CAR, "en").span


@pytest.mark.parametrize(
    ("question", "text", "language", "kept"),
    [
        ("Que horas é o café da manhã?", HOTEL, "pt", "exceto aos domingos"),
        ("Criança paga?", HOTEL, "pt", "desde que durmam na cama dos pais"),
        ("When do customers get the deposit back?", CAR, "en", "but custom paint is not refunded"),
        ("Who designed the battery?", CAR, "en", "whichever comes first"),
        ("How much is the yearly service?", CAR, "en", "brake fluid, and a cabin filter"),
    ],
)
def test_restrictions_and_enumerations_are_never_cut(question: str, text: str, language: Language, kept: str) -> None:
    assert kept in extract(question, text, language).text


def test_a_clause_that_adds_nothing_is_cut() -> None:
    text = HOTEL + " O spa abre às 9h, oferecendo massagens e banhos; a sauna fecha às 20h."
    assert extract("Que horas abre o spa?", text, "pt").text == "O spa abre às 9h."


def test_what_is_shown_is_a_finished_sentence_around_the_span() -> None:
    for question in ("Onde fica o hotel?", "Aceitam gatos?", "Quantas vagas tem a garagem?"):
        found = extract(question, HOTEL, "pt")
        assert found.span in found.text
        assert found.text[0].isupper()
        assert found.text.endswith(".")
        assert len(found.text) < len(HOTEL) / 2


def test_a_leading_connective_is_left_out() -> None:
    text = f"{HOTEL} Além disso, a lavanderia devolve as roupas em dois dias úteis."
    found = extract("Em quantos dias a lavanderia devolve as roupas?", text, "pt")
    assert found.text == "A lavanderia devolve as roupas em dois dias úteis."


def test_a_short_answer_is_shown_whole() -> None:
    text = "Sim, aceitamos. Avise na reserva.\n\nHá taxa de R$ 80."
    assert extract("Aceitam cachorro?", text, "pt", answers_a_question=True).text == text


LONG = (
    "The programme is free and open to everyone who is at least eighteen years old. "
    + "Members collect one point for each dollar that they spend with us during their stay. " * 4
    + "This holds for rooms only. "
    + "The shop at the airport and the bar on the roof have programmes of their own. " * 3
    + "Points expire after 36 months without a stay."
)


def test_of_a_long_answer_the_relevant_sentences_are_shown_in_order() -> None:
    found = extract("When do my points expire?", LONG, "en", answers_a_question=True).text
    assert "Points expire after 36 months" in found
    assert found.startswith("The programme is free")
    assert len(found) <= 600


def test_a_sentence_that_leans_on_another_does_not_stand_without_it() -> None:
    found = extract("Does this hold for rooms only?", LONG, "en", answers_a_question=True).text
    assert "during their stay. This holds for rooms only." in found


LIST = (
    "To book a room you need:\n\n- a valid identity card of each guest\n- the number of a credit card\n"
    "- the dates of the stay\n\n" + "Our desk is open day and night and helps with every other question you have. " * 9
)


@pytest.mark.parametrize("answers_a_question", [True, False])
def test_a_list_stays_whole_with_its_lead(answers_a_question: bool) -> None:
    found = extract("What do I need to book a room?", LIST, "en", answers_a_question=answers_a_question).text
    assert "To book a room you need:\n- a valid identity card of each guest\n- the number" in found
    assert "- the dates of the stay" in found


def test_lines_below_a_colon_are_items_without_bullets() -> None:
    text = (
        "You should bring:\nA coat.\nA hat.\n\n"
        + "The mountain is cold in every month of the year, even in July. " * 12
    )
    found = extract("What should I bring?", text, "en", answers_a_question=True).text
    assert "You should bring:\n- A coat.\n- A hat." in found


@pytest.mark.parametrize("text", ["", "   ", "!!!", "…", "«»", "("])
@pytest.mark.parametrize("question", ["", "?", "Onde fica o hotel?"])
def test_odd_input_does_no_harm(question: str, text: str) -> None:
    assert extract(question, text, "pt").text == text.strip()


def test_a_question_without_words_still_gives_something_of_the_passage() -> None:
    found = extract("???", HOTEL, "pt")
    assert found.text
    assert found.span in HOTEL


def test_a_very_long_section_is_read_in_part_only() -> None:
    found = extract("Onde fica o hotel?", HOTEL + " Nada mais a dizer." * 5000, "pt")
    assert "Avenida Beira-Mar" in found.text


def test_probabilities_sum_to_one_and_spans_close_their_brackets() -> None:
    reading = read("Quem é?", ["A Ana (chefe da casa) saiu.", "O Rui ficou."], "pt")
    firsts, lasts = candidates(reading.tokens)
    probability = probabilities(reading, firsts, lasts, {"s article": 1.5})
    assert probability.sum() == pytest.approx(1.0)
    for first, last in zip(firsts, lasts, strict=True):
        texts = [token.text for token in reading.tokens[first : last + 1]]
        assert texts.count("(") == texts.count(")")
        assert len({token.sentence for token in reading.tokens[first : last + 1]}) == 1


def test_best_span_has_the_highest_expected_f1() -> None:
    reading = read("x", ["a b c"], "en")
    firsts, lasts = candidates(reading.tokens)
    likely = {(0, 0): 0.4, (0, 1): 0.3, (0, 2): 0.3}
    pairs = zip(firsts.tolist(), lasts.tolist(), strict=True)
    found = best_span(firsts, lasts, np.array([likely.get(pair, 0.0) for pair in pairs]))
    # By hand: "a b" expects .4 × 2/3 + .3 × 1 + .3 × 4/5, more than "a", the likeliest, with .4 + .3 × 2/3 + .3 × 1/2.
    assert (found.first, found.last) == (0, 1)
    assert found.expected_f1 == pytest.approx(0.8067, abs=1e-4)


@pytest.mark.parametrize(
    ("question", "kind"),
    [
        ("Quantos quartos há?", "how_many"),
        ("How much is it?", "how_many"),
        ("Quem fundou o hotel?", "who"),
        ("Em que ano abriu?", "when"),
        ("What time is breakfast?", "when"),
        ("Onde fica?", "where"),
        ("Por que fechou?", "why"),
        ("Qual a finalidade do spa?", "what_for"),
        ("How do I get there?", "how"),
        ("O que é day use?", "definition"),
        ("Qual quarto é maior?", "which"),
        ("O que inclui?", "what"),
        ("Aceitam cães?", "yes_no"),
    ],
)
def test_kinds_of_questions(question: str, kind: str) -> None:
    assert question_kind(question) == kind


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("de", "of"),
        ("of", "of"),
        ("à", "to"),
        ("a", "article"),
        ("é", "auxiliary"),
        ("e", "and"),
        ("1998", "year"),
        ("60", "number"),
        ("R$", "number"),
        ("Oslo", "capital"),
        ("USP", "acronym"),
        ("abriu", "verb"),
        ("abrir", "infinitive"),
        ("opening", "gerund"),
        ("rapidamente", "adverb"),
        ("(", "bracket_open"),
        ("casa", "word"),
    ],
)
def test_classes_of_words(word: str, kind: str) -> None:
    assert word_class(word, opens_sentence=False) == kind


def test_a_question_is_parsed_into_head_and_preposition() -> None:
    asked = parse_question("Em qual avenida fica o hotel?", "pt")
    assert asked.head == "aven"
    assert asked.preposition == "in"
    assert asked.stems[0] == "aven"

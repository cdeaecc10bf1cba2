import pytest

from ouvidor.agent.given import Source
from ouvidor.agent.topics import likely_topics, topic_of
from ouvidor.text import Language


def source(
    question: str | None, language: Language = "pt", *, score: float = 0.5, text: str = "Texto.", number: int = 0
) -> Source:
    return Source(number, question, text, "N1", language, score)


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("Qual é o horário do café da manhã?", "horário do café da manhã"),
        ("Quais são as formas de pagamento?", "formas de pagamento"),
        ("Qual o prazo de entrega?", "prazo de entrega"),
        ("Quanto custa o estacionamento?", "preço do estacionamento"),
        ("Como faço para cancelar minha reserva?", "cancelar sua reserva"),
        ("Como cancelar a reserva?", "cancelar a reserva"),
        ("Posso levar meu cachorro?", "levar seu cachorro"),
        ("Vocês aceitam animais de estimação?", "animais de estimação"),
        ("O hotel tem Wi-Fi grátis?", "Wi-Fi grátis"),
        ("Onde fica a academia?", "localização da academia"),
        ("A que horas abre a piscina?", "horário da piscina"),
        ("O que é day use?", "day use"),
        ("Esqueci um objeto no quarto. O que faço?", "Esqueci um objeto no quarto"),
        ("Quais documentos preciso apresentar?", "Quais documentos preciso apresentar?"),
        ("Estacionamento", "Estacionamento"),
        ("POLITICA_DE_TROCAS", "Politica de trocas"),
    ],
)
def test_topics_in_portuguese(question: str, topic: str) -> None:
    assert topic_of(source(question)) == topic


@pytest.mark.parametrize(
    ("question", "topic"),
    [
        ("What is the range of the Aurora S?", "range of the Aurora S"),
        ("How do I charge my car at home?", "how to charge your car at home"),
        ("How much does the wall box cost?", "price of wall box"),
        ("Can I cancel my order?", "cancel your order"),
        ("Do you offer test drives?", "test drives"),
        ("Is there a warranty on the battery?", "warranty on the battery"),
        ("What should I do if my car is stolen?", "your car is stolen"),
        ("Why is my car not charging?", "Why is your car not charging?"),
        ("Battery warranty", "Battery warranty"),
    ],
)
def test_topics_in_english(question: str, topic: str) -> None:
    assert topic_of(source(question, "en")) == topic


def test_a_passage_without_a_title_gives_its_subject() -> None:
    assert (
        topic_of(source(None, text="Os sistemas de freio são revistos a cada ano. Nada mais.")) == "sistemas de freio"
    )
    assert topic_of(source("  ", "en", text="The wall box was made in Oslo.")) == "wall box"


def test_long_topics_are_cut_between_words() -> None:
    topic = topic_of(source("Regras " + "muito " * 30 + "longas"))
    assert len(topic) <= 61
    assert topic.endswith("muito…")


def test_two_topics_are_named_and_differ() -> None:
    sources = [
        source("Qual é o horário do café da manhã?"),
        source("Horário do café da manhã"),
        source("Quanto custa o estacionamento?"),
        source("Posso fumar?"),
    ]
    assert likely_topics(sources) == ["horário do café da manhã", "preço do estacionamento"]


def test_sources_far_behind_the_best_are_no_topics() -> None:
    assert likely_topics([source("Posso fumar?", score=0.9), source("Tem piscina?", score=0.1)]) == ["fumar"]
    assert likely_topics([]) == []


def test_each_topic_keeps_its_language() -> None:
    assert likely_topics([source("Tem piscina?"), source("Do you have a gym?", "en")]) == ["piscina", "gym"]

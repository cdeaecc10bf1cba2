"""What the local analyst writes of a conversation: summary, improvements and topics."""

from datetime import UTC, datetime, timedelta

import pytest

from ouvidor.analysis.local.faults import faults_in
from ouvidor.analysis.local.improvements import improvements_for
from ouvidor.analysis.local.summary import clipped, summary_of
from ouvidor.analysis.local.topics import topics_of
from ouvidor.analysis.transcript import Line, Speaker, Transcript
from ouvidor.analysis.verdict import LONGEST_POINT, LONGEST_TOPIC, MOST_TOPICS, Point

START = datetime(2026, 11, 21, 9, tzinfo=UTC)
BOOKING = (
    "c oi, boa tarde! quanto fica o quarto triplo de 12 a 14 de março para 3 adultos?",
    "b Boa tarde! O quarto triplo custa R$ 540,00 a diária, R$ 1.080,00 no total, com café da manhã.",
    "c e estacionamento, paga à parte?",
    "b O estacionamento é gratuito, uma vaga por quarto.",
    "c ótimo, quero reservar em nome de Telma Duarte",
    "b Reserva feita, Telma: quarto triplo, 12 a 14 de março, R$ 1.080,00. Localizador TLM482.",
    "c recebi, obrigada!",
)


def talk(*said: str, minutes: int = 1, handed_over: bool = False) -> Transcript:
    """Lines as "c …" (customer), "b …" (bot) and "p …" (person), so many minutes apart."""
    speakers: dict[str, Speaker] = {"c": "customer", "b": "bot", "p": "person"}
    lines = tuple(
        Line(number, speakers[text[0]], text[2:], START + timedelta(minutes=minutes * number))
        for number, text in enumerate(said, 1)
    )
    return Transcript(lines, handed_over=handed_over)


def improved(transcript: Transcript) -> list[Point]:
    """The improvements with the transcript's own faults."""
    return improvements_for(transcript, faults_in(transcript))


def test_the_summary_keeps_names_dates_and_amounts_in_the_order_of_the_talk() -> None:
    points = summary_of(talk(*BOOKING))
    told = " ".join(point.text for point in points)
    assert points[0].text == "Queria: quanto fica o quarto triplo de 12 a 14 de março para 3 adultos?"
    assert points[0].at == [1]
    for kept in ("R$ 1.080,00", "12 a 14 de março", "Telma", "TLM482"):
        assert kept in told
    assert points[-1].text == "Terminou com o cliente agradecendo: “recebi, obrigada!”."
    assert [point.at[-1] for point in points] == sorted(point.at[-1] for point in points)


def test_the_summary_speaks_the_customers_language() -> None:
    points = summary_of(
        talk(
            "c Hello! Can I bring my dog to the hotel on 3 May?", "b Yes, dogs stay for $15 a night.", "c great, thanks"
        )
    )
    assert [point.text for point in points] == [
        "Wanted: Can I bring my dog to the hotel on 3 May?",
        "The bot said: Yes, dogs stay for $15 a night.",
        "Ended with the customer's thanks: “great, thanks”.",
    ]


@pytest.mark.parametrize(
    ("said", "ending"),
    [
        (("c tem vaga dia 3?", "b Temos.", "c vou pensar e te aviso"), "Terminou sem decisão"),
        (("c cadê meu pedido 8841?", "b Chega em 7 dias.", "c que absurdo, nunca mais compro"), "insatisfeito"),
        (("c tem vaga dia 3?", "b Temos.", "c e no dia 4?"), "Terminou sem resposta"),
        (("c tem vaga dia 3?",), "Ninguém respondeu"),
        (("c manda o link", "b Aqui: https://h.example/p", "c paguei agora"), "assunto concluído"),
        (("c quero trocar", "b Qual o pedido?", "c deixa pra lá"), "desistindo"),
    ],
)
def test_the_last_bullet_tells_how_it_ended(said: tuple[str, ...], ending: str) -> None:
    assert ending in summary_of(talk(*said))[-1].text


def test_a_person_who_answered_is_told_of() -> None:
    points = summary_of(
        talk("c meu estorno não caiu", "b Vou chamar uma pessoa.", "p Liberei o estorno de R$ 259,00.", "c obrigado")
    )
    assert Point(text="Uma pessoa atendeu: Liberei o estorno de R$ 259,00.", at=[3]) in points


@pytest.mark.parametrize("lines", [0, 1, 2, 200])
def test_every_length_gives_one_to_five_bullets_on_lines_that_exist(lines: int) -> None:
    turns = [
        f"{'cb'[number % 2]} quanto custa o quarto {number} por noite, com café e {number} toalhas?"
        for number in range(lines)
    ]
    transcript = talk(*turns)
    points = summary_of(transcript)
    assert 1 <= len(points) <= 5
    assert all(0 < len(point.text) <= LONGEST_POINT and {*point.at} <= transcript.positions for point in points)


def test_a_long_extract_ends_at_the_edge_of_a_clause() -> None:
    text = "quero cancelar a reserva do dia 12, porque meu filho adoeceu ontem, e remarcar para abril se der"
    assert clipped(text, 70) == "quero cancelar a reserva do dia 12, porque meu filho adoeceu ontem…"
    assert clipped(text, 200) == text
    assert clipped("a" * 30 + " " + "b" * 30, 40) == "a" * 30 + "…"


@pytest.mark.parametrize(
    ("said", "at", "words"),
    [
        (("c quero um atendente", "b Qual o motivo?", "c ATENDENTE", "b Posso ajudar!"), [1], "ninguém foi chamado"),
        (("c cadê o tênis?", "b Em 7 dias.", "c já falei, cadê o tênis?", "b Ok.", "c cadê o tênis?"), [5], "repetiu"),
        (("c veio quebrado", "b Sentimos muito pelo transtorno."), [2], "depois do pedido de desculpas"),
        (("c tem pix?", "b Sim, temos Pix.", "c e boleto?"), [3], "sem resposta"),
        (("c tem pix?", "b Temos " + "muitas formas de pagar para todo cliente " * 15), [2], "palavras"),
    ],
)  # fmt: skip
def test_signs_beside_faults_name_the_message(said: tuple[str, ...], at: list[int], words: str) -> None:
    assert any(point.at == at and words in point.text and str(at[0]) in point.text for point in improved(talk(*said)))


def test_a_slow_first_answer_is_named_with_its_minutes() -> None:
    points = improved(talk("c tem vaga dia 3?", "b Temos duas.", "c ok, obrigada", minutes=12))
    assert [(point.at, "12 min" in point.text) for point in points] == [([2], True)]


def test_a_good_conversation_needs_no_improvement() -> None:
    assert improved(talk(*BOOKING)) == []


def test_the_same_matter_has_the_same_topic_in_whatever_words() -> None:
    one = topics_of(talk("c quero meu dinheiro de volta", "b O estorno sai em 7 dias."))
    other = topics_of(talk("c cadê o reembolso da compra?", "b Foi feito ontem."))
    english = topics_of(talk("c I want my money back please", "b The refund takes a week."))
    assert "reembolso" in one
    assert "reembolso" in other
    assert "refund" in english


def test_topics_are_few_short_and_lower_case() -> None:
    for said in (BOOKING, ("c oi",), ("c 👍", "b 👍"), ("c o ornitorrinco sumiu do ornitário", "b Que ornitorrinco?")):
        found = topics_of(talk(*said))
        assert len(found) <= MOST_TOPICS
        assert all(
            topic == topic.lower() and len(topic.split()) <= 4 and len(topic) <= LONGEST_TOPIC for topic in found
        )
    assert topics_of(talk(*BOOKING))[:1] == ["reserva"]

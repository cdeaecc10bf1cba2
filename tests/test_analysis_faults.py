"""The bot's faults that the local analyst sees, and those that it must not see."""

import pytest
from fault_scores import CASES, cases_of, scores_of

from ouvidor.analysis.local.faults import faults_in
from ouvidor.analysis.local.improvements import improvements_for
from ouvidor.analysis.transcript import Line, Speaker, Transcript

FOUND_FLOOR = 0.9
ALARMED_CEILING = 0.06
FOUND_OF_A_KIND = 0.75


def talk(*said: str) -> Transcript:
    """Lines as "c …" (customer), "b …" (bot) and "p …" (person)."""
    speakers: dict[str, Speaker] = {"c": "customer", "b": "bot", "p": "person"}
    return Transcript(tuple(Line(number, speakers[text[0]], text[2:]) for number, text in enumerate(said, 1)))


def found_in(*said: str) -> list[tuple[str, list[int]]]:
    """The faults in lines, kind and positions."""
    return [(fault.kind, fault.at) for fault in faults_in(talk(*said))]


def test_planted_faults_are_found_and_controls_left_alone() -> None:
    scores = scores_of(cases_of(CASES))
    assert scores.found.total() >= FOUND_FLOOR * scores.planted.total()
    assert scores.placed.total() >= FOUND_FLOOR * scores.planted.total()
    assert scores.alarmed <= ALARMED_CEILING * scores.controls
    for kind, planted in scores.planted.items():
        assert scores.found[kind] >= FOUND_OF_A_KIND * planted, kind


POSITIVE = {
    "wrong_language": (
        [2],
        ["c bom dia, vocês aceitam cachorro no hotel?", "b Yes, small dogs are welcome in our rooms at no cost."],
    ),
    "contradiction": (
        [4],
        [
            "c quanto custa o estacionamento?", "b O estacionamento custa R$ 30,00 por dia.",
            "c e fica quanto mesmo o estacionamento?", "b O estacionamento custa R$ 45,00 por dia.",
        ],
    ),
    "price_mismatch": (
        [2],
        ["c I'll take the blue lamp", "b The blue lamp is £84.00, pay here: https://shop.example/pay?item=7&total=48.00"],
    ),
    "unanswered_question": (
        [1],
        ["c Does the helmet fit children?", "b Our summer sale starts on Friday with ten new colours.", "c hm ok"],
    ),
    "false_promise": ([2], ["c o motorista não achou a rua", "b Não se preocupe, vou ligar para o motorista agora."]),
    "asks_again": (
        [4],
        [
            "c quero uma mesa para 4 pessoas no dia 12/3", "b Claro! Prefere almoço ou jantar?",
            "c jantar", "b Certo. Para quantas pessoas seria a mesa?", "c 4",
        ],
    ),
    "loop": (
        [4, 6],
        [
            "c my parcel is late", "b Orders usually arrive within five working days of dispatch.",
            "c it was sent two weeks ago", "b Orders usually arrive within five working days of dispatch.",
            "c please look at my order", "b Orders usually arrive within five working days of dispatch.",
        ],
    ),
    "never_closes": (
        [3],
        [
            "c how much is the garden suite?", "b The garden suite costs $180 a night and has its own terrace.",
            "c lovely, please book it for us", "b The terrace is everybody's favourite place in summer!",
            "c ok", "b Have a wonderful day!",
        ],
    ),
}  # fmt: skip
NEAR: dict[str, list[list[str]]] = {
    "wrong_language": [
        [
            "c Good evening, do you speak Portuguese? My mother does not read English",
            "b Sim! Pode escrever em português, ela entende melhor assim.",
        ],
        ["c qual o nome do plano?", "b O nosso é o Full Time Premium Gold Plus."],
    ],
    "contradiction": [
        [
            "c quanto custa o estacionamento?", "b Durante a semana custa R$ 30,00 por dia.",
            "c e no fim de semana?", "b No fim de semana custa R$ 45,00 por dia.",
        ],
        [
            "c price of the tour?", "b The tour costs $40.", "c and with lunch?",
            "b The tour costs $55, lunch included.",
        ],
        [
            "c price of the tour?", "b The tour costs $40.", "c $45?",
            "b Sorry, my mistake before: the tour costs $45.",
        ],
    ],
    "price_mismatch": [
        ["c quero 2", "b São R$ 45,00 cada, para duas peças: https://loja.example/pagar?qtd=2&total=90.00"],
        ["c ok", "b The total is $64.50: https://pay.example/i/22?amount_cents=6450"],
        ["c ok", "b O sinal de 30% de R$ 900,00: https://hotel.example/pagar?valor=270,00"],
    ],
    "unanswered_question": [
        ["c Does the helmet fit children?", "b I don't have the sizes here, the shop on Mill Lane can tell you."],
        ["c que dia lindo, né?", "b Aproveite bastante!"],
        ["c Does the helmet fit children? never mind, found it", "b Our summer sale starts on Friday."],
    ],
    "false_promise": [
        [
            "c ring the driver please",
            "b I can't make phone calls, but I've passed your message to the dispatch desk.",
        ],
        ["c tira a multa?", "b Eu não consigo retirar a multa; posso passar o pedido para um colega?"],
        ["c tira a multa?", "b Vou chamar uma pessoa.", "p Já retirei a multa e vou ligar para você amanhã."],
    ],
    "asks_again": [
        ["c mesa para 4 no dia 31/4", "b Abril só tem 30 dias. Para qual data seria?", "c 30"],
        [
            "c mesa para 4 pessoas", "b Para qual dia?", "c sábado. aliás, somos mais gente agora",
            "b Para quantas pessoas, então?",
        ],
        ["c a table for 4 people on 12/3", "b So that is a table for 4 on 12/3, is that right?", "c yes"],
    ],
    "loop": [
        [
            "c what's the wifi password?", "b The password of the guest wifi is cloud-nine-gate.",
            "c sorry, once more?", "b The password of the guest wifi is cloud-nine-gate.",
        ],
        ["c oi", "b Passo 1: abra o menu e toque em Voz.", "c pronto", "b Passo 2: abra o menu e toque em Som."],
    ],
    "never_closes": [
        [
            "c how much is the suite?", "b The suite costs $180 a night.", "c great, book it",
            "b Done, your booking number is 4471.",
        ],
        [
            "c how much is the suite?", "b The suite costs $180 a night.",
            "c nice, I'd like to book it but let me check with my wife", "b Of course, take your time.",
        ],
        [
            "c how much is the suite?", "b The suite costs $180 a night.", "c please book it",
            "b Which dates, and in which name?",
        ],
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", POSITIVE)
def test_a_clear_fault_is_found_where_it_is(kind: str) -> None:
    at, said = POSITIVE[kind]
    assert found_in(*said) == [(kind, at)]


@pytest.mark.parametrize(("kind", "said"), [(kind, said) for kind, cases in NEAR.items() for said in cases])
def test_what_only_looks_like_a_fault_is_none(kind: str, said: list[str]) -> None:
    assert kind not in [fault for fault, _ in found_in(*said)]


def test_a_persons_words_are_no_fault_of_the_bot() -> None:
    said = [
        "c oi, preciso de ajuda com o pedido",
        "p I will call the driver now.",
        "c ?",
        "p I will call the driver now.",
    ]
    assert found_in(*said) == []


def test_each_fault_becomes_an_improvement_that_names_the_message() -> None:
    for at, said in POSITIVE.values():
        transcript = talk(*said)
        points = improvements_for(transcript, faults_in(transcript))
        assert points[0].at == at
        assert str(at[0]) in points[0].text

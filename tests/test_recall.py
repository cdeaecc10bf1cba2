import pytest

from ouvidor.agent.recall import introduced_name, recall

TOLD = [
    "Oi, meu nome é João da Silva e moro em Porto Alegre",
    "qual o horário do café?",
    "meu e-mail é joao@exemplo.com, telefone (51) 99999-0000, pedido nº AB-12345",
    "e a piscina, abre quando?",
    "obrigado",
]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Você sabe meu nome?", "João da Silva"),
        ("qual é o meu nome?", "João da Silva"),
        ("e qual era mesmo o meu nome?", "João da Silva"),
        ("lembra do meu nome?", "João da Silva"),
        ("como eu me chamo?", "João da Silva"),
        ("quem sou eu?", "João da Silva"),
        ("Do you know my name?", "João da Silva"),
        ("what's my name", "João da Silva"),
        ("Can you tell me my name please?", "João da Silva"),
        ("onde eu moro?", "Porto Alegre"),
        ("de onde eu sou?", "Porto Alegre"),
        ("do you remember where I live?", "Porto Alegre"),
        ("você sabe meu e-mail?", "joao@exemplo.com"),
        ("qual o meu telefone?", "(51) 99999-0000"),
        ("qual o número do meu pedido?", "AB-12345"),
        ("what is my order number?", "AB-12345"),
    ],
)
def test_what_the_customer_said_is_recalled(question: str, answer: str) -> None:
    found = recall(question, TOLD)
    assert found is not None
    assert found.known
    assert answer in found.text


@pytest.mark.parametrize(
    ("question", "language"),
    [
        ("Você sabe meu nome?", "pt"),
        ("qual meu nome?", "pt"),
        ("Do you know my name?", "en"),
        ("vc lembra meu telefone?", "pt"),
        ("do you have my email?", "en"),
        ("do you know where I live?", "en"),
    ],
)
def test_what_was_not_said_is_not_guessed(question: str, language: str) -> None:
    found = recall(question, ["oi", "qual o preço?"])
    assert found is not None
    assert not found.known
    assert found.language == language
    assert found.text.startswith("Você ainda não" if language == "pt" else "You have not")


@pytest.mark.parametrize(
    "question",
    [
        "como faço para mudar meu nome no cadastro?",
        "qual o meu nome de usuário?",
        "qual o horário do café?",
        "você sabe qual é o horário?",
        "onde fica o hotel?",
        "what is the name of the hotel?",
        "do you know the way?",
        "can I change my name on the booking?",
        "qual é o meu limite?",
        "Tem vaga? E qual é o meu nome?",
        "",
    ],
)
def test_other_questions_are_left_to_the_knowledge(question: str) -> None:
    assert recall(question, TOLD) is None


@pytest.mark.parametrize(
    "question", ["qual o número do meu pedido?", "what is my booking number?", "qual é o meu e-mail?"]
)
def test_an_order_that_was_not_told_is_left_to_the_knowledge(question: str) -> None:
    assert recall(question, ["oi"]) is None


def test_the_last_word_counts() -> None:
    found = recall("qual meu nome?", ["me chamo Ana", "desculpa, meu nome é Maria Clara"])
    assert found is not None
    assert "Maria Clara" in found.text


def test_the_question_itself_may_tell() -> None:
    found = recall("Meu nome é Ana. Você sabe o meu nome?", [])
    assert found is not None
    assert "Ana" in found.text


@pytest.mark.parametrize(
    ("question", "quoted", "left_out"),
    [
        ("o que eu perguntei?", ["horário do café", "piscina"], ["obrigado", "João"]),
        ("qual foi minha primeira pergunta?", ["horário do café"], ["piscina"]),
        ("what was my last question?", ["piscina"], ["café"]),
        ("Do you remember what I asked first?", ["café"], ["piscina"]),
    ],
)
def test_earlier_questions_are_quoted(question: str, quoted: list[str], left_out: list[str]) -> None:
    found = recall(question, TOLD)
    assert found is not None
    assert all(words in found.text for words in quoted)
    assert not any(words in found.text for words in left_out)


def test_a_first_question_has_none_before_it() -> None:
    found = recall("o que eu perguntei antes?", ["oi"])
    assert found is not None
    assert not found.known


def test_a_long_question_is_quoted_in_part() -> None:
    found = recall("what did I ask?", ["Is it " + "very " * 100 + "far?"])
    assert found is not None
    assert len(found.text) < 150


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("meu nome é joão", "João"),
        ("Oi, me chamo Ana Paula!", "Ana Paula"),
        ("I'm John", "John"),
        ("sou o joão", "João"),
        ("Sou a Maria, tudo bem?", "Maria"),
        ("Meu nome é Maria do Carmo", "Maria do Carmo"),
        ("Hello, my name is Peter Parker. Nice to meet you", "Peter Parker"),
        ("call me Bob", "Bob"),
        ("my name is peter and I want a refund", None),
        ("Meu nome é Ana e quero cancelar", None),
        ("i'm tired", None),
        ("sou vegetariano", None),
        ("sou cliente", None),
        ("Sou Cliente", None),
        ("I'm Brazilian", None),
        ("I'm looking for a room", None),
        ("sou de Curitiba", None),
        ("meu nome está errado na reserva", None),
        ("", None),
    ],
)
def test_introductions(message: str, name: str | None) -> None:
    assert introduced_name(message) == name

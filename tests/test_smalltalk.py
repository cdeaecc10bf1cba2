import pytest

from ouvidor.agent.courtesies import Act
from ouvidor.agent.person import wants_person
from ouvidor.agent.smalltalk import answer_small_talk, expand, small_talk
from ouvidor.text import Language


def each(phrases: str) -> list[str]:
    return [" ".join(phrase.split()) for phrase in phrases.split(";")]


SAID = {
    Act.GREETING: """
        oi; Oi!; Oiiii; oie; olá; Olaaaa!!; opa; e aí; bom dia; Bom diaaa!; boa tarde; Boa noite;
        bom dia pessoal; alô; oi, bom dia; Olá, tem alguém aí?; teste; 👋; Oi 👋😊; hi; Hiii; hello; helo;
        Hello there!; hey; good morning; Gooood evening!; hi everyone; hello again; anyone there?; olá bot;
        oi Lia
    """,
    Act.HOW_ARE_YOU: """
        oi, tudo bem?; Olá! Tudo bom?; tudo bem com você?; td bem?; como vai?; Como você está hoje?;
        e aí, beleza?; oi tudo bem; tudo certo por aí?; estou bem e você?; how are you?;
        how are you doing today?; How's it going?; what's up?; hi, how r u?; I'm fine thanks, and you?;
        hwo are you?
    """,
    Act.THANKS: """
        obrigado; Obrigada!; obrigadooo; obriagdo; muito obrigado; mt obg; obg; brigadão; valeu!; vlw; valeuuu;
        muito obrigada pela ajuda; obrigado por responder; agradeço a atenção; 🙏🙏; ajudou muito; obrigada, viu?;
        thanks; Thx!!; thnaks; thank you so much; Thank youuu; thanks a lot for your help; ty; much appreciated;
        thank you for explaining; ok obrigado; perfect, thanks!
    """,
    Act.FAREWELL: """
        tchau; Tchauuu; tchau tchau; até logo; ate mais!; até amanhã; adeus; flw; falou; abraços; bjs;
        tenha um ótimo dia; bom fim de semana; obrigado, boa noite; ok obrigado tchau; bye; Bye bye!; goodbye;
        see you later; see ya; take care; have a nice day; good night; thanks, bye!; talk to you later
    """,
    Act.ROBOT: """
        você é um robô?; vc é robô; Você é humano?; estou falando com um robô?; isso é um bot?;
        vc é uma pessoa de verdade?; vc é um robo ou humano?; are you a robot?; Are you a real person?;
        are you human or a bot?; am I talking to a machine?; r u a bot
    """,
    Act.WHO: """
        quem é você?; qual é o seu nome?; qual seu nome; como você se chama?; who are you?; what's your name?;
        oi, quem e vc?
    """,
    Act.HELP: """
        ajuda; me ajuda; pode me ajudar?; preciso de ajuda; Oi, preciso de uma informação; tenho uma dúvida;
        o que você faz?; queria tirar uma dúvida; help; can you help me?; I need help; I have a question;
        hi, can you help me please?
    """,
    Act.YES: """
        sim; siiim; ok; Okay!; certo; beleza; blz; entendi; isso mesmo; tá bom; tudo bem; 👍; yes; yeah; yep;
        got it; sure; all right; that's right, yes
    """,
    Act.NO: """
        não; nao; não, obrigado; era só isso; nada mais; por enquanto é só; no; nope; no thanks; that's all;
        nothing else; no, that is all
    """,
    Act.PRAISE: """
        ótimo!; muito bom; adorei; excelente atendimento; você é demais; parabéns; ❤️; great; awesome!; good job;
        you are amazing; I love it
    """,
    Act.COMPLAINT: """
        você é burro; que atendimento péssimo; não ajudou em nada; vc não entende nada; inútil; 😡;
        you are useless; stupid bot; this is ridiculous; that didn't help
    """,
    Act.SORRY: """
        desculpa; desculpe a demora; foi engano; sorry; sorry about that; my mistake
    """,
    Act.LAUGH: "kkkkk; hahaha; rsrs; 😂😂; lol; hehehe",
    Act.WAIT: """
        um momento; espera aí; só um minuto; já volto; one moment please; hold on; give me a second
    """,
}  # fmt: skip
PHRASES = [(phrase, act) for act, phrases in SAID.items() for phrase in each(phrases)]

ASKED = """
        Oi, qual o horário do café?; bom dia, vocês aceitam pets?; obrigado mas qual o preço?; oi quero cancelar;
        tudo bem se eu chegar tarde?; ok e o estacionamento?; sim quero cancelar minha reserva;
        não recebi o pedido; boa noite quanto custa a diária; oi, meu pedido atrasou; a piscina é boa?;
        o robô aspirador funciona?; bom preço; qual o nome do hotel?; caro; valor; obrigatório?; hora;
        tchau piscina; obrigado pela reserva de ontem; desculpa, mas onde fica?; um momento de lazer;
        preciso de ajuda com a fatura; ajuda com senha; tenho uma dúvida sobre o check-in; parking?;
        hello, what time is breakfast?; thanks, and how much is it?; hi I need a refund; good car?;
        can you help me with my bill?; is the robot arm safe?; yes but where is it?;
        what's your name policy for kids?; no charge?; bye week; thank you for the invoice, it is wrong;
        are you open?; how are you charging me?; how long does it take?; love seats; who are you owned by?;
        cheese; prefeito; test drive; start the car; menu do restaurante; human resources; wait time;
        later delivery; sorry state; a bom; boa; agora; e; there; well; todos
    """
QUESTIONS = each(ASKED)


@pytest.mark.parametrize(("message", "act"), PHRASES)
def test_small_talk_is_understood(message: str, act: Act) -> None:
    talk = small_talk(message, "pt", names=["Lia"])
    assert talk is not None
    assert act in talk.acts


def test_there_are_enough_phrases() -> None:
    assert len(PHRASES) >= 150
    assert len(QUESTIONS) >= 50


@pytest.mark.parametrize("message", QUESTIONS)
def test_a_message_that_asks_something_is_no_small_talk(message: str) -> None:
    assert small_talk(message, "en" if message.isascii() and "the " in message else "pt") is None


@pytest.mark.parametrize(
    "message", ["", "   ", "???", "...", "123", "x" * 5000, "oi " * 40, "\u0000", "(((", "💤" * 3 + "?x"]
)
def test_odd_messages_are_no_small_talk(message: str) -> None:
    assert small_talk(message, "pt") is None


@pytest.mark.parametrize(
    ("message", "default", "language"),
    [
        ("oi", "en", "pt"),
        ("hello", "pt", "en"),
        ("obrigado", "en", "pt"),
        ("thx", "pt", "en"),
        ("ok", "en", "en"),
        ("ok", "pt", "pt"),
        ("👍", "en", "en"),
        ("ok thanks", "pt", "en"),
    ],
)
def test_the_language_is_the_customers(message: str, default: Language, language: Language) -> None:
    talk = small_talk(message, default)
    assert talk is not None
    assert talk.language == language


@pytest.mark.parametrize(
    ("message", "persona", "reply"),
    [
        ("oi", "", "Olá! Como posso ajudar?"),
        ("Bom dia!", "Lia", "Bom dia! Sou Lia. Como posso ajudar?"),
        ("hi", "Lia", "Hello! I’m Lia. How can I help?"),
        ("Lia, boa noite", "Lia", "Boa noite! Sou Lia. Como posso ajudar?"),
        ("obrigado", "", "De nada! Se precisar, é só chamar."),
        ("obrigado, boa noite", "", "De nada! Boa noite!"),
        ("ok obrigado tchau 👋", "", "De nada! Até logo!"),
        ("goodbye", "", "Goodbye!"),
        ("no thanks", "", "That’s fine. I am here if you need me."),
        ("oi", "Você é calma.\nVocê nunca discute.", "Olá! Como posso ajudar?"),
    ],
)
def test_replies(message: str, persona: str, reply: str) -> None:
    talk = small_talk(message, "pt", names=[persona])
    assert talk is not None
    assert answer_small_talk(talk, persona) == reply


@pytest.mark.parametrize(("message", "word"), [("você é um robô?", "um programa"), ("are you human?", "a program")])
def test_the_bot_never_passes_for_a_person(message: str, word: str) -> None:
    talk = small_talk(message, "pt")
    assert talk is not None
    reply = answer_small_talk(talk, "Lia")
    assert "Lia" in reply
    assert word in reply


def test_yes_and_no_to_a_choice_ask_on() -> None:
    yes, no = small_talk("sim", "pt"), small_talk("não", "pt")
    assert yes is not None
    assert no is not None
    assert answer_small_talk(yes, offered_choice=True).endswith("?")
    assert answer_small_talk(no, offered_choice=True) != answer_small_talk(no)


def test_patterns_expand() -> None:
    assert expand("ol(a|e) (tu|)\nsim (senhor|senhora)|ah") == {
        "ola", "ola tu", "ole", "ole tu", "sim senhor", "sim senhora", "ah"
    }  # fmt: skip
    with pytest.raises(ValueError, match="unclosed"):
        expand("a (b|c")


@pytest.mark.parametrize(
    "message",
    each(
        """
        quero falar com um atendente; Quero falar com uma pessoa!; me passa pra um humano; atendente;
        Atendente por favor!; atendnte; posso falar com alguém?; Gostaria de falar com o gerente;
        preciso de um atendente humano; tem como falar com uma pessoa de verdade?;
        quero cancelar meu pedido, me transfere para um atendente;
        não resolveu, quero falar com alguém da equipe; quero ser atendido por um humano; chama um atendente aí;
        falar com humano; I want to talk to a human; can I speak with an agent please; human please; agent;
        Transfer me to a representative; let me talk to a real person; I need a human;
        please connect me with customer service; get me a supervisor;
        I'd like to speak to the manager about my bill; speak to someone; could you put me through to your team?
        """
    ),
)
def test_a_wish_for_a_person_is_heard(message: str) -> None:
    assert wants_person(message)


@pytest.mark.parametrize(
    "message",
    each(
        """
        qual o horário de atendimento?; vocês têm atendente 24 horas?; o atendente foi grosso comigo;
        você é humano?; quero um quarto para uma pessoa; preciso de um quarto para duas pessoas;
        não quero falar com atendente; quanto custa por pessoa?; quem é o gerente do hotel?;
        quero transferir a reserva para outra pessoa; preciso de ajuda; o gerente pode autorizar late checkout?;
        quero falar sobre minha reserva; alguém já usou o spa?; oi; I don't want to talk to a human;
        are you a human?; how many people fit in the car?; a person stole my car; can I bring another person?;
        what does the agent do?; my manager needs an invoice; can I add a person to my booking?;
        I want to transfer my booking to another person; do you have customer service in Spanish?
    """
    ),
)
def test_a_question_about_people_is_no_wish_for_one(message: str) -> None:
    assert not wants_person(message)

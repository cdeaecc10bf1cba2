"""What the local analyst says of a conversation: clear cases in both languages, what may not move it, odd shapes."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from ouvidor.analysis.local import judgement
from ouvidor.analysis.local.acting import acts
from ouvidor.analysis.local.cues import cues_of, words_of
from ouvidor.analysis.local.examples import LabelledConversation, own_examples, sheet_of
from ouvidor.analysis.local.fit import fit_logistic, fit_ordinal
from ouvidor.analysis.local.judgement import judge, model_from_json, model_to_json, shipped
from ouvidor.analysis.local.rate import rate_locally
from ouvidor.analysis.local.sheet import direction
from ouvidor.analysis.local.train import train
from ouvidor.analysis.transcript import Line, Speaker, Transcript
from ouvidor.analysis.verdict import Verdict
from ouvidor.cli import app
from ouvidor.errors import Unprocessable
from ouvidor.evals.analysis import folds_of, mean_error, run_analysis, spearman
from ouvidor.evals.files import read_cases
from ouvidor.text import Language

HERE = Path(__file__).parent
HELD_OUT = {language: HERE / f"analysis_satisfaction_{language}.jsonl" for language in ("pt", "en")}
SPEAKERS: dict[str, Speaker] = {"c": "customer", "b": "bot", "p": "person"}


def talk(written: str, *, goal: str = "", handed_over: bool = False) -> Transcript:
    """Lines like "c: bom dia"; c is the customer, b the bot, p a person."""
    lines = [line.strip().partition(": ") for line in written.splitlines() if line.strip()]
    found = tuple(Line(place, SPEAKERS[who], text) for place, (who, _, text) in enumerate(lines, 1))
    return Transcript(found, goal, handed_over)


def rate(written: str, **more: str) -> Verdict:
    return rate_locally(talk(written, **more))


def expected(written: str) -> float:
    return judge(sheet_of(talk(written))).expected


ANGRY = {
    "pt": """
        c: minha mala não chegou
        b: Qual o número do voo?
        c: LA3320, já informei no outro chat
        b: Qual o número do voo?
        c: vocês são uns incompetentes!! péssimo atendimento, vou no procon
        b: Desculpe, não entendi. Pode reformular?
        """,
    "en": """
        c: my suitcase never arrived
        b: What is your flight number?
        c: LA3320, I already told you
        b: What is your flight number?
        c: you are useless!! terrible service, I want my money back and I'm calling my lawyer
        b: Sorry, I don't understand. Could you rephrase?
        """,
}
HAPPY = {
    "pt": """
        c: Boa tarde, tem quarto para dois no sábado?
        b: Boa tarde! Temos o quarto Mar por R$ 320 com café. Posso reservar?
        c: pode sim!
        b: Reserva confirmada, código MR-2231. Até sábado!
        c: perfeito, muito obrigada, adorei o atendimento
        """,
    "en": """
        c: Hi, do you have a room for two on Saturday?
        b: We have the Sea room for 320 with breakfast. Shall I book it?
        c: yes please!
        b: Booked, your confirmation number is MR-2231. See you on Saturday!
        c: perfect, thank you so much, great service
        """,
}
IRONIC = {
    "pt": """
        c: minha internet caiu de novo
        b: Lamento. Reinicie o modem.
        c: já reiniciei três vezes e continua sem sinal
        b: Lamento. Reinicie o modem.
        c: nossa, parabéns pelo atendimento, muito obrigado por nada
        """,
    "en": """
        c: my internet is down again
        b: I'm sorry. Please restart your modem.
        c: I already did that three times and it's still not working
        b: I'm sorry. Please restart your modem.
        c: wow, great service, thanks for nothing
        """,
}
GAVE_UP = {
    "pt": """
        c: queria saber se aceitam animais
        b: Nosso café da manhã é servido das 7h às 10h.
        c: sim, mas aceitam animais?
        b: Nosso café da manhã é servido das 7h às 10h.
        """,
    "en": """
        c: I'd like to know if pets are allowed
        b: Breakfast is served from 7 to 10.
        c: yes but are pets allowed?
        b: Breakfast is served from 7 to 10.
        """,
}
MENDED = {
    "pt": """
        c: o link do pagamento não abre
        b: Desculpe! Tente este: https://pagar.exemplo/9
        c: também não abriu
        b: Gerei outro, que vale 24 horas: https://pagar.exemplo/10
        c: agora deu certo, paguei. obrigado
        """,
    "en": """
        c: the payment link doesn't open
        b: Sorry! Please try this one: https://pay.example/9
        c: that one doesn't work either
        b: I've sent a new one that is valid for 24 hours: https://pay.example/10
        c: it worked now, thank you
        """,
}
RESCUED = {
    "pt": """
        c: meu voucher não aparece
        b: Desculpe, não entendi. Pode reformular?
        c: quero falar com um atendente
        b: Vou transferir você.
        p: Oi, aqui é a Nair. Já liberei o voucher, pode conferir?
        c: apareceu aqui, obrigada Nair, você resolveu na hora!
        """,
    "en": """
        c: my voucher is missing
        b: Sorry, I don't understand. Could you rephrase?
        c: I want to talk to a human
        b: I'm transferring you.
        p: Hi, this is Nora. I've released your voucher, can you check?
        c: I see it now, thank you Nora, you solved it right away!
        """,
}


@pytest.mark.parametrize("language", ["pt", "en"])
def test_an_angry_ending_is_low_and_negative(language: str) -> None:
    verdict = rate(ANGRY[language])
    assert verdict.satisfaction <= 2
    assert (verdict.sentiment, verdict.resolved) == ("negative", "no")
    assert verdict.effort >= 4
    assert 5 in verdict.evidence.satisfaction
    assert 5 in verdict.evidence.sentiment


@pytest.mark.parametrize("language", ["pt", "en"])
def test_a_happy_ending_is_high_and_positive(language: str) -> None:
    verdict = rate(HAPPY[language])
    assert verdict.satisfaction >= 8
    assert (verdict.sentiment, verdict.resolved) == ("positive", "yes")
    assert verdict.effort <= 2
    assert 5 in verdict.evidence.satisfaction
    assert 4 in verdict.evidence.resolved


@pytest.mark.parametrize("language", ["pt", "en"])
def test_irony_is_not_praise(language: str) -> None:
    verdict = rate(IRONIC[language])
    assert verdict.satisfaction <= 3
    assert verdict.sentiment == "negative"


@pytest.mark.parametrize("language", ["pt", "en"])
def test_who_leaves_silently_was_not_content(language: str) -> None:
    verdict = rate(GAVE_UP[language])
    assert verdict.satisfaction <= 5
    assert verdict.resolved != "yes"


@pytest.mark.parametrize("language", ["pt", "en"])
def test_trouble_that_was_mended_counts_as_resolved(language: str) -> None:
    verdict = rate(MENDED[language])
    assert verdict.satisfaction >= 6
    assert verdict.resolved == "yes"


@pytest.mark.parametrize("language", ["pt", "en"])
def test_a_person_can_save_it(language: str) -> None:
    verdict = rate(RESCUED[language])
    assert verdict.satisfaction >= 7
    assert verdict.sentiment == "positive"
    assert verdict.effort >= 1


@pytest.mark.parametrize("language", ["pt", "en"])
def test_the_customers_language_is_told(language: str) -> None:
    assert rate(HAPPY[language]).language == language


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("es", "Hola, quiero una habitación para dos noches, ¿cuánto cuesta? Muchas gracias"),
        ("ru", "Здравствуйте, сколько стоит номер?"),
        ("ja", "こんにちは、部屋はいくらですか"),
    ],
)
def test_other_languages_are_named_and_rated(language: str, text: str) -> None:
    verdict = rate(f"c: {text}\nb: We have rooms from 90.")
    assert verdict.language == language
    assert 3 <= verdict.satisfaction <= 8


@pytest.mark.parametrize("case", [ANGRY, HAPPY, IRONIC, GAVE_UP, MENDED, RESCUED])
@pytest.mark.parametrize("language", ["pt", "en"])
def test_thanks_for_what_was_solved_lower_nothing(case: dict[str, str], language: str) -> None:
    thanks = {"pt": "c: obrigada, resolveu!", "en": "c: thank you, that solved it!"}[language]
    assert expected(case[language] + "\n" + thanks) >= expected(case[language]) - 1e-9


@pytest.mark.parametrize("case", [ANGRY, HAPPY, IRONIC, GAVE_UP, MENDED, RESCUED])
@pytest.mark.parametrize("language", ["pt", "en"])
def test_an_insult_at_the_end_raises_nothing(case: dict[str, str], language: str) -> None:
    insult = {"pt": "c: vocês são uns idiotas, péssimo", "en": "c: you idiots, this is terrible"}[language]
    insulted = rate(case[language] + "\n" + insult)
    assert insulted.satisfaction <= rate(case[language]).satisfaction
    assert insulted.sentiment == "negative"


@pytest.mark.parametrize("language", ["pt", "en"])
def test_an_apology_of_the_bot_alone_raises_nothing(language: str) -> None:
    apology = {"pt": "b: Pedimos desculpas pelo transtorno.", "en": "b: We apologize for the inconvenience."}[language]
    for case in (ANGRY, GAVE_UP, IRONIC):
        assert rate(case[language] + "\n" + apology).satisfaction <= rate(case[language]).satisfaction


def test_no_weight_says_the_opposite_of_what_its_feature_can_say() -> None:
    model = shipped()
    good = np.array([direction(name) for name in model.names])
    assert (model.satisfaction.weights * good >= 0).all()
    for head in model.heads.values():
        assert (head.weights * good <= 0).all()


@pytest.mark.parametrize(
    "change", [str.lower, lambda text: text.replace("Nair", "Iracema").replace("Nora", "Gretchen")]
)
@pytest.mark.parametrize("case", [HAPPY, GAVE_UP, MENDED, RESCUED])
def test_names_and_casing_change_nothing(case: dict[str, str], change: Callable[[str], str]) -> None:
    for written in case.values():
        before, after = rate(written), rate(change(written))
        assert abs(before.satisfaction - after.satisfaction) <= 1
        assert (before.resolved, before.effort) == (after.resolved, after.effort)


def test_a_complaint_in_the_opening_is_the_reason_not_the_verdict() -> None:
    verdict = rate("""
        c: péssimo, meu pedido veio com defeito e estou muito chateada
        b: Lamento! Já enviei outro, chega amanhã sem custo. Protocolo 88123.
        c: nossa que rápido, obrigada! agora sim
        """)
    assert verdict.satisfaction >= 7


def test_a_complaint_counts_against_the_service_only_after_an_answer() -> None:
    complaint, request = "c: péssimo, estou muito chateada", "c: meu pedido veio com defeito"
    opening = sheet_of(talk(f"{complaint}\n{request}\nb: Já enviei outro, chega amanhã.\nc: ok")).values
    reaction = sheet_of(talk(f"{request}\nb: Já enviei outro, chega amanhã.\n{complaint}\nc: ok")).values
    assert (opening["customer.complaint"], opening["opening.sore"]) == (0, 1)
    assert (reaction["customer.complaint"] > 0, reaction["opening.sore"]) == (True, 0)


@pytest.mark.parametrize(
    ("language", "text", "there", "absent"),
    [
        ("pt", "funcionou", "resolved", "unresolved"),
        ("pt", "n funcionou", "unresolved", "resolved"),
        ("pt", "Não, funcionou!", "resolved", "unresolved"),
        ("pt", "Muuuuito obrigadaaaa", "thanks", "complaint"),
        ("pt", "não gostei do atendimento", "complaint", "praise"),
        ("pt", "no quarto tudo perfeito", "praise", "complaint"),
        ("en", "it doesn't seem fixed", "unresolved", "resolved"),
        ("en", "it is fixed", "resolved", "unresolved"),
        ("en", "no, thanks", "decline", "complaint"),
        ("en", "that was not great", "complaint", "praise"),
        ("en", "there are no more rooms available", "refusal", "success"),
    ],
)
def test_a_negation_turns_a_cue(language: Language, text: str, there: str, absent: str) -> None:
    cues = cues_of(text, language)
    assert there in cues
    assert absent not in cues


@pytest.mark.parametrize(
    ("language", "text", "acted"),
    [
        ("pt", "Já devolvi o valor.", True),
        ("pt", "Desbloqueei sua conta", True),
        ("pt", "Pronto. Corrigido!", True),
        ("pt", "Verificarei amanhã", False),
        ("pt", "Obrigado pela espera", False),
        ("en", "I've moved you to 14C", True),
        ("en", "Fixed.", True),
        ("en", "I need your name", False),
        ("en", "We will send it", False),
        ("en", "I've just put you on the list", True),
        ("en", "It's booked", True),
        ("en", "I'm sending somebody now", True),
        ("en", "I'm looking into it", False),
    ],
)
def test_a_deed_is_told_by_the_shape_of_its_verb(language: Language, text: str, acted: bool) -> None:
    assert acts(words_of(text), language) is acted


def test_what_follows_but_weighs_more() -> None:
    bad, good = (
        expected(f"c: e o meu reembolso?\nb: Foi feito hoje.\nc: {last}")
        for last in ("obrigado, mas o atendimento foi péssimo", "o atendimento foi péssimo, mas resolveu, obrigado")
    )
    assert good > bad + 1


def test_a_long_wait_is_an_effort() -> None:
    start = datetime(2026, 11, 21, 9, tzinfo=UTC)

    def waited(minutes: int) -> Verdict:
        moments = (start, start + timedelta(minutes=minutes), start + timedelta(minutes=minutes + 1))
        lines = zip(("customer", "bot", "customer"), ("cadê meu pedido?", "Chega hoje.", "ok"), moments, strict=True)
        return rate_locally(Transcript(tuple(Line(n, who, text, at) for n, (who, text, at) in enumerate(lines, 1))))

    assert waited(600).effort > waited(1).effort
    assert waited(600).satisfaction <= waited(1).satisfaction


@pytest.mark.parametrize("language", ["pt", "en"])
def test_a_goal_of_closing_needs_a_confirmation(language: str) -> None:
    goal = {"pt": "a reserva foi fechada", "en": "the reservation was closed"}[language]
    reached = rate(HAPPY[language], goal=goal)
    assert reached.goal_reached == "yes"
    assert 4 in reached.evidence.goal
    assert rate(GAVE_UP[language], goal=goal).goal_reached == "no"
    assert rate(HAPPY[language]).goal_reached == "unknown"
    assert rate("c: queria reservar\nb: Qual a data?\nc: sábado\nb: Ótima escolha!", goal=goal).goal_reached == "no"


ODD = {
    "one line": "c: oi",
    "only the bot": "b: Olá! Como posso ajudar?\nb: Ainda está aí?",
    "emoji only": "c: 👍\nb: 😊",
    "sad emoji": "c: 😡😡😡",
    "marks only": "c: ???\nb: ...",
    "numbers": "c: 31\nb: 42",
    "long word": "c: " + "a" * 4000,
}


@pytest.mark.parametrize("name", ODD)
def test_odd_conversations_have_a_verdict(name: str) -> None:
    transcript = talk(ODD[name])
    verdict = rate_locally(transcript)
    assert verdict.summary
    assert_grounded(verdict, transcript)


def test_where_no_customer_speaks_nothing_is_sure() -> None:
    verdict = rate(ODD["only the bot"])
    assert verdict.confidence <= 0.3
    assert verdict.resolved == "unknown"


@pytest.mark.parametrize("lines", [(), (Line(1, "customer", " "), Line(2, "bot", "\n"))])
def test_of_a_conversation_without_a_word_nothing_is_said(lines: tuple[Line, ...]) -> None:
    verdict = rate_locally(Transcript(lines, goal="the reservation was closed"))
    assert (verdict.satisfaction, verdict.sentiment, verdict.effort) == (5, "neutral", 0)
    assert (verdict.resolved, verdict.goal_reached) == ("unknown", "unknown")
    assert verdict.confidence <= 0.3
    assert not any(verdict.evidence.model_dump().values())
    assert (verdict.topics, verdict.faults, verdict.improvements) == ([], [], [])


def test_a_line_without_text_and_positions_with_gaps() -> None:
    transcript = Transcript((Line(3, "customer", " "), Line(7, "customer", "obrigado"), Line(9, "bot", "De nada!")))
    assert_grounded(rate_locally(transcript), transcript)


def test_five_hundred_lines() -> None:
    lines = [
        Line(n, "customer" if n % 2 else "bot", f"pergunta {n} sobre o pedido?" if n % 2 else f"resposta {n}, aguarde")
        for n in range(1, 501)
    ]
    transcript = Transcript(tuple(lines))
    assert_grounded(rate_locally(transcript), transcript)


@pytest.mark.parametrize("case", [ANGRY, HAPPY, IRONIC, GAVE_UP, MENDED, RESCUED])
def test_evidence_points_to_lines_and_verdicts_repeat(case: dict[str, str]) -> None:
    for written in case.values():
        transcript = talk(written)
        verdict = rate_locally(transcript)
        assert_grounded(verdict, transcript)
        assert verdict == rate_locally(transcript)


def assert_grounded(verdict: Verdict, transcript: Transcript) -> None:
    evidence = verdict.evidence.model_dump()
    assert set(evidence) == {"satisfaction", "sentiment", "resolved", "goal", "effort"}
    for at in evidence.values():
        assert at
        assert at == sorted(set(at))
        assert transcript.positions.issuperset(at)
    assert 0 <= verdict.confidence <= 1


@pytest.mark.parametrize(("language", "fewest"), [("pt", 55), ("en", 45)])
def test_conversations_that_it_was_not_trained_on(language: str, fewest: int) -> None:
    cases = read_cases(HELD_OUT[language], LabelledConversation)
    truth = np.array([case.satisfaction for case in cases])
    rated = [rate_locally(case.transcript()) for case in cases]
    whole = np.array([verdict.satisfaction for verdict in rated], dtype=np.float64)
    assert len(cases) >= fewest
    assert mean_error(whole, truth) <= 1.6
    assert spearman(whole, truth) >= 0.65
    assert whole[truth >= 7].mean() - whole[truth <= 3].mean() >= 3
    near = float(np.mean(np.abs(whole - truth) <= 2))
    assert abs(near - float(np.mean([verdict.confidence for verdict in rated]))) <= 0.1


@pytest.mark.parametrize("language", ["pt", "en"])
def test_no_held_out_conversation_is_among_the_examples(language: str) -> None:
    place = Path(judgement.__file__).with_name("examples.jsonl")

    def conversations(path: Path) -> set[str]:
        return {json.dumps(json.loads(line)["turns"]) for line in path.read_text(encoding="utf-8").splitlines()}

    assert not conversations(place) & conversations(HELD_OUT[language])


def test_the_shipped_numbers_survive_being_written() -> None:
    again = model_from_json(model_to_json(shipped(), ["x"]))
    sheet = sheet_of(talk(HAPPY["pt"]))
    assert again.names == tuple(sheet.values)
    assert judge(sheet, again).levels == pytest.approx(judge(sheet).levels)


def test_ordinal_regression_orders_the_levels() -> None:
    rows = np.linspace(-2, 2, 44)[:, None]
    chances = fit_ordinal(rows, np.repeat(np.arange(11), 4), l2=0.001).chances(np.array([[-1.9], [0.0], [1.9]]))
    assert chances.sum(axis=1) == pytest.approx([1, 1, 1])
    expected_levels = chances @ np.arange(11)
    assert expected_levels == pytest.approx([0, 5, 10], abs=1)


def test_a_file_of_yes_and_no_moves_no_number_of_0_to_10() -> None:
    own = own_examples()[:60]
    told = [type(one)(one.sheet, satisfied=False, goal_done=False, annoyed=True) for one in own_examples()[60:120]]
    alone, beside = train(own), train([*own, *told])
    sheet = sheet_of(talk(HAPPY["en"]))
    assert judge(sheet, beside).chance["dissatisfied"] > judge(sheet, alone).chance["dissatisfied"]
    assert abs(judge(sheet, beside).expected - judge(sheet, alone).expected) < 1


def test_logistic_regression_finds_the_odds() -> None:
    chance = np.random.default_rng(3)
    rows = chance.normal(size=(4000, 2))
    yes = chance.random(4000) < 1 / (1 + np.exp(-(1.5 * rows[:, 0] - 0.5)))
    found = fit_logistic(rows, yes, np.ones(4000), l2=1e-6)
    assert found.weights == pytest.approx([1.5, 0], abs=0.15)
    assert found.constant == pytest.approx(-0.5, abs=0.15)


def test_training_needs_no_label_of_every_kind() -> None:
    examples = [one for one in own_examples() if one.satisfaction is not None][:40]
    model = train([type(one)(one.sheet, satisfaction=one.satisfaction) for one in examples])
    verdict = judge(examples[0].sheet, model)
    assert verdict.chance["annoyed"] == 0.5
    assert 0 <= verdict.expected <= 10


def write_cases(path: Path, **groups: int) -> Path:
    rows: list[str] = []
    for group, count in groups.items():
        for number in range(count):
            good = number % 2 == 0
            turns = [("user", f"pedido {number} atrasado"), ("agent", "Chega hoje às 15h." if good else "Não sei.")]
            turns.append(("user", "ótimo, obrigado" if good else "que absurdo, péssimo"))
            row = {"turns": [{"role": role, "text": text} for role, text in turns], "task": [group, "x"]}
            rows.append(
                json.dumps(row | {"satisfied": good, "user_annoyed": not good, "satisfaction": 8 if good else 1})
            )
    path.write_text("\n".join(rows), encoding="utf-8")
    return path


def test_evaluation_prints_what_was_agreed(tmp_path: Path) -> None:
    figures = run_analysis(write_cases(tmp_path / "cases.jsonl", a=6))
    assert set(figures) == {"cases", "auroc", "mae", "spearman", "per_second"}
    assert figures["cases"] == 6
    assert figures["auroc"] == {"satisfied": 1.0, "goal_done": None, "user_annoyed": 1.0}
    assert figures["mae"] < 2
    assert figures["spearman"] > 0.8
    assert figures["per_second"] > 0


def test_cross_validation_gives_standard_errors(tmp_path: Path) -> None:
    figures = run_analysis(write_cases(tmp_path / "cases.jsonl", a=6, b=4, c=4), cross_validate="task")
    assert figures["groups"] == 3
    assert figures["auroc"]["user_annoyed"] == 1.0
    assert figures["standard_errors"]["user_annoyed"] == 0.0
    assert figures["standard_errors"]["goal_done"] is None


def test_the_command_prints_json_and_a_table(tmp_path: Path) -> None:
    words = ["evals", "run", "analysis", "--cases", str(write_cases(tmp_path / "cases.jsonl", a=4, b=4))]
    printed = CliRunner().invoke(app, [*words, "--json", "--cross-validate", "task"])
    assert printed.exit_code == 0
    assert json.loads(printed.stdout)["cases"] == 8
    assert set(json.loads(printed.stdout)["standard_errors"]) >= {"satisfied", "goal_done", "user_annoyed"}
    table = CliRunner().invoke(app, words)
    assert table.exit_code == 0
    assert "auroc satisfied" in table.stdout


def test_no_group_is_in_two_folds() -> None:
    groups = ["a"] * 9 + ["b"] * 5 + ["c"] * 4 + ["d"]
    folds = folds_of(groups, 2)
    assert {len({fold for fold, own in zip(folds, groups, strict=True) if own == name}) for name in "abcd"} == {1}
    assert sorted(folds.count(fold) for fold in (0, 1)) == [9, 10]


def test_cross_validation_refuses_a_single_group(tmp_path: Path) -> None:
    with pytest.raises(Unprocessable):
        run_analysis(write_cases(tmp_path / "cases.jsonl", a=6), cross_validate="task")


@pytest.mark.parametrize(
    "row", ['{"turns": [{"role": "ghost", "text": "x"}]}', '{"turns": [], "satisfaction": 11}', "{"]
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str) -> None:
    path = tmp_path / "cases.jsonl"
    path.write_text('{"turns": []}\n' + row, encoding="utf-8")
    with pytest.raises(Unprocessable, match="line 2"):
        run_analysis(path)


def test_a_conversation_without_turns_is_counted(tmp_path: Path) -> None:
    path = write_cases(tmp_path / "cases.jsonl", a=4)
    path.write_text(path.read_text(encoding="utf-8") + '\n{"turns": [], "satisfied": false}', encoding="utf-8")
    assert run_analysis(path)["cases"] == 5

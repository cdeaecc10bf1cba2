"""Personal data leave as placeholders and come back: what is found, what is left alone, and what survives a model."""

import json
import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ouvidor.engines import addresses, masking, personal_data
from ouvidor.engines.check_digits import is_card, is_cnpj, is_cpf
from ouvidor.engines.masking import mask
from ouvidor.engines.personal_data import Kind, find
from ouvidor.evals.files import read_cases
from ouvidor.evals.masking import MaskingCase, judge, measure, run_masking

HERE = Path(__file__).parent
OWN, HELD_OUT = HERE / "masking_cases.jsonl", HERE / "masking_held_out.jsonl"
MAIL, PHONE = "ana@lima.com.br", "(11) 98765-4321"
VALUES = (MAIL, PHONE, "+55 11 98765-4321", "529.982.247-25", "11222333000181", "4111 1111 1111 1111", "01310-100")


def presented(question: str, history: Sequence[str] = (), sections: Sequence[str] = ()) -> str:
    said = [{"role": "USER", "content": one, "verified": True} for one in history]
    shown = [{"number": number, "title": "", "text": one, "tier": "N1"} for number, one in enumerate(sections)]
    return json.dumps({"question": question, "language": "pt", "history": said, "sections": shown}, ensure_ascii=False)


def unmasked(value: Any, unmask: Any) -> Any:
    if isinstance(value, str):
        return unmask(value)
    if isinstance(value, list):
        return [unmasked(part, unmask) for part in value]
    return {key: unmasked(part, unmask) for key, part in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize(("file", "least", "clean"), [(OWN, 260, 80), (HELD_OUT, 60, 30)])
def test_nearly_all_is_found_and_little_else(file: Path, least: int, clean: int) -> None:
    figures = run_masking(file)
    cases = read_cases(file, MaskingCase)
    wrong = [miss for case in cases for _, miss, _ in judge(case) if miss]
    assert (figures["recall"] or 0) >= 0.95, wrong
    assert (figures["precision"] or 0) >= 0.95, wrong
    assert len(cases) >= least
    assert sum(not case.values for case in cases) >= clean
    assert len({case.text for case in cases}) == len(cases)


def test_every_kind_and_both_languages_are_tried() -> None:
    cases = read_cases(OWN, MaskingCase)
    tried = [(value.kind, case.language) for case in cases for value in case.values]
    assert all(sum(kind == one for one, _ in tried) >= 9 for kind in Kind)
    assert all(sum(language == one for _, one in tried) >= 70 for language in ("pt", "en"))


def test_the_figures_tell_a_miss_from_a_needless_mask() -> None:
    texts = ("fone (11) 98765-4321", "nada", "veja ana@lima.com.br")
    kinds = ([{"kind": "PHONE", "value": PHONE}], [], [])
    rows = zip(texts, kinds, strict=True)
    cases = [MaskingCase.model_validate({"text": text, "language": "pt", "values": values}) for text, values in rows]
    cases.append(
        MaskingCase.model_validate(
            {"text": "sou o Rui", "language": "pt", "values": [{"kind": "ADDRESS", "value": "Rui"}]}
        )
    )
    figures = measure(cases)
    assert (figures["recall"], figures["precision"], figures["of_these_masked"]) == (0.5, 0.5, 1)
    assert (figures["phone_recall"], figures["address_recall"], figures["cpf_recall"]) == (1.0, 0.0, None)


def test_check_digits() -> None:
    assert is_cpf("52998224725")
    assert not is_cpf("52998224724")
    assert not is_cpf("11111111111")
    assert is_cnpj("12ABC34501DE35")
    assert is_cnpj("11222333000181")
    assert not is_cnpj("11222333000182")
    assert is_card("378282246310005")
    assert not is_card("378282246310006")
    assert not is_card("7894900011517")


def test_the_same_value_has_one_placeholder_in_the_whole_call() -> None:
    masked = mask(presented(f"meu email é {MAIL}", [f"sou {MAIL} e {PHONE}", "nada", f"e {PHONE}, {MAIL}"]))
    shown = json.loads(masked.text)
    assert shown["question"] == "meu email é [EMAIL_1]"
    assert [said["content"] for said in shown["history"]] == [
        "sou [EMAIL_1] e [PHONE_1]",
        "nada",
        "e [PHONE_1], [EMAIL_1]",
    ]
    assert masked.count == 2


def test_another_way_to_write_the_same_digits_is_told_apart_only_by_a_letter() -> None:
    text = "11 98765-4321, (11) 98765-4321, +55 11 98765-4321 e +5511987654321"
    masked = mask(text)
    assert masked.text == "[PHONE_1], [PHONE_1B], [PHONE_2] e [PHONE_2B]"
    assert masked.unmask(masked.text) == text
    assert mask("ANA@lima.com.br e ana@lima.com.br").text == "[EMAIL_1] e [EMAIL_1B]"


@pytest.mark.parametrize(
    "said",
    [
        "[EMAIL_1]",
        "[email_1]",
        "[ EMAIL_1 ]",
        "[EMAIL 1]",
        "[EMAIL-1]",
        "[Email_ 1]",
        "EMAIL_1",
        "email_1",
        "EMAIL\\_1",
        "\\[EMAIL\\_1\\]",
        "[EMAIL\\_1]",
    ],
)
def test_what_a_model_makes_of_a_placeholder_is_understood(said: str) -> None:
    masked = mask(f"sou {MAIL}")
    assert masked.unmask(f"Enviamos para {said}.") == f"Enviamos para {MAIL}."
    assert masked.unmask(f"**{said}**, ok?") == f"**{MAIL}**, ok?"


@pytest.mark.parametrize("said", ["email 1", "[EMAIL_2]", "[EMAIL_11]", "XEMAIL_1", "EMAIL_1x", "[PHONE_1]", "[1]"])
def test_what_is_no_placeholder_of_this_call_stays(said: str) -> None:
    assert mask(f"sou {MAIL}").unmask(f"veja {said}") == f"veja {said}"


@pytest.mark.parametrize("own", ["[EMAIL_1]", "email_1", "\\[EMAIL_1\\]", "[ email 1 ]", "EMAIL_1B"])
def test_a_customer_who_writes_a_placeholder_gets_it_back(own: str) -> None:
    text = f"o que é {own}? sou {MAIL}"
    masked = mask(text)
    assert masked.text == f"o que é {own}? sou [EMAIL_2]"
    assert masked.unmask(masked.text) == text
    told = mask(presented(f"sou {MAIL}", sections=["Escreva [EMAIL_1] no campo."]))
    assert json.loads(told.text)["question"] == "sou [EMAIL_2]"


def test_sections_stay_and_so_does_what_they_publish() -> None:
    question = f"o 0800 722 1234 é de vocês? o meu é {PHONE}"
    masked = mask(presented(question, ["ligue 08007221234"], ["Ligue para 0800-722-1234 ou fale@loja.com.br."]))
    shown = json.loads(masked.text)
    assert shown["sections"][0]["text"] == "Ligue para 0800-722-1234 ou fale@loja.com.br."
    assert shown["question"] == "o 0800 722 1234 é de vocês? o meu é [PHONE_1]"
    assert shown["history"][0]["content"] == "ligue 08007221234"
    assert list(masked.values.values()) == [PHONE]


def test_a_line_break_is_no_letter_of_what_follows() -> None:
    masked = mask(presented(f"meus dados:\n{MAIL}\n01310-100\tfim"))
    assert json.loads(masked.text)["question"] == "meus dados:\n[EMAIL_1]\n[CEP_1]\tfim"


def test_nothing_to_mask_leaves_every_sign_as_it_is() -> None:
    given_ = '{"question":"Que horas abre?" , "n": 1.50}'
    assert mask(given_).text == given_
    assert mask("R$ 1.299,90 em 10/11/2026").count == 0


def test_records_of_what_a_model_said_are_masked_again() -> None:
    masked = mask(presented(f"sou {MAIL}, {PHONE}"))
    assert masked.conceal(f'{{"text":"Olá, {MAIL}: {PHONE}"}}') == '{"text":"Olá, [EMAIL_1]: [PHONE_1]"}'


def test_a_link_keeps_its_numbers_but_not_a_mailbox() -> None:
    address = "https://loja.example/p/11987654321?c=529.982.247-25"
    assert mask(f"veja {address}").text == f"veja {address}"
    assert mask(f"https://x.example/?email={MAIL}&a=1").text == "https://x.example/?email=[EMAIL_1]&a=1"


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300))
def test_any_text_comes_back(text: str) -> None:
    masked = mask(text)
    assert masked.unmask(masked.text) == text


PIECES = st.sampled_from(
    [
        *VALUES,
        "[EMAIL_1]",
        "EMAIL_1",
        "phone_2B",
        "[",
        "]",
        "\\[",
        "\\]",
        "\\",
        "_",
        " ",
        "\n",
        ". ",
        "a",
        "1",
        "@",
        "Rua A, 12",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(PIECES, max_size=14).map("".join))
def test_any_mixture_of_values_and_placeholders_comes_back(text: str) -> None:
    masked = mask(text)
    back = masked.unmask(masked.text)
    assert back == text
    assert masked.unmask(back) == back


@settings(max_examples=150, deadline=None)
@given(st.lists(st.lists(PIECES, max_size=6).map("".join), min_size=2, max_size=5), st.booleans())
def test_what_a_task_presents_comes_back_string_by_string(texts: list[str], publish: bool) -> None:
    shown = presented(texts[0], texts[1:], texts if publish else ())
    masked = mask(shown)
    assert unmasked(json.loads(masked.text), masked.unmask) == json.loads(shown)


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from(VALUES),
    st.sampled_from(["oi ", "é ", "(", "\n", "fim: "]),
    st.sampled_from(["", ".", ",", ")", "\n", " ok"]),
)
def test_no_digit_of_a_value_is_left(value: str, before: str, after: str) -> None:
    masked = mask(before + value + after)
    assert re.fullmatch(re.escape(before) + r"\[[A-Z]+_1\]" + re.escape(after), masked.text)


def patterns() -> list[re.Pattern[str]]:
    named = [value for module in (addresses, masking, personal_data) for value in vars(module).values()]
    return [value for value in named if isinstance(value, re.Pattern)]


def test_no_pattern_repeats_without_bound_but_a_plain_class() -> None:
    assert len(patterns()) > 30
    for pattern in patterns():
        for repeat in re.finditer(r"(?<!\\)[*+](?![^\[]*\])|\{\d*,\}", pattern.pattern):
            before = pattern.pattern[: repeat.start()]
            assert before.endswith(("\\w", "]", "\\")), (pattern.pattern, repeat)


@pytest.mark.parametrize(
    "unit",
    [
        *(
            "a",
            "1",
            "1 ",
            "1.",
            "a.",
            "a@",
            "@",
            "a@a.",
            "rua ",
            "rua a ",
            "R. ",
            "12 Ab ",
            "1 a ",
            "a ponto ",
            "a arroba ",
        ),
        *("(", "+", "+1 ", "AB1", "cep ", "ap 1 ", "SQS 1 bl ", "9 ", "99999-", "x-", "\n", " ", "http://", "[EMAIL_"),
        *(
            f"{PHONE} ",
            f"{MAIL} ",
            "flat a, ",
            "moro na rua a ",
            "0 0 ",
            "12 1st ",
            "a dot ",
            "rodovia a ",
            "{",
            "[",
            '{"a":',
        ),
        *("R. 1 de A 1 de ", "rua A a-a a-", "número 1 ", "\ud800", "É", "٣", "０"),
    ],
)
def test_a_hundred_thousand_signs_of_anything_are_read_and_come_back(unit: str) -> None:
    text = (unit * (100_000 // len(unit) + 1))[:100_000]
    masked = mask(text)
    assert masked.unmask(masked.text) == text


def test_finding_is_pure_and_in_order() -> None:
    text = f"{PHONE} {MAIL} Rua das Flores, 123 01310-100"
    found = find(text)
    assert found == find(text)
    assert [one.kind for one in found] == ["PHONE", "EMAIL", "ADDRESS", "CEP"]
    assert all(one.end <= after.start for one, after in pairwise(found))

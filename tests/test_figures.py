import pytest

from ouvidor.agent.figures import borne_out, figures, told_figures


def strangers(text: str, told: str) -> list[str]:
    return [figure.written for figure in figures(text) if not borne_out(figure, told_figures(told))]


SAME = [
    ("1.234,56", "1,234.56"),
    ("6h30", "6:30"),
    ("6.30", "6h30"),
    ("2 dogs", "two dogs"),
    ("duas", "2"),
    ("vinte e cinco", "25"),
    ("dois mil", "2.000"),
    ("R$ 1.500", "R$ 1,500.00"),
    ("$1500", "1,500 dollars"),
    ("20%", "20 por cento"),
    ("10 pm", "22h"),
    ("até as 10 da noite", "22:00"),
    ("6:30 am to 10 am", "6:30 to 10:00"),
    ("from 8 to 10 pm", "8 pm to 10 pm"),
    ("24 hours", "1 day"),
    ("48h", "2 dias"),
    ("12 meses", "1 ano"),
    ("half an hour", "30 minutos"),
    ("Wednesday", "Monday to Friday"),
    ("on weekends", "Saturdays and Sundays until 11"),
    ("na segunda-feira", "segunda a sexta"),
    ("12/03", "12 de março"),
    ("(0800) 000 0000", "0800 000 0000"),
    ("meio-dia", "12h"),
    ("R$ 10 a R$ 20", "entre R$ 10 e 20"),
    ("10 business days", "10 dias úteis"),
    ("１０%", "10%"),
    ("twice", "duas vezes"),
    ("1. first\n2. then", "nothing"),
    ("you may bring it", "nothing"),
    ("uma pessoa", "nothing"),
]
OTHER = [
    ("20%", "20 dollars"),
    ("10 kg", "10 dollars"),
    ("10 am", "22h"),
    ("2 days", "2 business days"),
    ("Saturday", "Monday to Friday"),
    ("12 March", "12/04/2026"),
    ("0800 000 0001", "0800 000 0000"),
    ("R$ 1.500", "$1,500"),
    ("$O.99", "$4.99"),
    ("¹⁰", "20"),
    ("every day", "Monday to Friday"),
    ("X4", "X3"),
    ("five", "15"),
]


@pytest.mark.parametrize(("text", "told"), SAME)
def test_the_same_in_other_signs(text: str, told: str) -> None:
    assert strangers(text, told) == []


@pytest.mark.parametrize(("text", "told"), OTHER)
def test_what_only_looks_alike(text: str, told: str) -> None:
    assert strangers(text, told)

"""The check digits of Brazilian registers and of payment cards; what to do with a wrong one is the caller's to say."""

from collections.abc import Sequence

CNPJ_WEIGHTS = (6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)
NETWORKS = (
    (("34", "37"), (15,)),
    (("30", "36", "39"), (14, 16, 19)),
    (("38",), (13, 14, 16, 19)),
    (("35",), (16, 19)),
    (("4",), (13, 16, 19)),
    (("2", "5"), (16,)),
    (("6",), (16, 17, 18, 19)),
)
"""First digits and lengths in use: Amex; Diners; Hipercard; JCB; Visa; Mastercard; Elo, Maestro and others."""


def is_cpf(digits: str) -> bool:
    """Whether eleven digits hold the two check digits of a CPF; a digit repeated eleven times is none."""
    if len(digits) != 11 or digits == digits[0] * 11:
        return False
    first = _check(digits[:9], range(10, 1, -1))
    return digits[9:] == f"{first}{_check(digits[:9] + str(first), range(11, 1, -1))}"


def is_cnpj(signs: str) -> bool:
    """Whether fourteen signs are a CNPJ, numeric or of the alphanumeric kind (July 2026; a sign counts ASCII - 48)."""
    if len(signs) != 14 or not signs[12:].isdigit() or signs == signs[0] * 14:
        return False
    first = _check(signs[:12], CNPJ_WEIGHTS[1:])
    return signs[12:] == f"{first}{_check(signs[:12] + str(first), CNPJ_WEIGHTS)}"


def is_card(digits: str) -> bool:
    """Whether 13 to 19 digits begin and end as a network's do, and Luhn's sum is right."""
    if not any(digits.startswith(first) and len(digits) in lengths for first, lengths in NETWORKS):
        return False
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _check(signs: str, weights: Sequence[int]) -> int:
    rest = sum((ord(sign) - 48) * weight for sign, weight in zip(signs, weights, strict=True)) % 11
    return 0 if rest < 2 else 11 - rest

"""Passwords: kept as Argon2id hashes; hashing and checking take a thread each and never hold a transaction open."""

import asyncio
import unicodedata
from dataclasses import dataclass

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from ouvidor.db import in_transaction
from ouvidor.errors import Unprocessable

LEAST_PASSWORD_LENGTH = 10
LONGEST_PASSWORD = 1000
_HASHER = PasswordHasher()


class WeakPassword(Unprocessable):
    """Choose a password of at least 10 and at most 1000 characters."""


class HashInsideTransaction(RuntimeError):
    """A password was hashed or checked while a database transaction was open: that is slow on purpose."""


@dataclass(frozen=True)
class HashedPassword:
    """A new password that keeps the rules, as it is stored."""

    text: str


async def hash_password(password: str) -> HashedPassword:
    """The password as it is stored (Argon2id, RFC 9106); done before the transaction that stores it.

    Raises:
        WeakPassword: it breaks the rule.
    """
    check_new_password(password)
    return await _hash(password)


def check_new_password(password: str) -> None:
    """Whether this may be somebody's password.

    Raises:
        WeakPassword: under 10 characters, or over 1000.
    """
    if not LEAST_PASSWORD_LENGTH <= len(password) <= LONGEST_PASSWORD:
        raise WeakPassword


async def is_password(stored: str | None, password: str) -> bool:
    """Whether this is the password; without a stored one (nobody has that name) the same work is done for nothing."""
    _refuse_transaction()
    fits = await asyncio.to_thread(_verify, stored or hash_of_nobody(), _one_form(password))
    return fits and stored is not None


def hash_of_nobody() -> str:
    """A hash that no known password has, to be checked with the work of those that are stored; it costs none to make.

    Salt and digest are zeros, in the encoding of the reference implementation (19 is Argon2 1.3).
    """
    h = _HASHER
    return f"$argon2id$v=19$m={h.memory_cost},t={h.time_cost},p={h.parallelism}${'A' * 22}${'A' * 43}"


async def fresher_hash(stored: str, password: str) -> HashedPassword | None:
    """The right password hashed anew, where the parameters have changed since it was stored; else None."""
    return await _hash(password) if _HASHER.check_needs_rehash(stored) else None


async def _hash(password: str) -> HashedPassword:
    _refuse_transaction()
    return HashedPassword(await asyncio.to_thread(_HASHER.hash, _one_form(password)))


def _verify(stored: str, password: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


def _one_form(password: str) -> str:
    """One form for the same letters from different keyboards (NFC, as RFC 8265 says); case and spaces count."""
    return unicodedata.normalize("NFC", password)


def _refuse_transaction() -> None:
    if in_transaction():
        raise HashInsideTransaction

"""Access and refresh tokens over HTTP: sixty forgeries are refused, and what was signed out stays out."""

import asyncio
import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from conftest import MovedClock, OpenRuntime, client_of
from factories import Site
from sqlalchemy import delete, func, select

from ouvidor.accounts.models import AuditEntry, Membership, RefreshToken, TokenFamily, User
from ouvidor.accounts.passwords import hash_password
from ouvidor.accounts.permissions import Role
from ouvidor.accounts.tokens import access_token, signing_key, sweep_families
from ouvidor.accounts.users import create_user, join_project
from ouvidor.knowledge.models import Section
from ouvidor.runtime import Runtime

pytestmark = pytest.mark.anyio

PASSWORD = "correct horse battery"
ROUTE = "/api/v1/project"
SECONDS = 900


@dataclass(frozen=True)
class Login:
    """A person of the tenant `seaside` who has just logged in, and what a forger may know of it."""

    access: str
    refresh: str
    claims: dict[str, Any]
    key: bytes
    secret: bytes

    def signed(self, claims: Mapping[str, Any] | None = None, header: Mapping[str, Any] | None = None) -> str:
        """A token by the true key, with other claims or header: None takes one out."""
        return hand_made({"alg": "HS256", "typ": "JWT", **(header or {})}, self.claims | dict(claims or {}), self.key)


def part(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def without_none(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def hand_made(header: Mapping[str, Any], claims: Mapping[str, Any], key: bytes, algorithm: str = "sha256") -> str:
    said = f"{part(without_none(header))}.{part(without_none(claims))}"
    return f"{said}.{part(hmac.digest(key, said.encode(), algorithm))}"


async def person(rt: Runtime, site: Site, username: str = "marina") -> User:
    hashed = await hash_password(PASSWORD)
    async with rt.db.begin() as session:
        user = await create_user(session, username, hashed, now=rt.clock())
        await join_project(session, user.id, site.own.project.id, Role.OWNER, rt.clock())
    return user


async def log_in(client: httpx.AsyncClient, username: str = "marina") -> dict[str, Any]:
    answer = await client.post("/api/v1/auth/login", json={"username": username, "password": PASSWORD})
    assert answer.status_code == 200
    return answer.json()


@pytest.fixture
async def marina(rt: Runtime, site: Site) -> User:
    return await person(rt, site)


@pytest.fixture
async def login(rt: Runtime, marina: User, client: httpx.AsyncClient) -> Login:  # noqa: ARG001 - whoever logs in must be there
    pair = await log_in(client)
    claims = jwt.decode(pair["access"], options={"verify_signature": False})
    return Login(pair["access"], pair["refresh"], claims, signing_key(rt.secret), rt.secret)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def status(client: httpx.AsyncClient, token: str, route: str = ROUTE) -> int:
    answer = await client.get(route, headers=bearer(token))
    if answer.status_code == 401:
        assert answer.headers["www-authenticate"] == "Bearer"
        assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code


async def refresh(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post("/api/v1/auth/refresh", json={"refresh": token})


def rs256_by(key: bytes) -> Callable[[Login], str]:
    return lambda login: hand_made({"alg": "RS256", "typ": "JWT"}, login.claims, key)


def altered(login: Login) -> str:
    head, _, signature = login.access.split(".")
    return f"{head}.{part(login.claims | {'sub': str(uuid4())})}.{signature}"


def other_header(login: Login) -> str:
    _, body, signature = login.access.split(".")
    return f"{part({'alg': 'HS256', 'typ': 'JWT', 'x': 1})}.{body}.{signature}"


def last_letter(login: Login) -> str:
    """Another last letter of the signature; four further on, for its lowest two bits carry nothing."""
    last = login.access[-1]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return login.access[:-1] + letters[(letters.index(last) + 4) % 64]


def forged_list(login: Login) -> str:
    said = f"{part({'alg': 'HS256'})}.{part([1, 2])}"
    return f"{said}.{part(hmac.digest(login.key, said.encode(), 'sha256'))}"


PUBLIC_PEM = b"-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----\n"
LATER = 10_000_000_000

FORGERIES: dict[str, Callable[[Login], str]] = {
    # no token at all
    "empty": lambda _: "",
    "garbage": lambda _: "garbage",
    "only dots": lambda _: "..",
    "five parts, as an encrypted token has": lambda login: f"{login.access}.x.y",
    "letters outside ASCII": lambda login: login.access + "\u00e9",
    "a header nested ten thousand deep": lambda login: f"{part(b'[' * 10_000)}.{login.access.split('.')[1]}.x",
    # the signature
    "wrong key": lambda login: hand_made({"alg": "HS256"}, login.claims, b"k" * 32),
    "empty key": lambda login: hand_made({"alg": "HS256"}, login.claims, b""),
    "the bare secret as the key": lambda login: hand_made({"alg": "HS256"}, login.claims, login.secret),
    "another installation's secret": lambda login: hand_made({"alg": "HS256"}, login.claims, signing_key(b"x" * 64)),
    "payload altered": altered,
    "header altered": other_header,
    "last letter of the signature altered": last_letter,
    "signature cut": lambda login: login.access[:-8],
    "signature stripped": lambda login: login.access.rpartition(".")[0] + ".",
    "signature and dot stripped": lambda login: login.access.rpartition(".")[0],
    "encoded twice": lambda login: part(login.access.encode()),
    "encoded in percent": lambda login: login.access.replace(".", "%2E"),
    "in lower case": lambda login: login.access.lower(),
    # the algorithm
    "algorithm none": lambda login: f"{part({'alg': 'none'})}.{part(login.claims)}.",
    "algorithm NoNe with our signature": lambda login: login.signed(header={"alg": "NoNe"}),
    "no algorithm": lambda login: login.signed(header={"alg": None}),
    "algorithms as a list": lambda login: login.signed(header={"alg": ["HS256", "none"]}),
    "HS384 by our key": lambda login: hand_made({"alg": "HS384"}, login.claims, login.key, "sha384"),
    "HS512 by our key": lambda login: hand_made({"alg": "HS512"}, login.claims, login.key, "sha512"),
    "RS256 in the header, our HMAC below": lambda login: rs256_by(login.key)(login),
    "HMAC by a public key (RS/HS confusion)": lambda login: hand_made({"alg": "HS256"}, login.claims, PUBLIC_PEM),
    "ES256 in the header": lambda login: login.signed(header={"alg": "ES256"}),
    # where the key shall come from: the header decides nothing
    "kid leads out of a folder": lambda login: hand_made(
        {"alg": "HS256", "kid": "../../../../dev/null"}, login.claims, b""
    ),
    "kid is SQL": lambda login: hand_made({"alg": "HS256", "kid": "x' union select 'k'--"}, login.claims, b"k"),
    "kid is a number": lambda login: hand_made({"alg": "HS256", "kid": 7}, login.claims, b"7"),
    "jku": lambda login: hand_made({"alg": "HS256", "jku": "https://evil.example/k.json"}, login.claims, b"k" * 32),
    "x5u": lambda login: hand_made({"alg": "HS256", "x5u": "https://evil.example/k.pem"}, login.claims, b"k" * 32),
    "jwk": lambda login: hand_made(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": part(b"k" * 32)}}, login.claims, b"k" * 32
    ),
    "crit of something unknown": lambda login: login.signed(
        header={"crit": ["http://example/x"], "http://example/x": 1}
    ),
    "b64 false": lambda login: login.signed(header={"b64": False, "crit": ["b64"]}),
    # the claims, signed by the true key as if it had leaked from another use
    "expired": lambda login: login.signed({"iat": login.claims["iat"] - SECONDS, "exp": login.claims["iat"]}),
    "for ever": lambda login: login.signed({"exp": LATER}),
    "issued in the future": lambda login: login.signed(
        {"iat": login.claims["iat"] + 120, "exp": login.claims["exp"] + 120}
    ),
    "not yet valid": lambda login: login.signed({"nbf": LATER}),
    "end as text": lambda login: login.signed({"exp": str(login.claims["exp"])}),
    "end at infinity": lambda login: login.signed({"exp": float("inf")}),
    "end not a number": lambda login: login.signed({"exp": float("nan")}),
    "end true": lambda login: login.signed({"iat": False, "exp": True}),
    "no end": lambda login: login.signed({"exp": None}),
    "no beginning": lambda login: login.signed({"iat": None}),
    "no person": lambda login: login.signed({"sub": None}),
    "no login": lambda login: login.signed({"fam": None}),
    "wrong audience": lambda login: login.signed({"aud": "another:api"}),
    "several audiences": lambda login: login.signed({"aud": ["ouvidor:api", "another:api"]}),
    "no audience": lambda login: login.signed({"aud": None}),
    "wrong issuer": lambda login: login.signed({"iss": "somebody"}),
    "no issuer": lambda login: login.signed({"iss": None}),
    "an unknown person": lambda login: login.signed({"sub": str(uuid4())}),
    "an unknown login": lambda login: login.signed({"fam": str(uuid4())}),
    "person is no id": lambda login: login.signed({"sub": "marina' or 1=1--"}),
    "claims are a list": forged_list,
    # one kind for another
    "refresh token as access token": lambda login: login.refresh,
    "refresh token without its prefix": lambda login: login.refresh.removeprefix("ouv_refresh_"),
    "access token as an API key": lambda login: f"ouv_live_{login.access}",
}


def test_there_are_more_than_25_forgeries() -> None:
    assert len(FORGERIES) > 50


async def test_the_token_that_forgeries_start_from_is_good(client: httpx.AsyncClient, login: Login) -> None:
    assert await status(client, login.access) == 200
    assert await status(client, login.signed()) == 200
    assert (await client.get(ROUTE, headers={"Authorization": f"bearer {login.access}"})).status_code == 200


async def test_forgeries_are_refused(client: httpx.AsyncClient, login: Login) -> None:
    met = {name: await status_of_raw(client, forge(login)) for name, forge in FORGERIES.items()}
    assert {name: found for name, found in met.items() if found != 401} == {}
    assert await status(client, login.access) == 200


async def status_of_raw(client: httpx.AsyncClient, token: str) -> int:
    headers = [(b"authorization", b"Bearer " + token.encode())]
    return (await client.get(ROUTE, headers=headers)).status_code


async def test_a_token_counts_in_one_place_only(client: httpx.AsyncClient, login: Login) -> None:
    told = ("", "Bearer", "Basic {}", "Token {}", "{}", "Bearer Bearer {}", "Bearer {},x", "JWT {}", "Bearer\t{}")
    for header in told:
        answer = await client.get(ROUTE, headers={"Authorization": header.format(login.access)})
        assert (header, answer.status_code) == (header, 401)
    for place in (f"{ROUTE}?access_token={login.access}", f"{ROUTE}?token={login.access}"):
        assert (await client.get(place)).status_code == 401
    for name in ("Cookie", "X-Authorization", "Proxy-Authorization"):
        answer = await client.get(ROUTE, headers={name: f"ouvidor_session={login.access}"})
        assert answer.status_code == 401


async def test_forged_refresh_tokens_are_refused(client: httpx.AsyncClient, login: Login) -> None:
    forged = {
        "one letter": "x",
        "the prefix alone": "ouv_refresh_",
        "random": "ouv_refresh_" + "A" * 43,
        "without the prefix": login.refresh.removeprefix("ouv_refresh_"),
        "letter case swapped": login.refresh.swapcase(),
        "space before": f" {login.refresh}",
        "cut": login.refresh[:-1],
        "longer": f"{login.refresh}A",
    }
    met = {name: (await refresh(client, token)).status_code for name, token in forged.items()}
    assert {name: found for name, found in met.items() if found != 401} == {}
    for token in ("", login.access, "x\0y"):
        assert (await refresh(client, token)).status_code == 422
    assert (await refresh(client, login.refresh)).status_code == 200


async def test_a_refresh_token_is_good_for_one_use_and_its_second_ends_the_login(
    rt: Runtime, client: httpx.AsyncClient, login: Login
) -> None:
    second = (await refresh(client, login.refresh)).json()
    assert second["refresh"] != login.refresh
    assert await status(client, second["access"]) == 200
    reused = await refresh(client, login.refresh)
    assert (reused.status_code, reused.json()["type"]) == (401, "urn:ouvidor:bad_refresh_token")
    assert (await refresh(client, second["refresh"])).status_code == 401
    assert [await status(client, token) for token in (login.access, second["access"])] == [401, 401]
    async with rt.db.read() as session:
        reuse = AuditEntry.action == "user.refresh_token_reused"
        assert (await session.execute(select(func.count()).where(reuse))).scalar_one() == 1


async def test_of_two_refreshes_at_once_one_is_a_copy(client: httpx.AsyncClient, login: Login) -> None:
    answers = await asyncio.gather(*[refresh(client, login.refresh) for _ in range(6)])
    good = [answer.json() for answer in answers if answer.status_code == 200]
    assert len(good) == 1
    assert {answer.status_code for answer in answers} == {200, 401}
    assert await status(client, good[0]["access"]) == 401


async def test_another_login_of_the_same_person_is_left_alone(client: httpx.AsyncClient, login: Login) -> None:
    other = await log_in(client)
    await refresh(client, login.refresh)
    await refresh(client, login.refresh)
    assert await status(client, login.access) == 401
    assert await status(client, other["access"]) == 200


async def test_a_login_ends_after_thirty_days_however_often_it_was_refreshed(
    client: httpx.AsyncClient, login: Login, clock: MovedClock
) -> None:
    clock.advance(days=29)
    second = (await refresh(client, login.refresh)).json()
    assert await status(client, second["access"]) == 200
    clock.advance(days=1)
    assert (await refresh(client, second["refresh"])).status_code == 401


async def test_an_access_token_ends_after_fifteen_minutes(
    client: httpx.AsyncClient, login: Login, clock: MovedClock
) -> None:
    clock.advance(seconds=SECONDS - 1)
    assert await status(client, login.access) == 200
    clock.advance(seconds=1)
    assert await status(client, login.access) == 401


@pytest.mark.parametrize("route", ["logout", "logout-everywhere"])
async def test_logging_out_ends_both_tokens_at_once(client: httpx.AsyncClient, login: Login, route: str) -> None:
    other = await log_in(client)
    assert (await client.post(f"/api/v1/auth/{route}", headers=bearer(login.access))).status_code == 200
    assert await status(client, login.access) == 401
    assert (await refresh(client, login.refresh)).status_code == 401
    assert await status(client, other["access"]) == (200 if route == "logout" else 401)


async def test_whoever_was_removed_from_the_project_is_out(
    rt: Runtime, client: httpx.AsyncClient, login: Login, marina: User
) -> None:
    async with rt.db.begin() as session:
        await session.execute(delete(Membership).where(Membership.user_id == marina.id))
    assert await status(client, login.access) == 401
    assert await status(client, login.access, "/api/v1/me") == 401
    assert (await refresh(client, login.refresh)).status_code == 401


async def test_a_removed_person_is_out(rt: Runtime, client: httpx.AsyncClient, login: Login, marina: User) -> None:
    async with rt.db.begin() as session:
        await session.execute(delete(User).where(User.id == marina.id))
    assert await status(client, login.access) == 401
    assert (await refresh(client, login.refresh)).status_code == 401


async def test_a_token_of_another_project_finds_nothing(
    rt: Runtime, client: httpx.AsyncClient, login: Login, site: Site
) -> None:
    """Theirs is a good token; our sections and conversations do not exist for it, and it cannot name our login."""
    stranger = await person(rt, site, "stranger")
    async with rt.db.begin() as session:
        await session.execute(delete(Membership).where(Membership.user_id == stranger.id))
        await join_project(session, stranger.id, site.other.project.id, Role.OWNER, rt.clock())
        section = (await session.execute(select(Section.id).where(Section.key == "pool"))).scalar_one()
    theirs = (await log_in(client, "stranger"))["access"]
    assert await status(client, theirs) == 200
    assert await status(client, login.access, f"/api/v1/sections/{section}") == 200
    assert await status(client, theirs, f"/api/v1/sections/{section}") == 404
    assert "seaside" not in (await client.get("/api/v1/me", headers=bearer(theirs))).text
    named = {"username": "stranger", "password": PASSWORD, "project": "seaside"}
    assert (await client.post("/api/v1/auth/login", json=named)).status_code == 404


async def test_a_token_cannot_name_the_login_of_somebody_else(
    rt: Runtime, site: Site, client: httpx.AsyncClient, login: Login
) -> None:
    stranger = await person(rt, site, "stranger")
    assert await status(client, login.signed({"sub": str(stranger.id)})) == 401


async def test_a_token_of_another_installation_is_worthless(
    opened: OpenRuntime, client: httpx.AsyncClient, login: Login, marina: User
) -> None:
    async with opened() as rt:
        foreign = replace(rt, secret=b"another installation's secret 01")
        token = access_token(foreign.secret, marina.id, UUID(login.claims["fam"]), rt.clock())
        assert await status(client, token) == 401
        async with client_of(foreign) as theirs:
            assert await status(theirs, login.access) == 401


async def test_only_digests_of_refresh_tokens_are_kept(rt: Runtime, login: Login) -> None:
    async with rt.db.read() as session:
        row = (await session.execute(select(RefreshToken))).scalar_one()
        family = (await session.execute(select(TokenFamily))).scalar_one()
    assert len(row.digest) == 32
    assert login.refresh not in repr(vars(row)) + repr(vars(family))


@pytest.mark.usefixtures("login")
async def test_old_logins_are_swept(rt: Runtime, clock: MovedClock) -> None:
    clock.advance(days=59)
    async with rt.db.begin() as session:
        await sweep_families(session, rt.clock())
        assert (await session.execute(select(func.count()).select_from(TokenFamily))).scalar_one() == 1
        await sweep_families(session, rt.clock() + timedelta(days=2))
        assert (await session.execute(select(func.count()).select_from(TokenFamily))).scalar_one() == 0

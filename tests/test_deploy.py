"""What deploy/ names is there: files, commands, settings, ports, addresses. No container engine is needed."""

import ast
import json
import os
import re
import shlex
import subprocess
import tomllib
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from ouvidor.cli import app as cli
from ouvidor.runtime import Runtime
from ouvidor.settings import Settings, read_settings

ROOT = Path(__file__).parent.parent
DEPLOY = ROOT / "deploy"
DOCUMENT = ROOT / "docs/deploy.md"
POSTGRES_VARIABLES = {"POSTGRES_USER", "POSTGRES_PASSWORD", "POSTGRES_DB"}
"""Those of the official image that are used."""
SETTINGS = {f"OUVIDOR_{name.upper()}" for name in Settings.model_fields}
OF_PYTHON_AND_UV = {"PATH", "VIRTUAL_ENV", "UV_NO_CACHE", "UV_COMPILE_BYTECODE", "PYTHONUNBUFFERED"}
OURS = ("migrate", "app", "demo", "worker")
ENDINGS = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}
"""Of the samples of a metric."""


@dataclass(frozen=True)
class Step:
    """One instruction of the Dockerfile, its flags (`--from=build`) apart."""

    name: str
    flags: tuple[str, ...]
    text: str

    @property
    def words(self) -> list[str]:
        """Of the JSON form, or as a shell splits them."""
        return json.loads(self.text) if self.text.startswith("[") else shlex.split(self.text)

    @property
    def variables(self) -> dict[str, str]:
        """Of ENV."""
        return dict(word.split("=", 1) for word in self.words)


def steps() -> list[list[Step]]:
    """The Dockerfile's instructions by stage."""
    text = re.sub(r"^#.*\n", "", (DEPLOY / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    stages: list[list[Step]] = []
    for line in filter(str.strip, text.splitlines()):
        name, _, rest = line.partition(" ")
        flags = re.match(r"(?:\s*--[a-z-]+=\S+)*", rest)
        assert flags
        if name == "FROM":
            stages.append([])
        stages[-1].append(Step(name, tuple(flags[0].split()), rest[flags.end() :].strip()))
    return stages


def last(name: str) -> Step:
    """The final stage's last instruction of this name."""
    return next(step for step in reversed(steps()[-1]) if step.name == name)


def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def service(name: str) -> dict[str, Any]:
    return compose()["services"][name]


def image_settings() -> dict[str, str]:
    return {key: value for step in steps()[-1] if step.name == "ENV" for key, value in step.variables.items()}


def is_command(words: list[str]) -> bool:
    """Whether `ouvidor WORDS` is a command with these options; it is asked for its help, never run."""
    return CliRunner().invoke(cli, [*words, "--help"]).exit_code == 0


def test_what_the_image_copies_exists_and_is_let_through() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_through = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    copied = [
        source
        for stage in steps()
        for step in stage
        if step.name == "COPY" and not any(flag.startswith("--from") for flag in step.flags)
        for source in step.words[:-1]
    ]
    assert copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(Path(source).is_relative_to(one) for one in let_through), source
    for one in let_through:
        assert any(Path(one).is_relative_to(source) for source in copied), one


def test_the_wheels_own_files_are_among_them() -> None:
    """Those that pyproject.toml names; without them the wheel is not built."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    copied = {source for step in steps()[0] if step.name == "COPY" for source in step.words[:-1]}
    needed = {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml", "src/"}
    assert needed <= copied
    assert project["build-system"]["requires"] == ["hatchling"]
    assert re.search(r"^hatchling==", (ROOT / "requirements/dev.txt").read_text(), re.MULTILINE)


def test_every_package_is_checked_by_its_hash() -> None:
    runs = " && ".join(step.text for step in steps()[0] if step.name == "RUN")
    installs = [part for part in runs.split("&&") if re.search(r"\b(pip install|uv build)\b", part)]
    assert len(installs) == 5
    for part in installs:
        own_wheel = part.split()[-1].startswith("dist/") and "--no-deps" in part
        assert "--require-hashes" in part or own_wheel, part
    named = re.findall(r"(?:-r|--build-constraint) (\S+)", runs)
    assert named
    for path in named:
        assert "--hash=sha256:" in (ROOT / path).read_text()
    assert "://" not in runs


def test_the_image_is_slim_and_starts_from_one_base() -> None:
    bases = {stage[0].words[0] for stage in steps()}
    assert len(bases) == 1
    assert re.fullmatch(r"python:3\.\d+-slim-\w+", bases.pop())
    (copied,) = [step for step in steps()[-1] if step.name == "COPY"]
    assert copied.flags == ("--from=build",)
    assert copied.words[0] == copied.words[1] == "/opt/ouvidor"


def test_nobody_is_root_and_the_user_may_write_its_data() -> None:
    names = [step.name for step in steps()[-1]]
    (made,) = [step for step in steps()[-1] if step.name == "RUN" and step.text.startswith("useradd")]
    uid = made.words[made.words.index("--uid") + 1]
    assert last("USER").text == f"{uid}:{uid}"
    assert "--user-group" in made.words
    home = made.words[made.words.index("--home-dir") + 1]
    assert "--create-home" in made.words
    assert home == image_settings()["OUVIDOR_DATA_DIR"] == last("WORKDIR").text
    model = next(number for number, step in enumerate(steps()[-1]) if "model" in step.text and step.name == "RUN")
    assert names.index("USER") < model, "what root writes into the data folder its user cannot change"
    assert not [step for step in steps()[-1][names.index("USER") :] if step.name == "COPY"]


def test_the_images_commands_are_ours() -> None:
    assert last("ENTRYPOINT").words == ["ouvidor"]
    assert is_command(last("CMD").words)
    prepared = [step.words for step in steps()[-1] if step.name == "RUN" and step.text.startswith("[")]
    assert prepared == [["ouvidor", "model", "install"]]
    assert is_command(prepared[0][1:])
    assert not is_command(["serve", "--no-such-option"])


def test_the_images_variables_are_settings_without_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    for stage in steps():
        for step in stage:
            assert step.name != "ARG"
            if step.name == "ENV":
                assert step.variables.keys() <= SETTINGS | OF_PYTHON_AND_UV
    ours = {key: value for key, value in image_settings().items() if key in SETTINGS}
    for key, value in ours.items():
        monkeypatch.setenv(key, value)
    settings = read_settings()
    assert str(settings.port) == last("EXPOSE").text
    assert not settings.listens_on_loopback
    assert not [key for key in ours if re.search("KEY|PASSWORD|TOKEN|URL", key)]


@pytest.mark.anyio
async def test_the_health_check_asks_for_what_is_served(rt: Runtime, client: httpx.AsyncClient) -> None:
    command = last("HEALTHCHECK").text.removeprefix("CMD ")
    program, option, code = json.loads(command)
    assert (program, option) == ("python", "-c")
    ast.parse(code)
    address = re.search(r"http://127\.0\.0\.1:(\d+)(/\w+)", code)
    assert address
    assert address[1] == image_settings()["OUVIDOR_PORT"]
    response = await client.get(address[2])
    assert response.status_code == 200, response.text
    assert rt.settings.trusted_hosts == (), "with other names it must be among them"


def test_services_run_commands_of_ours() -> None:
    for name in OURS:
        words = service(name)["command"]
        assert is_command(words), words
        build = service(name)["build"]
        context = (DEPLOY / build["context"]).resolve()
        assert context == ROOT
        assert (context / build["dockerfile"]).samefile(DEPLOY / "Dockerfile")
        assert service(name)["cap_drop"] == ["ALL"]
    assert service("migrate")["command"] == ["migrate"]
    assert "--no-worker" in service("app")["command"]
    assert service("worker")["command"] == ["worker"]


def test_variables_are_settings_or_postgresqls() -> None:
    for name, one in compose()["services"].items():
        allowed = POSTGRES_VARIABLES if name == "db" else SETTINGS
        assert one.get("environment", {}).keys() <= allowed, name
    text = (DEPLOY / "compose.yaml").read_text()
    asked = set(re.findall(r"\$\{(\w+)", text)) | set(re.findall(r"\{\$(\w+)", (DEPLOY / "Caddyfile").read_text()))
    offered = set(re.findall(r"^#?([A-Z_]+)=", (DEPLOY / ".env.example").read_text(), re.MULTILINE))
    assert asked <= offered
    assert offered <= SETTINGS | POSTGRES_VARIABLES | {"COMPOSE_PROFILES"}
    assert [one["env_file"] for one in map(service, OURS)] == [[".env"]] * len(OURS)


def test_no_secret_stands_in_the_files() -> None:
    for line in (DEPLOY / ".env.example").read_text().splitlines():
        if re.search(r"^#?\w*(PASSWORD|KEY|TOKEN)=", line):
            assert line.endswith("="), line
    text = (DEPLOY / "compose.yaml").read_text()
    for line in text.splitlines():
        if "PASSWORD" in line or "SECRET_KEY" in line:
            assert ":?" in line, "without a value it must not start"
    assert subprocess.run(["git", "check-ignore", "-q", "deploy/.env"], cwd=ROOT, check=False).returncode == 0


def test_the_settings_are_accepted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With the secrets filled in, the image's and the services' variables make settings that hold."""
    monkeypatch.chdir(tmp_path)
    for key in [key for key in os.environ if key.startswith(("OUVIDOR_", "DATABASE_"))]:
        monkeypatch.delenv(key)
    given = {"POSTGRES_PASSWORD": "0123456789abcdef" * 4, "OUVIDOR_SECRET_KEY": "fedcba9876543210" * 4}
    for key, value in image_settings().items():
        if key in SETTINGS:
            monkeypatch.setenv(key, value)
    for key, value in service("app")["environment"].items():
        monkeypatch.setenv(key, filled_in(value, given))
    settings = read_settings()
    assert settings.database_url is not None
    told = f"postgresql+psycopg://ouvidor:{given['POSTGRES_PASSWORD']}@db:5432/ouvidor"
    assert settings.database_url.get_secret_value() == told
    assert (settings.public_url, settings.log_format) == ("https://localhost", "json")


def filled_in(value: str, given: dict[str, str]) -> str:
    """The value as Compose reads it: `${NAME:-default}` and `${NAME:?message}`."""
    return re.sub(
        r"\$\{(\w+):([-?])([^}]*)\}",
        lambda match: given.get(match[1], match[3]) if match[2] == "-" else given[match[1]],
        value,
    )


def test_the_database_is_the_one_that_is_asked_for() -> None:
    made = service("db")["environment"]
    address = re.fullmatch(
        r"postgresql://(\w+):\$\{POSTGRES_PASSWORD[^}]*\}@(\w+):(\d+)/(\w+)",
        service("app")["environment"]["OUVIDOR_DATABASE_URL"],
    )
    assert address
    assert address.groups() == (made["POSTGRES_USER"], "db", "5432", made["POSTGRES_DB"])
    check = service("db")["healthcheck"]["test"]
    assert check[:2] == ["CMD", "pg_isready"]
    assert check[check.index("--username") + 1] == made["POSTGRES_USER"]
    assert check[check.index("--dbname") + 1] == made["POSTGRES_DB"]
    assert "pgvector" in service("db")["image"]
    major = re.search(r"pg(\d+)$", service("db")["image"])
    assert major
    assert 16 <= int(major[1]) <= 18


def test_each_waits_for_what_it_needs() -> None:
    def waits(name: str) -> dict[str, str]:
        return {other: how["condition"] for other, how in service(name)["depends_on"].items()}

    assert waits("migrate") == {"db": "service_healthy"}
    assert waits("app") == waits("worker") == {"migrate": "service_completed_successfully"}
    assert waits("caddy") == {"app": "service_healthy"}
    assert service("migrate")["restart"] == "no", "a one-shot that restarts never completes"
    assert service("migrate")["healthcheck"] == service("worker")["healthcheck"] == {"disable": True}
    assert "healthcheck" not in service("app"), "the image's holds"


def test_the_proxy_reaches_the_server_and_is_believed() -> None:
    text = (DEPLOY / "Caddyfile").read_text()
    target = re.search(r"reverse_proxy (\w+):(\d+)", text)
    assert target
    assert target[1] == "app"
    assert target[2] == image_settings()["OUVIDOR_PORT"]
    assert "trusted_proxies" not in text, "nobody before Caddy is believed"
    address = service("caddy")["networks"]["front"]["ipv4_address"]
    assert service("app")["environment"]["OUVIDOR_TRUSTED_PROXIES"] == address
    (subnet,) = compose()["networks"]["front"]["ipam"]["config"]
    assert ip_address(address) in ip_network(subnet["subnet"])
    assert "front" in service("app")["networks"]
    assert service("caddy")["environment"]["OUVIDOR_PUBLIC_URL"] == service("app")["environment"]["OUVIDOR_PUBLIC_URL"]


def test_only_the_proxy_is_open() -> None:
    opened = {name for name, one in compose()["services"].items() if "ports" in one}
    assert opened == {"caddy"}
    assert "front" not in service("db")["networks"]
    ports = [port.split("/")[0].split(":") for port in service("caddy")["ports"]]
    assert {inside for _, inside in ports} == {"80", "443"}


def test_volumes_and_networks_are_declared_and_files_exist() -> None:
    whole = compose()
    for name, one in whole["services"].items():
        for volume in one.get("volumes", ()):
            source = volume.split(":")[0]
            known = (DEPLOY / source).is_file() if source.startswith(".") else source in whole["volumes"]
            assert known, (name, volume)
        assert set(one["networks"]) <= whole["networks"].keys(), name


OF_PROMETHEUS = {"le", "instance"}
"""Labels that are not ours."""


@pytest.mark.anyio
async def test_what_the_dashboard_shows_is_measured(client: httpx.AsyncClient) -> None:
    families = list(text_string_to_metric_families((await client.get("/metrics")).text))
    shown = {family.name + end for family in families for end in ENDINGS.get(family.type, ("",))}
    shown |= {"ouvidor_engine_circuit_open"}  # where there is a model
    panels = json.loads((DEPLOY / "grafana/ouvidor.json").read_text())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    asked = [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(asked) > 10
    for query in asked:
        names = set(re.findall(r"ouvidor_\w+", query))
        assert names, query
        assert names <= shown, query
        assert query.count("(") == query.count(")")
        if any(name.endswith(("_total", "_bucket")) for name in names):
            assert re.search(r"(rate|increase)\(ouvidor_\w+\[(\$__rate_interval|1h)\]\)", query), query


def test_the_dashboards_labels_are_those_of_the_document() -> None:
    rows = re.findall(r"^\| (`ouvidor_.*?) \| ([\w, ]*) ?\|", (ROOT / "docs/monitoring.md").read_text(), re.MULTILINE)
    labels = {
        name: set(told.replace(",", " ").split()) for names, told in rows for name in re.findall(r"`(\w+)`", names)
    }
    for panel in json.loads((DEPLOY / "grafana/ouvidor.json").read_text())["panels"]:
        for target in panel["targets"]:
            (name,) = set(re.findall(r"ouvidor_\w+", target["expr"]))
            used = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            grouped = {label for by in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in by.split(", ")}
            assert used <= grouped | {"instance"}
            assert grouped | used <= labels.get(name.removesuffix("_bucket"), set()) | OF_PROMETHEUS, target


@pytest.mark.anyio
async def test_prometheus_asks_the_server_for_what_it_serves(client: httpx.AsyncClient) -> None:
    (job,) = yaml.safe_load((DEPLOY / "prometheus/prometheus.yml").read_text())["scrape_configs"]
    for host, _, port in (target.partition(":") for one in job["static_configs"] for target in one["targets"]):
        assert host in compose()["services"]
        assert port == image_settings()["OUVIDOR_PORT"]
    assert (await client.get(job["metrics_path"])).status_code == 200
    assert "metrics_token" in Settings.model_fields
    assert job["authorization"]["credentials_file"].startswith("/")


def test_the_example_loads_the_demo_and_its_worker_analyses_it() -> None:
    """`docker compose up` begins with the demo's conversations: nobody has to order it."""
    demo = service("demo")
    assert (demo["command"], demo["restart"]) == (["demo"], "no")
    assert demo["profiles"] == re.findall(
        r"^COMPOSE_PROFILES=(\w+)$", (DEPLOY / ".env.example").read_text(), re.MULTILINE
    )
    assert "profiles" not in service("worker")


def test_what_the_document_tells_to_run_exists() -> None:
    text = DOCUMENT.read_text()
    commands = re.findall(r"docker compose exec app ouvidor (.*)", text)
    assert len(commands) == 3
    for line in commands:
        assert is_command(line.split()), line
    services = compose()["services"].keys()
    assert set(re.findall(r"docker compose exec (?:--no-TTY )?(\w+)", text)) <= services
    for path in re.findall(r"`(deploy/[\w./]+)`", text):
        assert (ROOT / path).exists() or path in {"deploy/.env", "deploy/"}, path
    assert set(re.findall(r"OUVIDOR_[A-Z_]+", text)) <= SETTINGS
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert (DOCUMENT.parent / link).exists(), link

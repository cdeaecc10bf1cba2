"""The int8 graph of the embedding model: made once of its files, kept in the data folder, checked at every start."""

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pydantic import BaseModel, Field

from ouvidor.engines.checkpoint import ModelUnusable
from ouvidor.engines.models import MINILM, OPTIONAL, REQUIRED, TOKENIZER, ModelFiles, digest_of, models_folder, verify

BUILDER = "ouvidor.engines.minilm"
UNUSABLE_EXIT = 3
QUANTISATION = "int8"  # another recipe makes other vectors: it needs another name here
GRAPH, RECORD, FACTS = f"{QUANTISATION}.onnx", f"{QUANTISATION}.json", "facts.json"
SCRATCH = ".scratch-"

Progress = Callable[[str, float], None]  # what is being done, and the share of the whole that is done, 0 to 1


class Stamp(BaseModel, frozen=True):
    """How a source file looked when its hash was taken."""

    size: int
    mtime_ns: int


class Step(BaseModel, frozen=True):
    """A line of the builder's standard output."""

    step: str
    done: float


class Facts(BaseModel, frozen=True):
    """What the builder found: `cosine` is the least between int8 and float32 over a few sentences."""

    dimension: int
    max_tokens: int
    cosine: float


class BuiltModel(BaseModel, frozen=True):
    """An int8 graph and its tokenizer in `folder`, ready to be loaded; the record beside it holds all but the folder.

    `name` identifies the vectors in the database. `source` and `stamps` tell which files it was built of; `digests`
    are the SHA-256 of its own.
    """

    folder: Path = Field(exclude=True)
    name: str
    facts: Facts
    source: str
    stamps: dict[str, Stamp]
    digests: dict[str, str]

    @property
    def graph(self) -> Path:
        """The ONNX file."""
        return self.folder / GRAPH

    @property
    def tokenizer(self) -> Path:
        """The tokenizer's file, copied beside the graph."""
        return self.folder / TOKENIZER


def silent(step: str, done: float) -> None:
    """Tell nobody."""


def build(files: ModelFiles, data_dir: Path, progress: Progress = silent) -> BuiltModel:
    """The int8 graph of a model, made on first use in data_dir/models/<hash> and found there ever after.

    The source files are hashed when they are built; later starts compare their size and time only, since nothing reads
    them any more. The graph and tokenizer that serve are hashed at every start (25 MB): a damaged cache is built anew.
    Any number of processes may call this at once: one builds, the others wait and use what it made. Takes about two
    seconds when it builds; never call it on an event loop.

    Raises:
        ModelUnusable: a model file is wrong, or data_dir cannot be written; the sentence says what to do.
    """
    try:
        found = _find_built(files, data_dir)
        if found is not None:
            return found
        with lock_models(data_dir):
            return _find_built(files, data_dir) or _build(files, data_dir, progress)
    except OSError as error:
        raise ModelUnusable(
            f"The embedding model cannot be prepared in {models_folder(data_dir)} ({error}): "
            "set OUVIDOR_DATA_DIR to a folder that you may write to."
        ) from error


def _build(files: ModelFiles, data_dir: Path, progress: Progress) -> BuiltModel:
    stamps = _stamps(files)
    progress("checking the files", 0.0)
    digests = verify(files)
    model, identity = _identity(files, digests)
    with scratch_folder(data_dir) as scratch:
        home = models_folder(data_dir) / identity
        built = _read_record(home)
        if built is None or not _is_whole(built):
            facts = _run_builder(files.folder, scratch, progress)
            shutil.copyfile(files.folder / TOKENIZER, scratch / TOKENIZER)
            built = BuiltModel(
                folder=home,
                name=f"{model}-{QUANTISATION}@{identity[:12]}",
                facts=facts,
                source="",
                stamps={},
                digests={part: digest_of(scratch / part) for part in (GRAPH, TOKENIZER)},
            )
            home.mkdir(exist_ok=True)
            for part in built.digests:
                (scratch / part).replace(home / part)
        built = built.model_copy(update={"source": str(files.folder), "stamps": stamps})
        (scratch / RECORD).write_text(built.model_dump_json(indent=2))
        (scratch / RECORD).replace(home / RECORD)  # the record last: it vouches for the others
    progress("ready", 1.0)
    return built


def _run_builder(folder: Path, out: Path, progress: Progress) -> Facts:
    """Have the graph built in a process of its own, which leaves GRAPH and `facts.json` in `out`."""
    command = [sys.executable, "-P", "-m", BUILDER, str(folder), str(out)]
    with tempfile.TemporaryFile(mode="w+") as complaints:
        with subprocess.Popen(  # noqa: S603 — our own program; the paths are arguments, never a shell's text
            command, stdout=subprocess.PIPE, stderr=complaints, text=True
        ) as process:
            for line in process.stdout or ():
                step = Step.model_validate_json(line)
                progress(step.step, step.done)
        complaints.seek(0)
        said = complaints.read().strip()
    if process.returncode == UNUSABLE_EXIT:
        raise ModelUnusable(said)
    if process.returncode:
        last = said.rsplit("\n", 1)[-1] or f"exit code {process.returncode}; is there enough memory?"
        raise ModelUnusable(f"The embedding model in {folder} could not be built: {last}")
    return Facts.model_validate_json((out / FACTS).read_bytes())


def _identity(files: ModelFiles, digests: Mapping[str, str]) -> tuple[str, str]:
    """The model's name and hash: that of the weights where every file is a package's, else one over all files."""
    for package in (files.package, MINILM):
        if package is not None and digests == package.digests:
            return package.model, digests["model.safetensors"]
    listed = "\n".join(f"{digests[name]}  {name}" for name in sorted(digests))
    return "own", hashlib.sha256(listed.encode()).hexdigest()


def _find_built(files: ModelFiles, data_dir: Path) -> BuiltModel | None:
    """The undamaged graph that was built of these very files."""
    source, stamps = str(files.folder), _stamps(files)
    for record in models_folder(data_dir).glob(f"*/{RECORD}"):
        built = _read_record(record.parent)
        if built is not None and built.source == source and built.stamps == stamps and _is_whole(built):
            return built
    return None


def _read_record(home: Path) -> BuiltModel | None:
    try:
        record: dict[str, object] = json.loads((home / RECORD).read_bytes())
        return BuiltModel.model_validate({**record, "folder": home})
    except (OSError, ValueError, TypeError):  # no record, or one that we did not write
        return None


def _is_whole(built: BuiltModel) -> bool:
    return all(
        (built.folder / part).is_file() and digest_of(built.folder / part) == digest
        for part, digest in built.digests.items()
    )


def _stamps(files: ModelFiles) -> dict[str, Stamp]:
    stamps: dict[str, Stamp] = {}
    for name in (*REQUIRED, *OPTIONAL):
        path = files.folder / name
        if path.exists():
            status = path.stat()
            stamps[name] = Stamp(size=status.st_size, mtime_ns=status.st_mtime_ns)
    return stamps


@contextmanager
def lock_models(data_dir: Path) -> Generator[None]:
    """Be the one process that changes the models folder; the kernel gives the lock back however the process ends."""
    folder = models_folder(data_dir)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextmanager
def scratch_folder(data_dir: Path) -> Generator[Path]:
    """A temporary folder beside the models; the caller holds the lock, so what a killed process left goes first."""
    for leftover in models_folder(data_dir).glob(f"{SCRATCH}*"):
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(dir=models_folder(data_dir), prefix=SCRATCH) as name:
        yield Path(name)

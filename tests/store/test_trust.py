"""Files are data: what they say to be code is run only where its user said so, or began the run here."""

from __future__ import annotations

import dataclasses
import json

import pytest

from harness.errors import UsageError
from harness.records import codec
from harness.records.case import Provider
from harness.store import trust
from harness.store.eventfile import EventWriter
from harness.store.trust import check_models, check_report, check_run, is_own, marked


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def header(build):
    """A run of a model that a file makes."""
    model = Provider("model", "net.py:build", "model:/home/x/net.py:build", digest="ab12")
    case = build.planned("itself", model="net.py:build", providers=[model])
    return build.header([case], asked={"matrices": [{"model": ["net.py:build"]}]})


@pytest.mark.parametrize(
    "name", ["net.py:build", "../x/net.py:A.b", "os.path:join", "shutil.x:rmtree:path=/", "net.pt2"]
)
def test_a_model_that_a_file_names_by_its_code_has_to_be_allowed(name):
    with pytest.raises(UsageError) as caught:
        check_models(["mlp", name], "suite mine.toml", allowed=False)
    assert caught.value.message == f"suite mine.toml names code to be run: {name}"
    assert "-m" in caught.value.hint
    assert "--allow-code" in caught.value.hint
    check_models([name], "suite mine.toml", allowed=True)
    check_models([name], "suite mine.toml", allowed=False, said=[name])


@pytest.mark.parametrize("name", ["mlp", "mlp:hidden_dim=8", "dist/mlp", "net.onnx", "all"])
def test_what_was_installed_and_what_is_data_needs_no_word(name):
    check_models([name], "suite mine.toml", allowed=False)


def test_a_run_that_was_begun_here_is_known_again_after_it_was_stored(header):
    stored = codec.decode(codec.encode(marked(header)), type(header))
    assert is_own(stored)
    check_run(stored, ["net.py:build"], ["/home/x/plugin.py"], allowed=False)


@pytest.mark.parametrize(
    "change",
    [
        {"asked": {"matrices": [{"model": ["evil.py:build"]}]}},
        {"id": "20260101-000000-abcd"},
        {"seed": 7},
    ],
)
def test_a_header_that_somebody_changed_is_nobodys(header, change):
    mine = marked(header)
    other = dataclasses.replace(mine, **change)
    if "asked" in change:
        other = dataclasses.replace(other, asked={**change["asked"], trust.MARK: mine.asked[trust.MARK]})
    assert not is_own(other)
    with pytest.raises(UsageError, match="was not begun here by you, and names code to be run: "):
        check_run(other, ["net.py:build"], [], allowed=False)
    check_run(other, ["net.py:build"], [], allowed=True)


def test_another_users_run_is_not_own(header, tmp_path, monkeypatch):
    mine = marked(header)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    assert not is_own(mine)
    assert not is_own(header)


def test_where_no_key_can_be_kept_a_run_has_no_mark(header, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert marked(header) == header
    assert not is_own(header)


def test_the_key_is_for_its_user_alone(header, tmp_path):
    marked(header)
    (key,) = (tmp_path / "cache").rglob("key")
    assert key.stat().st_mode & 0o777 == 0o600
    assert list(key.parent.iterdir()) == [key]


def test_code_of_a_report_is_that_of_the_run_beside_it_or_has_to_be_allowed(build, header, tmp_path):
    mine = marked(header)
    path = tmp_path / f"{mine.id}.json"
    EventWriter(path.with_suffix(".jsonl"), mine).close()
    report = build.analyse(build.StoredRun(mine))
    assert trust.code_of(report) == ["net.py:build"]
    assert trust.code_of(build.report([build.planned()])) == []
    check_report(report, path, ["model:/home/x/net.py:build"], allowed=False)
    for wrong in (["/tmp/evil.py"], ["evil.py:build"]):
        with pytest.raises(UsageError, match="names code to be run: "):
            check_report(report, path, wrong, allowed=False)
        check_report(report, path, wrong, allowed=True)
    with pytest.raises(UsageError, match="names code to be run: "):
        check_report(report, tmp_path / "elsewhere.json", ["net.py:build"], allowed=False)


# ---- the commands ----------------------------------------------------------------------------------

EVIL = "import pathlib\npathlib.Path('owned').touch()\ndef build():\n    raise SystemExit\n"


@pytest.fixture
def files(tmp_path, monkeypatch, build):
    """A suite, claims, a run and its report of a stranger, with the code that they would like to see run."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "evil.py").write_text(EVIL)
    (tmp_path / "suite.toml").write_text('[[matrix]]\nmodel = ["evil.py:build"]\n')
    (tmp_path / "include.toml").write_text(
        '[[matrix]]\nmodel = ["mlp"]\ninclude = [{ model = "evil.py:build" }]\n'
    )
    (tmp_path / "exclude.toml").write_text(
        '[[matrix]]\nmodel = ["mlp"]\nexclude = [{ model = "evil.py:build" }]\n'
    )
    (tmp_path / "claims.toml").write_text(
        '[[claim]]\nname = "a"\ncase = { model = "evil.py:build" }\nlatency_ms = { at_most = 5 }\n'
    )
    place = str(tmp_path / "evil.py")
    base = build.planned("itself", label={"model": "evil.py:build", "runner": "eager"},
                         providers=[Provider("model", "evil.py:build", f"model:{place}:build")])  # fmt: skip
    quick = dataclasses.replace(
        build.planned(base, runner="compile", label={"model": "evil.py:build", "runner": "compile"}),
        providers=base.providers,
    )
    header = build.header(
        [base, quick],
        asked={"matrices": [{"model": ["evil.py:build"]}], "plugins": {"extra": [place]}, "baseline": ""},
    )
    info = build.PluginInfo("evil", f"file:{place}")
    header = dataclasses.replace(header, plan=dataclasses.replace(header.plan, plugins=[info]))
    writer = EventWriter(tmp_path / "run.jsonl", header)
    for case, ms in ((base, 4.0), (quick, 2.0)):
        for n in range(2):
            writer.write(build.sample(case, n, ms + 0.01 * n))
    writer.close()
    whole = build.StoredRun(header)
    for case, ms in ((base, 4.0), (quick, 2.0)):
        for n in range(2):
            whole.add(build.sample(case, n, ms + 0.01 * n))
    (tmp_path / "run.json").write_text(json.dumps(json.loads(codec.encode(build.analyse(whole)))))
    return tmp_path


@pytest.mark.parametrize(
    "words",
    [
        ["run", "--suite", "suite.toml", "--plan"],
        ["run", "--suite", "include.toml", "--plan"],
        ["run", "--suite", "exclude.toml", "--plan"],
        ["run", "--suite", "include.toml", "--plan", "-r", "eager"],
        ["run", "--resume", "run.jsonl"],
        ["run", "--resume", "run.jsonl", "--resume-anyway"],
        ["claims", "claims.toml"],
        ["claims", "--from", "run.json"],
        ["claims", "--from", "run.jsonl"],
        ["explain", "run.json", "--waterfall"],
        ["explain", "run.jsonl", "--waterfall"],
    ],
    ids=" ".join,
)
def test_no_command_runs_what_a_strangers_file_names(files, capsys, words):
    from harness.cli import main

    code = main.run([*words])
    err = capsys.readouterr().err
    assert code == 2
    assert not (files / "owned").exists()
    assert "names code to be run: " in err
    assert "--allow-code" in err


@pytest.mark.parametrize(
    "words",
    [
        ["report", "run.jsonl"],
        ["report", "run.json", "-f", "csv"],
        ["explain", "run.jsonl"],
        ["report", "run.json"],
    ],
    ids=" ".join,
)
def test_looking_at_it_needs_no_word(files, capsys, words):
    from harness.cli import main

    assert main.run([*words]) == 0
    assert "evil.py" in capsys.readouterr().out
    assert not (files / "owned").exists()

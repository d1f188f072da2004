"""Whatever is typed, set or put into a file: one line that says what is wrong and where, a hint, exit code 2, and never
a traceback.
"""

from __future__ import annotations

import os

import pytest

from harness.cli import main

LONG = "x" * 6000
DIGITS = "9" * 6000

OPTIONS = [
    (["run", "--timeout", "nan"], "--timeout"),
    (["run", "--timeout", "inf"], "--timeout"),
    (["run", "--timeout", "-1"], "--timeout"),
    (["run", "--timeout", DIGITS], "--timeout"),
    (["run", "--tolerance", "nan"], "--tolerance"),
    (["run", "--tolerance", "1e400"], "--tolerance"),
    (["run", "--tolerance", "0"], "--tolerance"),
    (["run", "--window", "nan"], "--window"),
    (["run", "--windows", "0"], "--windows"),
    (["run", "--callers", "1e3"], "--callers"),
    (["run", "--seed", "-1"], "--seed"),
    (["run", "--wait=nan"], "--wait"),
    (["run", "--wait=x"], "--wait"),
    (["run", "--passes", DIGITS], "--passes"),
    (["run", "--until", "nan"], "--until"),
    (["run", "--time-budget", "nan"], "--time-budget"),
    (["run", "-b", DIGITS], "is no batch size"),
    (["run", "-b", "1,2,"], "'' is no batch size"),
    (["run", "--threads", "0"], "is no number of threads"),
    (["run", "-b", ",".join(map(str, range(1, 20_001)))], "that would be 20000 cases, and a run has at most"),
    (["run", "-o", "."], "names a folder and no file"),
    (["run", "-o", ""], "names a folder and no file"),
    (["run", "-o", LONG], "File name too long"),
    (["run", "--suite", LONG], "File name too long"),
    (["run", "--suite", "nowhere.toml"], "nowhere.toml: No such file"),
    (["run", "--suite", "."], "there is no suite '.'"),
    (["run", "--inputs", "nowhere.npz"], "--inputs 'nowhere.npz': there is no such file"),
    (["run", "--inputs", LONG], "File name too long"),
    (["run", "--input", "x=float32[2]", "--inputs", "x.npz"], "--input and --inputs both say"),
    (["run", "--results", "taken", "-m", "mlp"], "taken is no folder"),
    (["report", LONG], "File name too long"),
    (["report", "taken.json"], "there is no file taken.json"),
    (["report", "pipe.jsonl"], "pipe.jsonl is no regular file"),
    (["report", "--results", LONG], "File name too long"),
    (["report", "--sort", "x"], "there is no run under"),
    (["explain", "--max-error", "nan"], "--max-error"),
    (["explain", "--max-error", "0"], "--max-error"),
    (["explain", "--max-latency-ms", "inf"], "--max-latency-ms"),
    (["explain", "--max-memory-mib", "x"], "--max-memory-mib"),
    (["compare", "--margin", "200%"], "--margin"),
    (["compare", "--fail-on", LONG], "--fail-on takes no"),
    (["compare", "--timeout", "nan"], "--timeout"),
    (["compare", "--base-python", "", "--new", "runner=compile"], "--base-python is empty"),
    (["claims", "--passes", "x"], "'x' is no number of passes"),
    (["claims", "--until", "x"], "'x' is no half-width"),
    (["claims", "--timeout", "nan"], "--timeout"),
    (["claims", "."], "there are no claims '.'"),
    (["export", "--atol", "nan"], "--atol"),
    (["infer", "--timeout", "nan"], "--timeout"),
    (["check", "--other-batches", "0"], "is no batch size"),
    (["profile", "--calls", "0"], "--calls"),
    (["serve", "--max-body", "nan"], "--max-body"),
    (["serve", "--grace", "nan"], "--grace"),
    (["serve", "--token", ""], "the token must not be empty"),
    (["serve", "--token", "a\x1bb"], "the token must not be empty, and ASCII"),
    (["plugins", "new", "../x"], "is no name for a package"),
    (["plugins", "check", "nope.py"], "there is no such file"),
]


@pytest.fixture
def refused(tmp_path, monkeypatch, capsys):
    """Calls a command that is to be refused; the line that says why."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_RESULTS", raising=False)

    def call(*words):
        code = main.run([str(word) for word in words])
        out, err = capsys.readouterr()
        lines = err.splitlines()
        assert code == 2, err
        assert out == ""
        assert "Traceback" not in err
        assert [line.partition(" ")[0] for line in lines] == ["error:", "hint:"], err
        assert all(line.isprintable() and len(line) < 1100 for line in lines)
        return lines[0]

    return call


@pytest.mark.parametrize(("words", "said"), OPTIONS, ids=[" ".join(w)[:40] for w, _ in OPTIONS])
def test_a_bad_option_is_told_in_one_line_with_a_hint(refused, tmp_path, words, said):
    (tmp_path / "taken").write_text("a file")
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert said in refused(*words)


# ---- files that somebody wrote -----------------------------------------------------------------------

TOML = [
    (b"", "no [[{table}]] in it"),
    (b"\x89PNG\r\n", "is no UTF-8 text: byte 0"),
    (b"[[{table}]", "line 1"),
    (b"x = " + DIGITS.encode(), "too many digits"),
    (b"x = " + b"[" * 100_000, "too many brackets"),
    (b"\n" + b"a." * 10_000 + b"b = 1\n", "a key of more than 32 parts (at line 2)"),
    (b"[" + b"a . " * 10_000 + b"b]\n", "a key of more than 32 parts (at line 1)"),
    (b"x = {" + b"'a.b'." * 10_000 + b"b = 1}\n", "a key of more than 32 parts (at line 1)"),
    (b"\n\n[[{table}]]\nmodel = [\n", "at end of document"),
    (b"[[{table}]]\nmodel = 1e400\nname = 'a'\n", ""),
    (b"#" * 2_000_000, "is too large: more than 1 MiB"),
    (b"{table} = 3\n", "no [[{table}]] in it"),
    (b"{table} = [3]\n", "is no table"),
]


@pytest.mark.parametrize(("kind", "table"), [("suite", "matrix"), ("claims", "claim")])
@pytest.mark.parametrize(("content", "said"), TOML, ids=[str(c[:20]) for c, _ in TOML])
def test_a_file_that_is_no_suite_or_no_claims_is_named(refused, tmp_path, kind, table, content, said):
    (tmp_path / "mine.toml").write_bytes(content.replace(b"{table}", table.encode()))
    words = ("run", "--suite", "mine.toml") if kind == "suite" else ("claims", "mine.toml")
    line = refused(*words)
    assert "mine.toml" in line
    assert said.replace("{table}", table) in line


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (f"batch_size = [{','.join(map(str, range(1, 20_001)))}]", "that would be 20000 cases"),
        (
            f"batch_size = [{','.join(['1'] * 300)}]\nthreads = [{','.join(map(str, range(1, 10_002)))}]",
            "10001 cases",
        ),
        ("batch_size = [1_000_000_000]", "batch_size: 1000000000 is no whole number"),
        ("batch_size = [nan]", "batch_size: nan is no whole number"),
        ("batch_size = [true]", "batch_size: True is no whole number"),
        ("batch_size = '1..1000000000'", "is no whole number"),
        ("model = ['']", "model: '' is no text"),
        ("model = []", "model is empty"),
        ("include = [{ batch_size = 0 }]", "include: 0 is no whole number"),
    ],
)
def test_a_suite_without_bounds_is_refused_before_anything_is_planned(refused, tmp_path, body, said):
    (tmp_path / "mine.toml").write_text(f"[[matrix]]\n{body}\n")
    line = refused("run", "--suite", "mine.toml")
    assert said in line


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("passes = -1\n[[matrix]]", "mine.toml: passes: '-1' is no number of passes"),
        ("until = 'x'\n[[matrix]]", "mine.toml: until: 'x' is no half-width"),
        (
            "[[matrix]]\nmodel = 'mlp'\n[[matrix]]\nmodel = 'mpl'",
            "mine.toml: matrix 2: there is no model 'mpl'",
        ),
        ("[[matrix]]\nrunner = 'eager:x=1'", "mine.toml: matrix 1: eager has no parameter x"),
        ("[[matrix]]\nmodel = 'mlp:hidden_dim=a'", "mine.toml: matrix 1: mlp: hidden_dim=a is no int"),
        ("[[matrix]]\ndevice = 'gpu7'", "mine.toml: matrix 1: 'gpu7' is no device"),
    ],
)
def test_a_mistake_of_a_suite_is_told_with_its_file_and_table(refused, tmp_path, text, said):
    (tmp_path / "mine.toml").write_text(text)
    assert said in refused("run", "--suite", "mine.toml", "--plan")


@pytest.mark.parametrize("what", ["folder", "pipe", "device"])
@pytest.mark.parametrize("words", [("run", "--suite"), ("claims",)], ids=" ".join)
def test_what_is_no_file_is_never_waited_for(refused, tmp_path, what, words):
    path = tmp_path / "mine.toml"
    if what == "folder":
        path.mkdir()
    elif what == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    assert f"mine.toml is no file: it is a {what}" in refused(*words, "mine.toml")


# ---- the environment -------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["taken", "/proc/none/x", LONG, "a\x1b[2Jb"])
def test_a_results_folder_of_the_environment_that_cannot_be_is_told(refused, tmp_path, monkeypatch, value):
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("HARNESS_RESULTS", value)
    assert refused("report")


@pytest.mark.parametrize("value", ["taken", "/proc/none/x", LONG, "", "relative"])
def test_a_cache_that_cannot_be_used_is_passed_over(tmp_path, monkeypatch, capsys, value):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "taken").write_text("a file")
    monkeypatch.setenv("XDG_CACHE_HOME", value)
    assert main.run(["list", "suites"]) == 0
    assert main.run(["doctor"]) == 0
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ("run", "-m", os.fsdecode(b"mlp:hidden_dim=\xff")),
        ("run", "-o", os.fsdecode(b"out\xe8.txt")),
        ("run", "--results", os.fsdecode(b"\xe8")),
        ("run", "--suite", os.fsdecode(b"\xe8.toml")),
        ("report", os.fsdecode(b"\xe8")),
        ("plugins", "check", os.fsdecode(b"\xe8.py")),
    ],
)
def test_an_argument_that_is_no_text_is_told_before_anything_is_done(refused, tmp_path, words):
    assert " is no UTF-8 text" in refused(*words)
    assert os.listdir(tmp_path) == []

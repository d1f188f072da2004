"""The checks as tests of a plugin's own suite."""

from pathlib import Path

import pytest

from harness.conformance import checks
from harness.errors import UsageError

HERE = Path(__file__).parent


def test_each_is_called_what_it_checks_and_passes_or_raises_the_same_sentence():
    found = checks(str(HERE / "misbehaving" / "precisions.py"), timeout=60)
    by_name = {str(check): check for check in found}
    assert len(by_name) == len(found)
    assert by_name["precision loose: precision.dtype"]().status == "ok"
    with pytest.raises(AssertionError) as raised:
        by_name["precision loose: precision.tolerance"]()
    assert str(raised.value).splitlines() == [
        "precision loose: expected a tolerance above 0 that refuses planted wrong answers, found 0.5, which takes "
        "one wrong sample in sixteen and an answer a quarter too large for right",
        "hint: choose it above the error that your format has on the models of the box, and below 0.25",
    ]


def test_what_does_not_apply_passes():
    (check,) = [c for c in checks("box") if str(c) == "model mlp: model.reset"]
    assert (check().status, check().reason) == ("not applicable", "it has no reset()")


def test_a_plugin_that_does_not_load_has_a_check_that_says_so():
    first, *others = checks(str(HERE / "misbehaving" / "does_not_import.py"))
    assert str(first) == "plugin does_not_import.py: plugin.loads"
    with pytest.raises(AssertionError, match="no_such_library"):
        first()
    assert [check().reason for check in others] == ["plugin.loads comes first"] * len(others)


def test_what_is_not_there_is_an_error_while_collecting():
    with pytest.raises(UsageError, match="there is no plugin 'harness-nowhere' here"):
        checks("harness-nowhere")


@pytest.mark.slow
def test_the_author_s_own_test_file_runs(pytester_file):
    done = pytester_file(str(HERE / "healthy" / "others.py"))
    assert done.returncode == 0, done.stdout
    assert "precision fp64-true: precision.how" in done.stdout


@pytest.fixture
def pytester_file(tmp_path):
    """Runs the file that the docs show, in a process of its own."""
    import subprocess
    import sys

    def run(what):
        (tmp_path / "test_conforms.py").write_text(
            "import pytest\n"
            "from harness.conformance import checks\n\n\n"
            f'@pytest.mark.parametrize("check", checks({what!r}), ids=str)\n'
            "def test_conforms(check):\n"
            "    check()\n"
        )
        words = ["-vv", "-p", "no:cacheprovider", "-k", "fp64", "-c", str(tmp_path / "none.ini")]
        (tmp_path / "none.ini").write_text("[pytest]\n")
        return subprocess.run(
            [sys.executable, "-m", "pytest", *words, str(tmp_path)],
            capture_output=True, text=True, check=False, cwd=tmp_path,
        )  # fmt: skip

    return run

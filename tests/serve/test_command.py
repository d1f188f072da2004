"""`harness serve` starts a server with just the settings of its options."""

from __future__ import annotations

import pytest

from harness.cli import main
from harness.errors import ExitCode
from harness.serve.settings import ServeSettings


@pytest.fixture
def started(monkeypatch, capsys):
    """(settings, address) that the server would begin with."""
    from harness.cli import serve

    kept = []
    monkeypatch.setattr(serve, "serve", lambda *given: kept.append(given) or ExitCode.FINE)
    monkeypatch.delenv("HARNESS_SERVE_TOKEN", raising=False)

    def call(*words):
        assert main.run(["serve", *map(str, words)]) == 0, capsys.readouterr().err
        return kept.pop()

    return call


def test_every_option_is_a_setting(started, tmp_path):
    what = ("--model", "cnn", "--runner", "compile", "--precision", "bf16", "--device", "cpu")
    limits = ("--max-batch", 16, "--max-body", 1.5, "--queue", 5, "--also", "fp32")
    where = ("--host", "0.0.0.0", "--port", 8123, "--grace", 2.5)
    words = ("--threads", 3, "--seed", 7, "--insecure", "--allow-incorrect")
    settings, address = started(*what, *limits, *where, *words)
    assert (settings.model, settings.runner, settings.precision) == ("cnn", "compile", "bf16")
    assert (settings.device, settings.threads, settings.seed) == ("cpu", 3, 7)
    assert (settings.max_batch, settings.max_body_mib, settings.queue) == (16, 1.5, 5)
    assert tuple(settings.also) == ("fp32",)
    assert (settings.insecure, settings.allow_incorrect) == (True, True)
    assert (address.host, address.port, address.grace_s) == ("0.0.0.0", 8123, 2.5)


def test_the_token_is_given_by_option_by_variable_or_in_a_file(started, tmp_path, monkeypatch):
    file = tmp_path / "token"
    file.write_text("from-file\n")
    assert started()[0].token is ServeSettings().token
    assert started("--token", "from-option")[0].token == "from-option"
    assert started("--token-file", file)[0].token == "from-file"
    monkeypatch.setenv("HARNESS_SERVE_TOKEN", "from-variable")
    assert started()[0].token == "from-variable"

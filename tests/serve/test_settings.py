"""Settings from the environment, as other servers than `harness serve` give them."""

import dataclasses
import re
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.serve.settings import PREFIX, ServeSettings, from_environment

PAGE = Path(__file__).parents[2] / "docs" / "serve.md"


def test_an_empty_environment_is_the_defaults():
    assert from_environment({"PATH": "/bin"}) == ServeSettings()


def test_every_setting_has_a_variable(tmp_path):
    given = from_environment(
        {
            "HARNESS_SERVE_MODEL": "mlp:hidden_dim=64",
            "HARNESS_SERVE_RUNNER": "compile",
            "HARNESS_SERVE_PRECISION": "bf16",
            "HARNESS_SERVE_DEVICE": "cpu",
            "HARNESS_SERVE_THREADS": "3",
            "HARNESS_SERVE_PLUGINS": "tiny.py, no:other",
            "HARNESS_SERVE_SEED": "7",
            "HARNESS_SERVE_ALSO": "fp32,fp16",
            "HARNESS_SERVE_QUEUE": "5",
            "HARNESS_SERVE_MAX_BATCH": "16",
            "HARNESS_SERVE_MAX_BODY_MIB": "1.5",
            "HARNESS_SERVE_BODY_S": "2.5",
            "HARNESS_SERVE_TOKEN": "secret",
            "HARNESS_SERVE_INSECURE": "1",
            "HARNESS_SERVE_ALLOW_INCORRECT": "true",
        }
    )
    assert dataclasses.astuple(given)[:5] == ("mlp:hidden_dim=64", "compile", "bf16", "cpu", 3)
    assert given.also == ("fp32", "fp16")
    assert (given.queue, given.max_batch, given.max_body, given.body_s) == (5, 16, 1_572_864, 2.5)
    assert (given.token, given.insecure, given.allow_incorrect, given.seed) == ("secret", True, True, 7)
    assert given.plugins.blocked == ("other",)
    changed = [
        f.name
        for f in dataclasses.fields(given)
        if getattr(given, f.name) != getattr(ServeSettings(), f.name)
    ]
    assert len(changed) == len(dataclasses.fields(given))


def test_the_token_can_come_from_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text("s3cret\n")
    assert from_environment({"HARNESS_SERVE_TOKEN_FILE": str(file)}).token == "s3cret"
    with pytest.raises(UsageError, match="cannot be read"):
        from_environment({"HARNESS_SERVE_TOKEN_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("QUEUE", "many", "HARNESS_SERVE_QUEUE='many' is no whole number"),
        ("QUEUE", "-1", "queue must be from 0"),
        ("MAX_BATCH", "0", "max-batch must be from 1"),
        ("INSECURE", "perhaps", "is neither 1 nor 0"),
        ("BODY_S", "nan", "body-s must be from"),
        ("TOKEN", "  ", "the token must not be empty"),
        ("TOKEN", "schlüssel", "ASCII throughout"),
    ],
)
def test_a_wrong_variable_is_named(variable, value, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        from_environment({PREFIX + variable: value})


def test_a_misspelt_variable_is_a_warning_and_one_of_kubernetes_no_end(caplog):
    given = from_environment({"HARNESS_SERVE_MODLE": "mlp", "HARNESS_SERVE_PORT": "tcp://10.0.0.1:8000"})
    assert given == ServeSettings()
    assert "HARNESS_SERVE_MODLE is no setting; did you mean model?" in caplog.messages
    assert "HARNESS_SERVE_PORT is no setting" in caplog.messages


def test_every_variable_is_on_the_page():
    for field in (*(f.name for f in dataclasses.fields(ServeSettings)), "token_file"):
        assert f"`{PREFIX}{field.upper()}`" in PAGE.read_text("utf-8"), field

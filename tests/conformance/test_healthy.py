"""What is unusual and right passes; and so does every plugin that the docs show."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def shown():
    """(file name, source) of every complete plugin on the pages for authors."""
    pages = ["tutorial.md", *(p.name for p in sorted((ROOT / "docs").glob("write-a-*.md"))), "plugins.md"]
    text = "\n".join((ROOT / "docs" / page).read_text("utf-8") for page in pages)
    blocks = re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(name, code) for name, code in blocks if "@harness.hookimpl" in code]


@pytest.mark.parametrize(
    "file",
    ["healthy/models.py", "healthy/others.py", pytest.param("healthy/runner.py", marks=pytest.mark.slow)],
)
def test_it_keeps_the_contracts(kits, file):
    assert kits.failed(file) == {}


def test_what_a_check_cannot_know_is_a_note_or_not_applicable(kits):
    notes = {
        ("model stateful", "model.samples"): "depends on the others",
        ("model from-numpy", "model.reference"): "it has no reference",
        ("model weightless", "model.weights-vary"): "it has no weights",
    }
    for (component, check), words in notes.items():
        found = kits.result("healthy/models.py", component, check)
        assert words in (found.note or found.reason)
    light = kits.result("healthy/models.py", "plugin models.py", "plugin.import-light")
    assert (light.status, light.note[:32]) == ("ok", "it imports torch at its top, whi")
    # An input that has nothing to do with the batch is not taken for rows of it.
    assert kits.result("healthy/models.py", "model tagger", "model.samples").note is None


def test_weights_from_a_file_need_not_follow_the_seed(kits, tmp_path):
    import torch

    torch.save(torch.nn.Linear(4, 4).state_dict(), tmp_path / "weights.pt")
    (tmp_path / "pretrained.py").write_text(
        "import torch, harness\n"
        "class Pretrained(harness.Model):\n"
        "    name = 'pretrained'\n"
        "    summary = 'weights from a file'\n"
        "    def build(self, params):\n"
        "        module = torch.nn.Linear(4, 4)\n"
        f"        module.load_state_dict(torch.load({str(tmp_path / 'weights.pt')!r}))\n"
        "        return module\n"
        "    def inputs(self, params, batch_size):\n"
        "        return harness.Inputs(torch.randn(batch_size, 4))\n"
        "@harness.hookimpl\n"
        "def harness_models():\n"
        "    yield Pretrained()\n"
    )
    found = kits.result(str(tmp_path / "pretrained.py"), "model pretrained", "model.weights-vary")
    assert found.status == "not applicable"
    assert "weights.pt" in found.reason


@pytest.mark.slow
@pytest.mark.parametrize(("name", "code"), shown(), ids=[name for name, _ in shown()])
def test_a_plugin_that_the_docs_show_keeps_the_contracts(kits, tmp_path, name, code):
    (tmp_path / name).write_text(code)
    assert kits.failed(str(tmp_path / name)) == {}


def test_the_docs_show_plugins():
    assert len(shown()) >= 10

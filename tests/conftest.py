"""What the tests share: builders of records, plugins that look installed, and how hypothesis runs."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

# The same examples every time, so that a change and nothing else turns a test red; new ones are looked
# for with HYPOTHESIS_PROFILE=explore. How long something takes is asserted nowhere, drawing included.
settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "explore", settings.get_profile("same"), derandomize=False, max_examples=2000, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


# A shell that starts the tests in the background has them ignore Ctrl-C, and so would all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Each worker has locks of its own: tests that measure side by side disturb each other, and may.
os.environ["HARNESS_LOCKS"] = tempfile.mkdtemp(prefix="harness-locks-")
atexit.register(shutil.rmtree, os.environ["HARNESS_LOCKS"], ignore_errors=True)


@pytest.fixture(scope="session")
def build() -> ModuleType:
    """tests/builders.py: cases, samples, runs and reports with every field filled in."""
    return _beside("builders")


@pytest.fixture(scope="session")
def graphs() -> ModuleType:
    """tests/onnx_graphs.py: small files, written node by node."""
    pytest.importorskip("onnx")
    return _beside("onnx_graphs")


def _beside(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"harness_test_{name}", Path(__file__).with_name(f"{name}.py")
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


class FakePackages:
    """Distributions that look installed: a folder on sys.path with a module and its metadata."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._monkeypatch = monkeypatch
        self.modules: set[str] = set()

    def __call__(
        self, source: str, name: str = "fakeplug", version: str = "1.0", entry: str | None = None
    ) -> Path:
        """Installs a distribution `name` whose module (the same name) has `source`.

        The entry point is called like the distribution unless `entry` says otherwise.
        """
        site = self._root / f"site-{len(self.modules)}"
        module = name.replace("-", "_")
        info = site / f"{module}-{version}.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[harness]\n{entry or name} = {module}\n")
        (site / f"{module}.py").write_text(source)
        self.modules.add(module)
        self._monkeypatch.syspath_prepend(str(site))
        importlib.invalidate_caches()
        return site / f"{module}.py"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Makes distributions that look installed, gone again after the test."""
    monkeypatch.delenv("HARNESS_NO_PLUGINS", raising=False)
    packages = FakePackages(tmp_path, monkeypatch)
    before = set(sys.modules)
    yield packages
    for module in set(sys.modules) - before:
        if module.partition(".")[0] in packages.modules or module.startswith("harness_plugin_"):
            del sys.modules[module]
    importlib.invalidate_caches()

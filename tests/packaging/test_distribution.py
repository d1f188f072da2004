"""What is built and installed is what is in the repository, and works anywhere."""

import configparser
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
FOLDERS = {"harness": "harness", "plugins": "harness_plugins", "registry": "harness_registry"}


def packages_on_disk():
    found = set()
    for folder, package in FOLDERS.items():
        for init in (ROOT / folder).rglob("__init__.py"):
            inner = init.parent.relative_to(ROOT / folder).parts
            found.add(".".join((package, *inner)))
    return found


def test_every_package_on_disk_is_declared():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    assert set(config["options"]["packages"].split()) == packages_on_disk()


def test_pyproject_holds_the_build_system_alone():
    import tomllib

    assert list(tomllib.loads((ROOT / "pyproject.toml").read_text())) == ["build-system"]


def test_the_constraints_pin_every_requirement_of_the_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    import re

    pinned = {
        re.split(r"[=<>]", line)[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    wanted = config["options"]["install_requires"].split()
    for extra in config["options.extras_require"].values():
        wanted += extra.split()
    names = {re.split(r"[=<>]", w)[0].lower().replace("_", "-") for w in wanted}
    assert names <= pinned


def test_the_wheel_holds_three_packages_and_its_metadata_and_every_data_file(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    top = {n.partition("/")[0] for n in names}
    assert top == {"harness", "harness_plugins", "harness_registry", "pytorch_inference_lab-0.1.0.dist-info"}
    for file in (ROOT / "registry").rglob("*.toml"):
        assert f"harness_registry/{file.relative_to(ROOT / 'registry')}" in names
    assert "harness/py.typed" in names
    for file in (ROOT / "harness").rglob("*.tmpl"):
        assert file.relative_to(ROOT).as_posix() in names


def test_the_sdist_holds_what_the_wheel_is_made_of(checkout, wheel, tmp_path):
    words = (sys.executable, "-m", "build", "--sdist", "--no-isolation", "-o", tmp_path, checkout)
    subprocess.run([str(w) for w in words], check=True, capture_output=True)
    with tarfile.open(next(tmp_path.glob("*.tar.gz"))) as archive:
        held = {name.partition("/")[2] for name in archive.getnames()}
    folders = {package: folder for folder, package in FOLDERS.items()}
    for name in zipfile.ZipFile(wheel).namelist():
        package, _, rest = name.partition("/")
        if package in folders:
            assert f"{folders[package]}/{rest}" in held


def test_the_installed_wheel_runs_from_outside_the_repository(fresh):
    assert str(fresh.folder) in fresh.run("-c", "import harness; print(harness.__file__)").stdout
    assert "mlp" in fresh.harness("list", "models").stdout
    small = ("-m", "mlp:hidden_dim=64", "-b", "2", "--passes", "1", "--no-anatomy")
    assert "mlp:hidden_dim=64" in fresh.harness("run", *small).stdout
    assert list((fresh.folder / "results" / "benchmarks").glob("*.json"))

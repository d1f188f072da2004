"""The names in a new package, all made of the one that the author gave.

Every name is checked here, before it reaches a template: what is left are letters, digits, `-`, `_` and `.`.
"""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec

from harness import registry
from harness.components import KINDS
from harness.errors import UsageError

_DISTRIBUTION = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?", re.ASCII)
_PREFIX = "harness-"
_LONGEST = 36
"""Characters; with more, lines of the templates would be too long."""
_FOLDERS = ("build", "dist", "results", "tests")
"""Of every package: not for its module, too."""


@dataclass(frozen=True)
class Names:
    """What a new package and the things in it are called."""

    distribution: str
    """As pip knows it, in normal form: lower case, `-` between words."""
    module: str
    """As Python imports it."""
    component: str
    """As it is selected on the command line: the distribution without `harness-`."""
    kinds: tuple[str, ...]

    def class_name(self, kind: str) -> str:
        """`ExampleModel`: the class of the component of one kind."""
        words = self.distribution if self.component[0].isdigit() else self.component
        return "".join(word.capitalize() for word in (*words.split("-"), kind))


def names_of(text: str, kinds: Iterable[str]) -> Names:
    """The names for a package that its author calls `text`.

    Raises:
        UsageError: it is no name of a distribution, makes no name of a module or a component, or is taken.
    """
    wanted = tuple(kind for kind in KINDS if kind in set(kinds))
    if not _DISTRIBUTION.fullmatch(text) or len(text) > _LONGEST:
        raise UsageError(
            f"{text!r} is no name for a package: up to {_LONGEST} letters and digits, with - between words",
            "for example harness-example",
        )
    distribution = re.sub(r"[-_.]+", "-", text).lower()
    module = distribution.replace("-", "_")
    component = distribution.removeprefix(_PREFIX)
    instead = f"try {_PREFIX}{'my-' * keyword.iskeyword(component)}{component}"
    if not module.isidentifier() or keyword.iskeyword(module):
        raise UsageError(f"{text!r} makes no module that Python can import: {module}", instead)
    if keyword.iskeyword(component):
        raise UsageError(
            f"{text!r} would bring something called {component!r}, which is a word of Python", instead
        )
    # Also those that this system or this version has not: the package is installed elsewhere, too.
    if module in sys.stdlib_module_names:
        raise UsageError(f"{text!r} would hide the module {module!r} of Python itself", instead)
    if module in _FOLDERS:
        raise UsageError(f"{text!r} is the name of a folder beside the module", instead)
    _refuse_taken(Names(distribution, module, component, wanted))
    if module == distribution:
        # Else the package's folder would have the name of the module in it, and hide it where it was made.
        distribution, module = f"{_PREFIX}{distribution}", f"{_PREFIX}{module}".replace("-", "_")
    names = Names(distribution, module, component, wanted)
    _refuse_taken(names)
    return names


def _refuse_taken(names: Names) -> None:
    """Raises UsageError where a name has another owner already."""
    other = f"choose another name, for example {_PREFIX}my-{names.component}"
    try:
        version = metadata.version(names.distribution)
    except metadata.PackageNotFoundError:
        pass
    else:
        raise UsageError(f"{names.distribution} {version} is installed already", other)
    for known in registry.known_plugins():
        if known["distribution"] == names.distribution:
            raise UsageError(f"{names.distribution} is published already: {known['install']}", other)
    if _is_importable(names.module):
        raise UsageError(f"there is a module {names.module!r} already", other)
    if names.component == "all":
        raise UsageError("'all' stands for every component and cannot be one", other)
    for row in registry.components():
        if row["kind"] in names.kinds and names.component in (row["name"], *row.get("aliases", ())):
            raise UsageError(f"the box has a {row['kind']} {names.component!r} already", other)


def _is_importable(module: str) -> bool:
    """Whether there is code under this name; a mere folder, as the package's own, is none."""
    try:
        spec = find_spec(module)
    except (ImportError, ValueError):
        return True
    return spec is not None and spec.origin is not None

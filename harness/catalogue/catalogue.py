"""All components known to this process, by kind and name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from harness import registry
from harness.catalogue import params, targets
from harness.catalogue.loading import Loaded, adopt, describe, plugins_disabled
from harness.catalogue.provided import CLASSES, Problem, Provided
from harness.catalogue.specs import Spec
from harness.catalogue.suggest import listing, suggestion
from harness.components import KINDS, Component, Precision
from harness.errors import AmbiguousName, PluginError, UnknownName, UsageError
from harness.hookspecs import CATALOGUE_HOOKS

NAME = re.compile(r"[a-z0-9][a-z0-9._-]*")
_LIMIT = 10_000
"""More components than this from one hook is an endless generator."""


class Catalogue:
    """Components by kind and name, collected once from the loaded plugins.

    A name with two providers stays out until it is asked for: then it is an error that names both.

    Args:
        loaded: the plugins.
        kinds: those to collect. The hooks of others are not called, and what they import is not loaded.
    """

    def __init__(self, loaded: Loaded, kinds: Iterable[str] = KINDS) -> None:
        self.loaded = loaded
        self.problems: list[Problem] = list(loaded.problems)
        self._providers: dict[tuple[str, str], list[Provided]] = {}
        for kind in kinds:
            for provided in self._collect(kind):
                for name in dict.fromkeys((provided.name, *provided.component.aliases)):
                    self._providers.setdefault((kind, name), []).append(provided)

    def _collect(self, kind: str) -> Iterator[Provided]:
        caller = getattr(self.loaded.manager.hook, CATALOGUE_HOOKS[kind])
        # Called one by one instead of all at once, so that whoever breaks can be named.
        for implementation in caller.get_hookimpls():
            origin = self.loaded.origin(implementation.plugin)
            seen: dict[str, int] = {}
            try:
                for count, component in enumerate(implementation.function() or ()):
                    if count >= _LIMIT:
                        raise PluginError(f"{CATALOGUE_HOOKS[kind]} yields without end")
                    # What was adopted is called as it is written, and was looked at when it was.
                    adopted = origin.source.startswith(targets.SCHEME)
                    reason = None if adopted else problem_with(component, kind)
                    if reason:
                        self._leave_out(origin, f"{CATALOGUE_HOOKS[kind]}: {reason}")
                        continue
                    seen[component.name] = seen.get(component.name, 0) + 1
                    if seen[component.name] == 1:
                        yield Provided(component, origin)
                    elif seen[component.name] == 2:
                        self._leave_out(
                            origin, f"{CATALOGUE_HOOKS[kind]}: it yields {kind} {component.name!r} twice"
                        )
            except (Exception, SystemExit) as error:
                text = str(error) if isinstance(error, PluginError) else describe(error)
                self._leave_out(origin, f"{CATALOGUE_HOOKS[kind]}: {text}")

    def _leave_out(self, origin: Any, reason: str) -> None:
        self.problems.append(Problem(origin.plugin, origin.distribution, origin.version, reason))

    def of_kind(self, kind: str) -> list[Provided]:
        """Every component of a kind, sorted by name; both providers of a doubled name."""
        every = {id(p): p for (k, _), ps in self._providers.items() if k == kind for p in ps}
        return sorted(every.values(), key=lambda p: (p.name, str(p.origin)))

    def names(self, kind: str) -> list[str]:
        return sorted({p.name for p in self.of_kind(kind)})

    def get(self, kind: str, spec: Spec | str) -> Provided:
        """The one component of that name (or alias).

        Raises:
            UnknownName: nobody provides it.
            AmbiguousName: two do, and the spec does not say whose.
        """
        spec = Spec(spec) if isinstance(spec, str) else spec
        if spec.target is not None:
            self._adopt(kind, spec)
        found = self._providers.get((kind, spec.name), [])
        if spec.distribution:
            owner = spec.distribution
            found = [p for p in found if owner in (p.origin.distribution, p.origin.plugin, p.origin.source)]
        if not found:
            raise self._unknown(kind, spec)
        if len(found) > 1:
            who = " and ".join(str(p.origin) for p in found)
            first = found[-1].origin.distribution or found[-1].origin.plugin
            raise AmbiguousName(
                f"{kind} {spec.name!r} is provided by {who}",
                f"say whose: {first}/{spec.name}; or leave one out: --plugin no:{first}",
            )
        return found[0]

    def _adopt(self, kind: str, spec: Spec) -> None:
        """Takes in what a callable of a file or a module makes, once."""
        assert spec.target is not None
        target = replace(spec.target, given=self.loaded.given)
        known = self._providers.get((kind, spec.name), [])
        if not known:
            origin = adopt(self.loaded, target)
            plugin = self.loaded.manager.get_plugin(origin.source)
            (model,) = plugin.harness_models()  # type: ignore[union-attr]
            model.check()
            self._providers[kind, spec.name] = [Provided(model, origin)]
        elif known[0].origin.source not in (target.source, *self.loaded.chosen):
            places = [source.partition(":")[2] for source in (known[0].origin.source, target.source)]
            raise UsageError(
                f"two models would both be called {spec.name}: {' and '.join(places)}",
                "measure each in a run of its own",
            )

    def _unknown(self, kind: str, spec: Spec) -> UnknownName:
        problems = [str(p) for p in self.problems]
        if self.loaded.blocked:
            problems.append(f"left out by option: {', '.join(self.loaded.blocked)}")
        if plugins_disabled():
            problems.append(plugins_disabled())
        return unknown_name(kind, spec, self.names(kind), problems)

    def fill(self, kind: str, spec: Spec) -> tuple[Provided, Any]:
        """The component and its filled parameters."""
        provided = self.get(kind, spec)
        if spec.target is not None:  # as a user wrote it, and not as a plan does
            params.check_names(provided.name, params.by_name(provided.component.Params), dict(spec.values))
        return provided, params.fill(provided.name, provided.component.Params, dict(spec.values))


def unknown_name(kind: str, spec: Spec, names: list[str], problems: list[str]) -> UnknownName:
    """The error for a name that nobody provides, with whatever helps to go on."""
    text = f"there is no {kind} {str(spec).partition(':')[0]!r}{suggestion(spec.name, names)}"
    hint = f"{kind}s here: {listing(names)}"
    for plugin in registry.known_plugins():
        if spec.name in plugin.get(f"{kind}s", ()):
            hint = f"{plugin['distribution']} provides it: {plugin['install']}"
    if problems:
        hint += f" ({'; '.join(problems)})"
    return UnknownName(text, hint)


def problem_with(component: Any, kind: str) -> str | None:
    """Why something a hook yielded is no component of that kind, or None."""
    wanted = CLASSES[kind]
    if isinstance(component, type):
        return f"yield an instance, not the class: {component.__name__}()"
    if not isinstance(component, wanted):
        return f"{type(component).__name__} is no harness.{wanted.__name__}"
    label = type(component).__name__
    name = getattr(component, "name", None)
    if not isinstance(name, str) or not NAME.fullmatch(name):
        return f"{label}.name must be lower case letters, digits, '.', '_' or '-', not {name!r}"
    if name == "all":
        return f"{label}.name must not be 'all', which stands for every name"
    if not all(isinstance(a, str) and NAME.fullmatch(a) for a in component.aliases):
        return f"{label}.aliases must be such names too"
    summary = getattr(component, "summary", None)
    if not isinstance(summary, str) or not summary.strip():
        return f"{label}.summary must be one line of text"
    return _problem_by_kind(component) or params.problem_with(component.Params)


def _problem_by_kind(component: Component) -> str | None:
    if isinstance(component, Precision):
        tolerance = getattr(component, "tolerance", None)
        # A constant output has error 1 and zeros at least 1: half of that is the loosest rule that
        # still tells an answer from none.
        if not isinstance(tolerance, (int, float)) or not 0 < tolerance <= 0.5:
            return f"{component.name}: tolerance must be above 0 and at most 0.5, not {tolerance!r}"
    return None

"""What ONNX Runtime makes of a graph: which provider takes each node, what is fused, what is added.

Asked once, in the process that builds the case's files: recording it has a price.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import harness

OPTIMISED = "optimised.onnx"


def graph_facts(work: harness.Work, open_session: Callable[..., Any]) -> dict[str, Any]:
    """Nodes by provider before fusion, operators before and after it.

    Args:
        open_session: makes a session of the case's file, with a function that changes its options.
    """
    optimised = Path(work.dir) / OPTIMISED

    def change(options: Any) -> None:
        options.add_session_config_entry("session.record_ep_graph_assignment_info", "1")
        options.optimized_model_filepath = str(optimised)

    session = open_session(work, change)
    try:
        return {**_assignment(session), **_fusion(work, optimised)}
    finally:
        # Sessions that are timed start from the model's own file; nothing else reads this one.
        for file in optimised.parent.glob(f"{OPTIMISED}*"):
            file.unlink()


def _assignment(session: Any) -> dict[str, Any]:
    try:
        assigned = session.get_provider_graph_assignment_info()
    except (AttributeError, RuntimeError) as error:
        return {"nodes_unknown": str(error)[:200]}
    nodes: dict[str, Counter[str]] = {}
    for subgraph in assigned:
        for node in subgraph.get_nodes():
            nodes.setdefault(subgraph.ep_name, Counter())[node.op_type] += 1
    operators = sum(nodes.values(), Counter())
    facts: dict[str, Any] = {
        "nodes": {provider: c.total() for provider, c in nodes.items()},
        "operators": dict(operators.most_common()),
    }
    if len(nodes) > 1:
        facts["operators_by_provider"] = {provider: dict(c.most_common()) for provider, c in nodes.items()}
    return facts


def _fusion(work: harness.Work, optimised: Path) -> dict[str, Any]:
    """What the optimiser made: operators that only it brings (fused ones), and casts it added."""
    before = _operators(next(Path(work.dir).glob("model.onnx")))
    after = _operators(optimised)
    if not after:
        return {}
    fused = {name: count for name, count in after.items() if name not in before and name != "Cast"}
    return {
        "operators_optimised": dict(after.most_common()),
        "fused": dict(sorted(fused.items())),
        "casts_added": max(0, after["Cast"] - before["Cast"]),
        **_widened(optimised),
    }


def _widened(optimised: Path) -> dict[str, str]:
    """In which format it computes where that is not the model's: a provider without kernels for float16
    has every node between casts to float32, by this name.
    """
    import onnx

    nodes = onnx.load(optimised, load_external_data=False).graph.node
    casts = any(n.op_type == "Cast" and n.name.startswith("InsertedPrecisionFreeCast") for n in nodes)
    return {"arithmetic": "float32"} if casts else {}


def _operators(path: Path) -> Counter[str]:
    """How often each operator occurs in a file; an empty count where there is none."""
    import onnx

    if not path.is_file():
        return Counter()
    # The weights lie beside the graph or in it, and are of no interest here.
    model = onnx.load(path, load_external_data=False)
    return Counter(node.op_type for node in model.graph.node)


def file_facts(path: Path) -> dict[str, Any]:
    """What stands in an ONNX file: opset, inputs and outputs with open axes by name, operators."""
    import onnx

    model = onnx.load(path, load_external_data=False)
    return {
        "opset": {entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        "ir_version": model.ir_version,
        "producer": f"{model.producer_name} {model.producer_version}".strip(),
        "inputs": {value.name: _shape(value) for value in model.graph.input},
        "outputs": {value.name: _shape(value) for value in model.graph.output},
        "operators": dict(Counter(node.op_type for node in model.graph.node).most_common()),
    }


def _shape(value: Any) -> str:
    """`float32[batch, 512]`."""
    import onnx

    tensor = value.type.tensor_type
    axes = ", ".join(str(axis.dim_param or axis.dim_value) for axis in tensor.shape.dim)
    return f"{onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)}[{axes}]"


def fallbacks(facts: dict[str, Any], wanted: str) -> list[str]:
    """A sentence for each provider that runs nodes although another one was asked for first."""
    nodes: dict[str, int] = facts.get("nodes", {})
    operators: dict[str, dict[str, int]] = facts.get("operators_by_provider", {})
    found = []
    for provider, count in nodes.items():
        if provider != wanted:
            names = list(operators.get(provider, facts.get("operators", {})))
            what = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
            total = sum(nodes.values())
            found.append(f"{count} of {total} nodes run on {provider} and not on {wanted}: {what}")
    if facts.get("casts_added"):
        found.append(f"{facts['casts_added']} casts were added to the graph")
    return found

"""What each runtime makes of real models, and the best configuration of the mlp that is right.

Two runs of the harness, read as anyone would read them:

- *real*: a residual network, a vision transformer and BERT (examples/harness-vision, harness-text, random
  weights) under every runner and precision. Each row is verified, or refused with its reason; and what is
  called float32 is float32, whatever a runtime does by default.
- *mlp*: every runner and precision, and weights as constants where a runner has that, at batch 1 and 64.
  The fastest correct row is then compared with eager float32 in pairs of processes.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.publish import (
    ROOT,
    Result,
    Target,
    environment,
    harness_command,
    parser,
    progress,
    publish,
    table,
)

PLUGINS = ("examples/harness-vision/harness_vision.py", "examples/harness-text/harness_text.py")
REAL = ("torchvision:architecture=resnet18", "timm:architecture=vit_tiny_patch16_224", "bert")
RUNNERS = ("eager", "compile", "onnxruntime", "aotinductor", "openvino")
MORE = ("compile:freezing=true", "aotinductor:freezing=true", "onnxruntime:per_channel=false")
"""Of the mlp: weights as constants, and a single scale for a whole int8 matrix."""
PRECISIONS = ("fp32", "bf16-true", "int8-weight-only", "int8-dynamic")
FLOAT32_ERROR = 2e-5
"""bfloat16 is off by a hundred times as much."""


def run(folder: Path, *words: str) -> dict[str, Any]:
    """The report of `harness run`."""
    target = folder / "report.json"
    command = [harness_command(), "run", *words, "--format", "json", "--output", str(target)]
    done = subprocess.run(
        [*command, "--results", str(folder / "results")], cwd=ROOT, env=environment(folder), check=False
    )
    if done.returncode not in (0, 1, 3) or not target.exists():
        raise SystemExit(f"error: harness run ended with {done.returncode}")
    return json.loads(target.read_text("utf-8"))  # type: ignore[no-any-return]


def compare(folder: Path, batch: int, record: dict[str, Any]) -> dict[str, Any]:
    """A row beside eager float32, in pairs of processes; the report of the comparison."""
    case, label = record["case"], record["label"]
    target = folder / f"compare-{batch}.json"
    words = ("-m", "mlp", "-b", str(batch), "--base", "runner=eager,precision=fp32")
    new = f"runner={label['runner']},precision={case['precision']}"
    subprocess.run(
        [
            harness_command(),
            "compare",
            *words,
            "--new",
            new,
            "--mode",
            "quick",
            "--format",
            "json",
            "-o",
            str(target),
        ],
        cwd=folder,
        env=environment(folder),
        check=True,
    )
    return json.loads(target.read_text("utf-8"))  # type: ignore[no-any-return]


def rows(report: dict[str, Any], model: str, batch: int) -> list[list[str]]:
    """One line for each case, the fastest first; those that did not run last."""
    found = [
        r for r in report["records"] if r["label"]["model"] == model and r["case"]["batch_size"] == batch
    ]
    found.sort(key=lambda r: (r["latency_ms"] is None, (r["latency_ms"] or {}).get("median", 0)))
    return [line(r) for r in found]


def line(record: dict[str, Any]) -> list[str]:
    latency, speed = record["latency_ms"], record["speedup"]
    where = [record["label"]["runner"], record["case"]["precision"]]
    if latency is None:
        return [*where, "", "", "", f"{record['status']}: {record['reason']}"]
    error = record["verification"]["error"]
    told = "best" if record["best"] else record["status"] if record["status"] != "ok" else ""
    return [
        *where,
        f"{latency['median']:.3g}",
        f"{speed['ratio']:.2f}x" if speed else "",
        f"{error:.2g}",
        told,
    ]


HEADERS = ("runner", "precision", "latency ms", "vs eager fp32", "error", "")


def real_part(folder: Path, quick: bool) -> tuple[list[str], list[Target], dict[str, Any]]:
    """Tables, targets and figures of the real models."""
    plugins = [w for p in PLUGINS for w in ("--plugin", str(ROOT / p))]
    models = [w for m in REAL[: 1 if quick else None] for w in ("-m", m)]
    asked = (
        "-r",
        ",".join(RUNNERS),
        "-p",
        ",".join(PRECISIONS),
        "-b",
        "1",
        "--passes",
        "1" if quick else "2",
    )
    report = run(folder, *plugins, *models, *asked, "--no-anatomy", "--no-memory")
    records = report["records"]
    names = list(dict.fromkeys(r["label"]["model"] for r in records))
    tables = [f"### {name}, batch 1\n\n{table(HEADERS, rows(report, name, 1))}" for name in names]
    measured = [r for r in records if r["latency_ms"]]
    refused = [r for r in records if r["status"] == "unsupported"]
    broken = [r for r in records if not r["latency_ms"] and r["status"] != "unsupported"]
    singles = [r["verification"]["error"] for r in measured if r["case"]["precision"] == "fp32"]
    targets = [
        Target(
            "every row is verified, or refused with its reason",
            not broken and all(r["verification"] for r in measured) and all(r["reason"] for r in refused),
            f"{len(measured)} verified, {len(refused)} refused, {len(broken)} neither",
            "none neither",
        ),
        Target(
            "what is called float32 is float32",
            bool(singles) and max(singles) < FLOAT32_ERROR,
            f"largest error of {len(singles)} rows {max(singles):.1g}",
            f"below {FLOAT32_ERROR:.0e}",
        ),
    ]
    return tables, targets, {"real": [figures(r) for r in records]}


def mlp_part(folder: Path, quick: bool) -> tuple[list[str], dict[str, Any]]:
    """Tables and figures of the mlp, and its best rows beside eager float32 in pairs."""
    runners = ",".join([*RUNNERS, *([] if quick else MORE)])
    asked = ("-r", runners, "-p", ",".join(PRECISIONS), "--passes", "1" if quick else "3", "--no-memory")
    report = run(folder, "-m", "mlp", "-b", "1" if quick else "1,64", *asked)
    tables, kept, best_rows = [], [figures(r) for r in report["records"]], []
    for batch in sorted({r["case"]["batch_size"] for r in report["records"]}):
        tables.append(f"### mlp, batch {batch}\n\n{table(HEADERS, rows(report, 'mlp', batch))}")
        best = next(r for r in report["records"] if r["best"] and r["case"]["batch_size"] == batch)
        found = compare(folder, batch, best)
        verdict = found["compared"][0]["latency"]
        gain = [1 / verdict[key] for key in ("ratio", "high", "low")]
        case = best["case"]
        best_rows.append(
            [
                str(batch),
                f"{best['label']['runner']} {case['precision']}",
                f"{gain[0]:.1f}x ({gain[1]:.1f} to {gain[2]:.1f})",
                f"{best['verification']['error']:.2g} (limit {best['verification']['tolerance']:.2g})",
                fastest(report, batch),
            ]
        )
        kept.append({"best": figures(best), "gain": gain, "pairs": verdict["pairs"]})
    head = (
        "batch",
        "fastest correct row",
        "over eager fp32, in pairs",
        "error",
        "fastest of all, right or wrong",
    )
    return [table(head, best_rows), *tables], {"mlp": kept}


def fastest(report: dict[str, Any], batch: int) -> str:
    """The fastest row whatever its error."""
    timed = [r for r in report["records"] if r["latency_ms"] and r["case"]["batch_size"] == batch]
    first = min(timed, key=lambda r: r["latency_ms"]["median"])
    row = line(first)
    return f"{row[0]} {row[1]}, {row[3]}, error {row[4]}"


def figures(record: dict[str, Any]) -> dict[str, Any]:
    """What a program may want of a row."""
    latency, checked = record["latency_ms"], record["verification"]
    return {
        **record["label"],
        "precision": record["case"]["precision"],
        "batch_size": record["case"]["batch_size"],
        "status": record["status"],
        "reason": record["reason"],
        "latency_ms": latency and latency["median"],
        "error": checked and checked["error"],
        "tolerance": checked and checked["tolerance"],
        "max_abs_error": checked and checked["max_abs_error"],
    }


NOTES = [
    "Weights are random. The error is the root mean square deviation from eager float64 over the spread of "
    "the outputs: an error of 0.05 says nothing of a trained model's accuracy on a task.",
    "Int8 is of linear layers. The residual network has one, its last: the rest of its int8 rows is float32.",
    "Ratios beside eager fp32 in the tables are of passes; those of the first table are of pairs of "
    "processes in lock-step, with their 99 % interval.",
]


def main() -> int:
    options = parser("runtimes", __doc__.partition("\n")[0])
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmark-") as name:
        folder = Path(name)
        progress("the mlp under every runner and precision ...")
        best, found = mlp_part(folder, given.quick)
        progress("real models under every runner and precision ...")
        tables, targets, more = real_part(folder, given.quick)
    result = Result(
        name="runtimes",
        title="Runtimes",
        question="What does each runtime make of the same model, and is it still right?",
        tables=[*best, *tables],
        notes=NOTES,
        targets=targets,
        figures={**found, **more},
        shortened=given.quick,
    )
    return publish(result, given.output)


if __name__ == "__main__":
    sys.exit(main())

"""`harness serve`: a model behind HTTP."""

from __future__ import annotations

from typing import Any

import click

from harness import registry
from harness.cli import options, single
from harness.cli.numbers import Finite
from harness.errors import UsageError
from harness.plan.suites import Axes
from harness.serve.server import Address, log_to_stderr, require_extra, serve
from harness.serve.settings import MOST_BATCH, ServeSettings, token_in


@click.command("serve", short_help="Serve a model over HTTP: /infer, /health, /benchmark/quick, /metrics.")
@single.single_axes(registry.defaults()["single"], without=("batch_size",))
@options.inputs
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8000,
    show_default=True,
    help="0 takes any that is free.",
)
@click.option(
    "--also",
    multiple=True,
    metavar="NAME",
    help="Load this precision, too, before the port opens; others load when first asked for.",
)
@click.option(
    "--max-batch",
    type=click.IntRange(1, MOST_BATCH),
    default=256,
    show_default=True,
    help="Largest batch of a request.",
)
@click.option(
    "--queue",
    type=click.IntRange(0, 100_000),
    default=64,
    show_default=True,
    help="How many requests may wait beside the one that runs; the next gets 503.",
)
@click.option(
    "--max-body",
    type=Finite(0.001, 65_536),
    default=32.0,
    show_default=True,
    metavar="MIB",
    help="Largest body of a request.",
)
@click.option(
    "--grace",
    type=Finite(1, 86_400),
    default=30.0,
    show_default=True,
    metavar="S",
    help="What running requests get to finish after SIGTERM or Ctrl-C.",
)
@click.option(
    "--token",
    envvar="HARNESS_SERVE_TOKEN",
    metavar="TEXT",
    help="Bearer token that requests must carry; $HARNESS_SERVE_TOKEN instead keeps it out of `ps`.",
)
@click.option("--token-file", metavar="FILE", help="File that holds the token.")
@click.option("--insecure", is_flag=True, help="Listen on an address open to other machines without a token.")
@click.option("--allow-incorrect", is_flag=True, help="Serve a model whose output is wrong, too.")
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    help="For weights and random inputs.",
)
@options.plugins
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> int:
    """Serve one model over HTTP. It is loaded, held against the model in eager float64, and called at
    several batch sizes before the port opens. One call runs at a time; requests wait in a bounded queue.

    \b
    harness serve
    harness serve -m mlp -r compile -p bf16 --port 8000
    HARNESS_SERVE_TOKEN=... harness serve -m transformer -r onnxruntime --host 0.0.0.0 --max-batch 16
    """
    log_to_stderr(given["verbose"])
    require_extra()
    token = given["token"]
    if given["token_file"] is not None:
        token = token_in(given["token_file"])
    threads = Axes.from_texts(threads=() if given["threads"] is None else (given["threads"],)).threads
    if len(threads) > 1:
        raise UsageError("this command takes one number of threads")
    settings = ServeSettings(
        model=given["model"],
        runner=given["runner"],
        precision=given["precision"],
        device=given["device"],
        threads=threads[0] if threads else None,
        plugins=options.plugin_request(ctx, given),
        seed=given["seed"],
        also=given["also"],
        queue=given["queue"],
        max_batch=given["max_batch"],
        max_body_mib=given["max_body"],
        token=token,
        insecure=given["insecure"],
        allow_incorrect=given["allow_incorrect"],
    )
    address = Address(given["host"], given["port"], given["grace"], access_log=given["verbose"])
    return serve(settings, address)

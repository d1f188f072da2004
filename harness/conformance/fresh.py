"""Loads one plugin in this interpreter, and says what that did to it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from harness.catalogue import Catalogue, PluginRequest, load
from harness.machine import threads_of


def main() -> None:
    asked = json.loads(sys.argv[1])
    request = PluginRequest(tuple(asked["extra"]), tuple(asked["blocked"]))
    # As the parent of a run loads what it needs: a reporter, and what listens.
    catalogue = Catalogue(load(request, only={asked["source"]}), kinds=("reporter",))
    torch = sys.modules.get("torch")
    cuda = getattr(torch, "cuda", None)
    answer = {
        "torch": torch is not None,
        "threads": threads_of(),
        "device": bool(cuda is not None and cuda.is_initialized()),
        "problems": [str(p) for p in catalogue.problems],
    }
    Path(asked["answer"]).write_text(json.dumps(answer))


if __name__ == "__main__":
    main()

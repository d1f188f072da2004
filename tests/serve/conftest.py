"""Services in this process, and as a process of their own."""

import os
import queue
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from starlette.testclient import TestClient

PLUGINS = Path(__file__).parent.parent / "plugins"
SERVING, TINY, FAULTY = (str(PLUGINS / f"{name}.py") for name in ("serving", "tiny", "faulty"))


@pytest.fixture(scope="session")
def client():
    """Makes clients of services in this process; what is served alike is loaded once."""
    from harness.catalogue.loading import PluginRequest
    from harness.serve.app import create_app
    from harness.serve.model import load
    from harness.serve.settings import ServeSettings

    kept, entered = {}, []

    def make(plugin=SERVING, fresh=False, **settings):
        settings.setdefault("threads", 1)
        key = (plugin, tuple(sorted(settings.items())))
        if fresh or key not in kept:
            # Loading sets variables for this process, which serves one model; a test run does more.
            variables = dict(os.environ)
            wanted = ServeSettings(plugins=PluginRequest(extra=(plugin,)), **settings)
            service = load(wanted)
            os.environ.clear()
            os.environ.update(variables)
            made = TestClient(create_app(wanted, service), "http://127.0.0.1")
            made.service = service
            entered.append(made.__enter__())
            if fresh:
                return made
            kept[key] = made
        return kept[key]

    yield make
    for made in entered:
        made.__exit__(None, None, None)


@pytest.fixture(scope="session")
def moody(client):
    """A service of the model that does as it is told."""
    return client(model="moody", max_batch=8)


class Process:
    """`harness serve` or another server, and what it prints."""

    def __init__(self, words, variables):
        env = {k: v for k, v in os.environ.items() if not k.startswith("HARNESS_SERVE_")}
        self.process = subprocess.Popen(
            words, env={**env, **variables}, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.lines = []
        self._queue = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self):
        for line in self.process.stderr:
            self.lines.append(line)
            self._queue.put(line)
        self._queue.put(None)

    def wait_for(self, pattern, timeout=120):
        """The match of the first line that has the pattern."""
        while (line := self._queue.get(timeout=timeout)) is not None:
            found = re.search(pattern, line)
            if found:
                return found
        raise AssertionError("it ended: " + "".join(self.lines))

    @property
    def url(self):
        return self.wait_for(r"(http://\S+:\d+)")[1]

    def end(self, number=signal.SIGTERM, timeout=60):
        """The exit code after a signal."""
        self.process.send_signal(number)
        return self.ended(timeout)

    def ended(self, timeout=120):
        code = self.process.wait(timeout)
        self._reader.join(10)
        return code

    @property
    def err(self):
        return "".join(self.lines)


@pytest.fixture
def start(tmp_path_factory):
    """Starts servers, each ended with the test. What a killed one leaves is in a folder of pytest's."""
    started, temporary = [], str(tmp_path_factory.mktemp("temporary"))

    def make(*arguments, words=None, **variables):
        words = words or [sys.executable, "-m", "harness", "serve"]
        one = Process([*words, *map(str, arguments)], {"TMPDIR": temporary, **variables})
        started.append(one)
        return one

    yield make
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.wait(30)
        one.process.stdout.close()
        one._reader.join(10)
        one.process.stderr.close()

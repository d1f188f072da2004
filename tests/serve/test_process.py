"""The service as a process: its port, its load, its end, and what it says when it cannot start."""

import json
import os
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx2
import pytest

from harness.errors import ExitCode

from .conftest import FAULTY, SERVING

MOODY = ("--plugin", SERVING, "-m", "moody", "--threads", 1, "--port", 0)
SLEEP = 670.0


def sleeping(seconds):
    return {"inputs": [[SLEEP, seconds, *[0.0] * 6]]}


@pytest.fixture
def moody(start):
    server = start(*MOODY, "--max-batch", 8, "--queue", 16)
    return server, server.url


def test_200_clients_at_once_are_answered_or_sent_away_and_none_hangs(moody):
    server, url = moody
    ready = threading.Barrier(200)

    def one(_):
        with httpx2.Client(timeout=60) as own:
            ready.wait(60)
            answer = own.post(f"{url}/infer", json=sleeping(0.02))
            return answer.status_code, answer.headers.get("retry-after"), answer.json()

    with ThreadPoolExecutor(200) as pool:
        answers = list(pool.map(one, range(200), timeout=120))
    codes = [code for code, _, _ in answers]
    assert set(codes) == {200, 503}
    # The queue and the one that runs fit in at any rate.
    assert codes.count(200) >= 17
    for code, retry, body in answers:
        assert (code == 503) == (retry == "1")
        assert body["output_shape"] == [1, 8] if code == 200 else "wait" in body["error"]
    # And it is well afterwards.
    assert httpx2.get(f"{url}/health").json()["queue"] == {"waiting": 0, "limit": 16, "running_s": None}
    text = httpx2.get(f"{url}/metrics").text
    for code in (200, 503):
        assert f'harness_serve_requests_total{{code="{code}",route="/infer"}} {codes.count(code)}.0' in text
    assert server.end() == 0


def test_the_loop_answers_while_a_model_runs_and_a_signal_lets_it_finish(moody):
    server, url = moody
    answers = []

    def ask():
        answers.append(httpx2.post(f"{url}/infer", json=sleeping(3.0), timeout=60).status_code)

    asking = threading.Thread(target=ask)
    asking.start()
    # Were the loop waiting for the model, this could not see it run.
    while not httpx2.get(f"{url}/health").json()["queue"]["running_s"]:
        time.sleep(0.01)
    assert not answers
    server.process.send_signal(signal.SIGTERM)
    asking.join(60)
    assert answers == [200]
    assert server.ended() == ExitCode.FINE
    with pytest.raises(httpx2.ConnectError):
        httpx2.get(f"{url}/health")


def test_a_client_that_goes_away_harms_nobody(moody):
    _, url = moody
    host, port = url.removeprefix("http://").split(":")
    for data in (
        b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{",
        b"POST /infer HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
        b"\x00\xff\r\n\r\n",
    ):
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(data)
    with pytest.raises(httpx2.ReadTimeout):
        httpx2.post(f"{url}/infer", json=sleeping(1.0), timeout=0.2)
    answer = httpx2.post(f"{url}/infer", json={"batch_size": 2}, timeout=60)
    assert answer.json()["output_shape"] == [2, 8]
    assert httpx2.get(f"{url}/health").json()["queue"]["waiting"] == 0


def test_a_call_that_outlives_the_grace_is_cut_off_and_told(start):
    server = start(*MOODY, "--max-batch", 2, "--grace", 1)
    url, answers = server.url, []

    def ask():
        answers.append(httpx2.post(f"{url}/infer", json=sleeping(600.0), timeout=60))

    asking = threading.Thread(target=ask)
    asking.start()
    while not httpx2.get(f"{url}/health").json()["queue"]["running_s"]:
        time.sleep(0.01)
    assert server.end() == ExitCode.TERMINATED
    asking.join(60)
    assert (answers[0].status_code, answers[0].json()["error"]) == (503, "the service is ending")
    assert "some requests were cut off" in server.err
    assert "Traceback" not in server.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_an_idle_service_with_0_and_leaves_nothing_behind(start, tmp_path, number):
    server = start(*MOODY, "--max-batch", 2, TMPDIR=str(tmp_path))
    assert httpx2.get(f"{server.url}/health").status_code == 200
    (folder,) = tmp_path.glob("harness-serve-*")
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    # One process alone: what removes the folder should the service be killed.
    assert [str(folder) in Path(f"/proc/{child}/cmdline").read_text() for child in children] == [True]
    assert server.end(number) == ExitCode.FINE
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in server.err


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, ExitCode.TERMINATED), (signal.SIGINT, ExitCode.INTERRUPTED)]
)
def test_a_signal_while_loading_ends_it_at_once(start, tmp_path, number, code):
    server = start("--plugin", FAULTY, "-m", "faulty:how=loop", "--port", 0, TMPDIR=str(tmp_path))
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("harness-serve-*/cases")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert server.end(number) == code
    assert list(tmp_path.iterdir()) == []
    assert "Traceback" not in server.err


def test_the_token_is_asked_for_over_the_wire_and_never_in_the_log(start):
    server = start(*MOODY, "--max-batch", 2, "-v", HARNESS_SERVE_TOKEN="s3cret")
    url = server.url
    assert httpx2.get(f"{url}/health").status_code == 401
    assert httpx2.get(f"{url}/health", headers={"Authorization": "Bearer s3cret"}).status_code == 200
    assert server.end() == 0
    assert "GET /health" in server.err
    assert "s3cret" not in server.err


def test_an_address_open_to_others_needs_a_token_or_a_word(start):
    refused = start(*MOODY, "--host", "0.0.0.0")
    assert refused.ended() == ExitCode.USAGE
    assert "0.0.0.0 is open to other machines, and the service has no token" in refused.err
    assert len(refused.err.splitlines()) == 2
    loud = start(*MOODY, "--host", "0.0.0.0", "--insecure", "--max-batch", 1)
    assert loud.url
    assert "INSECURE: anyone who reaches 0.0.0.0" in loud.err


def test_a_taken_port_is_told_before_the_model_is_loaded(start):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        server = start("--plugin", FAULTY, "-m", "faulty:how=loop", "--port", port)
        assert server.ended() == ExitCode.USAGE
    assert server.err == (
        f"error: 127.0.0.1:{port} is taken by another process\nhint: --port N; 0 takes any that is free\n"
    )


@pytest.mark.parametrize("module", ["fastapi", "fastapi_offline", "prometheus_client", "uvicorn"])
def test_a_missing_extra_is_one_line_with_what_to_install(start, tmp_path, module):
    code = (
        "import importlib.abc, sys\n"
        "class Blocked(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.partition('.')[0] == {module!r}: raise ModuleNotFoundError(name)\n"
        "import importlib.util\n"
        "found = importlib.util.find_spec\n"
        f"importlib.util.find_spec = lambda n, *a: None if n == {module!r} else found(n, *a)\n"
        "from harness.cli.main import run\n"
        "sys.exit(run(['serve', '--port', '0']))\n"
    )
    server = start(words=[sys.executable, "-c", code])
    assert server.ended() == ExitCode.NOTHING
    assert f"the service needs {module.replace('_', '-')}, which is not installed" in server.err
    assert "pip install 'pytorch-inference-lab[serve]'" in server.err
    assert len(server.err.splitlines()) == 2


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--plugin", FAULTY, "-m", "faulty:how=zeros"), 3, "error: incorrect at batch size 2: error"),
        (("-m", "mpl"), 2, "error: there is no model 'mpl'; did you mean mlp?"),
        (("-r", "onnxruntime", "-p", "bf16"), 4, "error: unsupported: ONNX has no autocast"),
        (("--threads", "no"), 2, "error: 'no' is no number of threads"),
        (("--threads", "0"), 2, "error: "),
        (("--host", "no.such.host.invalid"), 2, "error: there is no address 'no.such.host.invalid' here"),
        (("--token", ""), 2, "error: the token must not be empty"),
        (("--max-batch", "0"), 2, "error: Invalid value for '--max-batch'"),
    ],
)
def test_what_cannot_start_is_a_line_and_a_hint_and_an_exit_code(start, arguments, code, said):
    server = start("--port", 0, "--max-batch", 2, *arguments)
    assert server.ended() == code
    assert said in server.err
    assert "Traceback" not in server.err
    assert len([x for x in server.err.splitlines() if x.startswith(("error:", "hint:"))]) <= 2


def test_any_asgi_server_can_run_the_factory_set_up_by_variables(start):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [sys.executable, "-m", "uvicorn", "--factory", "harness.serve:app", "--port", str(port)]
    given = {
        "MODEL": "moody:input_dim=4",
        "PLUGINS": SERVING,
        "MAX_BATCH": "2",
        "THREADS": "1",
        "TOKEN": "s3cret",
    }
    server = start(words=words, **{f"HARNESS_SERVE_{k}": v for k, v in given.items()})
    url = server.url
    assert httpx2.get(f"{url}/health").status_code == 401
    answer = httpx2.get(f"{url}/health", headers={"Authorization": "Bearer s3cret"}).json()
    assert (answer["model"], answer["batch"]["max"]) == ("moody:input_dim=4", 2)
    server.end()
    assert "Traceback" not in server.err
    wrong = start(words=words, HARNESS_SERVE_MODEL="mpl")
    assert wrong.ended() == 1
    assert "error: there is no model 'mpl'; did you mean mlp?" in wrong.err
    assert "Traceback" not in wrong.err


def test_help_loads_no_server_and_no_torch():
    import subprocess

    code = (
        "import json, sys\nfrom harness.cli.main import run\nrun(['serve', '--help'])\n"
        "heavy = ('torch', 'numpy', 'fastapi', 'uvicorn', 'pydantic', 'prometheus_client')\n"
        "sys.stderr.write(json.dumps([m for m in heavy if m in sys.modules]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=os.environ, check=True
    )
    assert json.loads(done.stderr) == []


def test_answers_are_not_held_back_for_an_acknowledgement():
    from harness.serve.server import Address, bind
    from harness.serve.settings import ServeSettings

    for host in ("127.0.0.1", "localhost", "::1"):
        with bind(Address(host, 0), ServeSettings()) as listener:
            # What asyncio looks at before it switches Nagle's algorithm off on a connection.
            assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.slow
def test_a_compiled_service_leaves_no_process_behind(start, tmp_path):
    mark = f"mark-{tmp_path.name}"
    server = start("-m", "mlp:hidden_dim=16", "-r", "compile", "--port", 0, "--max-batch", 4, MARK=mark)
    assert httpx2.post(f"{server.url}/infer", json={"batch_size": 3}, timeout=60).status_code == 200

    def alive():
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if f"MARK={mark}".encode() in (process / "environ").read_bytes().split(b"\0"):
                    found.append(process.name)
            except OSError:
                continue
        return found

    assert str(server.process.pid) in alive()
    assert server.end() == ExitCode.FINE
    deadline = time.monotonic() + 30
    while alive() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert alive() == []

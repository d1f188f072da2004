"""Every command that starts processes: after a signal none is left, and no temporary file."""

import shlex
import signal
import tempfile
from pathlib import Path

import pytest

MODEL = "-m mlp:hidden_dim=64 -b 1"
COMMANDS = {
    "run": f"run {MODEL} --passes 50",
    "infer": f"infer {MODEL}",
    "check": f"check {MODEL} -r compile",
    "profile": f"profile {MODEL} --calls 1000000",
    "export": "export -m mlp:hidden_dim=64",
    "compare": "compare -m mlp:hidden_dim=64 -b 1 --base runner=eager --new runner=compile",
    "claims": "claims",
    "doctor": "doctor --calibrate",
    "serve": "serve -m mlp:hidden_dim=64 --port 0",
    "list": "list",
    "plugins check": "plugins check box",
    "explain --prove": "explain --prove",
}


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("command", COMMANDS)
def test_nothing_is_left_of_a_command_that_a_signal_ends(lab, tmp_path, command, number):
    temporary = Path(tempfile.mkdtemp(prefix="faults-"))
    variables = {
        "TMPDIR": str(temporary),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),  # nothing is known, so everything is asked of children
        "HARNESS_LOCKS": str(tmp_path / "locks"),
    }
    if command == "explain --prove":
        quick = ("-m", "mlp:hidden_dim=512", "-r", "eager,onnxruntime", "-b", 1, "--passes", 2)
        assert lab.run("run", *quick, cwd=tmp_path, **variables).returncode == 0
    process = lab.start(*shlex.split(COMMANDS[command]), cwd=tmp_path, **variables)
    try:
        # The keeper of its folder, a zygote and its child, or a process that loads the model itself.
        lab.wait_until(
            lambda: len(lab.descendants(process.pid)) >= 3 or any(temporary.glob("harness-serve-*")), process
        )
        children = lab.descendants(process.pid)
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
    finally:
        lab.end(process)
    assert process.returncode == (130 if number == signal.SIGINT else 143), (out, err)
    assert "Traceback" not in err
    assert lab.all_gone(children)
    temporary.rmdir()  # refused where anything is left in it

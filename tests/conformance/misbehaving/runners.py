"""Runners that break one rule each; all of them call the module as eager PyTorch does."""

import ctypes
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import torch

import harness


class Session(harness.TorchSession):
    pass


class Base(harness.Runner):
    summary = "eager PyTorch, and one thing wrong with it"
    session = Session

    def load(self, work):
        return self.session(work, work.module)


def changed(raw, change):
    """Every tensor of an output changed; integers stay."""
    from harness.measure.leaves import map_tensors

    return map_tensors(raw, lambda t: change(t) if t.is_floating_point() else t)


class OnePercent(Base):
    name = "one-percent"

    class session(Session):
        def __call__(self, feed):
            return changed(super().__call__(feed), lambda t: t * 1.01)


class Caches(Base):
    name = "caches"

    class session(Session):
        kept = None

        def __call__(self, feed):
            if self.kept is None:
                self.kept = super().__call__(feed)
            return self.kept

        def close(self):
            self.kept = None
            super().close()


class Stale(Base):
    name = "stale"

    class session(Session):
        last = None

        def __call__(self, feed):
            now = super().__call__(feed)
            last, self.last = self.last, now
            return now if last is None else last


class Ends(Session):
    """Raises once it is closed, whatever its calls do."""

    closed = False

    def __call__(self, feed):
        if self.closed:
            raise RuntimeError("closed")
        return self.answer(feed)

    def close(self):
        self.closed = True
        super().close()


class Remembers(Base):
    name = "remembers"

    class session(Ends):
        def __init__(self, work, run):
            super().__init__(work, run)
            self.known = {}

        def answer(self, feed):
            key = b"".join(t.float().numpy().tobytes() for t in (*feed.args, *feed.kwargs.values()))
            if key not in self.known:
                self.known[key] = Session.__call__(self, feed)
            return self.known[key]

        def close(self):
            self.known.clear()
            super().close()


class Early(Base):
    name = "early"

    class session(Ends):
        def bind(self, inputs):
            feed = super().bind(inputs)
            return feed, Session.__call__(self, feed)

        def answer(self, feed):
            return feed[1]


class Late(Base):
    name = "late"

    class session(Ends):
        def answer(self, feed):
            return feed

        def leaves(self, raw):
            return super().leaves(Session.__call__(self, raw))


class KeepsModules(Base):
    name = "keeps-modules"
    kept = []

    def load(self, work):
        self.kept.append(work.module)
        return super().load(work)


class KeepsMemory(Base):
    name = "keeps-memory"
    kept = []

    def load(self, work):
        self.kept.append([p.detach().clone() for p in work.module.parameters()])
        return super().load(work)


class DefaultDtype(Base):
    name = "default-dtype"

    def load(self, work):
        session = super().load(work)
        torch.set_default_dtype(torch.float64)
        return session


class Patches(Base):
    name = "patches"

    def load(self, work):
        old = torch.nn.functional.relu
        torch.nn.functional.relu = lambda *a, **k: old(*a, **k) + 0
        return super().load(work)


class MoreThreads(Base):
    name = "more-threads"

    def load(self, work):
        session = super().load(work)
        torch.set_num_threads(work.threads + 1)
        return session


class OneThread(Base):
    name = "one-thread"

    def load(self, work):
        torch.set_num_threads(1)
        return super().load(work)


class Busy(Base):
    name = "busy"

    class session(Session):
        def __init__(self, work, call):
            super().__init__(work, call)
            self.pool = ThreadPoolExecutor(1)

        def __call__(self, feed):
            other = self.pool.submit(super().__call__, feed)
            found = super().__call__(feed)
            other.result()
            return found

        def close(self):
            super().close()
            self.pool.shutdown()


class OddFacts(Base):
    name = "odd-facts"

    class session(Session):
        def facts(self):
            return {"version": torch.__version__, "dtype": torch.float32}


class NanFacts(Base):
    name = "nan-facts"

    class session(Session):
        def facts(self):
            return {"share": [0.5, float("nan")]}


class CountsCalls(Base):
    name = "counts-calls"

    class session(Session):
        calls = 0

        def __call__(self, feed):
            self.calls += 1
            return super().__call__(feed)

        def events(self):
            return self.calls


class OneProblem(Base):
    name = "one-problem"

    class session(Session):
        def problems(self):
            return "all is well"


class Mebibytes(Base):
    name = "mebibytes"

    class session(Session):
        def weights_bytes(self):
            return super().weights_bytes() >> 20


class SaysTrue(Base):
    name = "says-true"

    def supports(self, case):
        return True


class Exits(Base):
    name = "exits"

    def load(self, work):
        os._exit(7)


class Hangs(Base):
    name = "hangs"

    def load(self, work):
        time.sleep(3600)


class Segfault(Base):
    name = "segfault"

    class session(Session):
        def __call__(self, feed):
            ctypes.string_at(0)


class EatsMemory(Base):
    name = "eats-memory"

    def load(self, work):
        kept = []
        while True:
            kept.append(torch.empty(1 << 28))


class NoSession(Base):
    name = "no-session"

    def load(self, work):
        return work.module


class FallsBack(Base):
    name = "falls-back"

    @staticmethod
    def as_it_is(module):
        return module

    recipes = {"bf16-true": as_it_is}

    def load(self, work):
        try:
            if work.case.precision == "bf16-true":
                raise RuntimeError("no kernel for bfloat16")
            return super().load(work)
        except RuntimeError:
            return super().load(work)


class Widens(Base):
    """Takes weights in bfloat16, computes in float32 and casts the output back."""

    name = "widens"

    def load(self, work):
        if work.case.precision != "bf16-true":
            return super().load(work)
        module = work.module.float()

        def call(*args, **kwargs):
            args, kwargs = changed((args, kwargs), lambda t: t.float())
            return changed(module(*args, **kwargs), lambda t: t.to(torch.bfloat16))

        return self.session(work, call)


class Swallows(Base):
    name = "swallows"

    class session(Session):
        def __call__(self, feed):
            try:
                return super().__call__(feed)
            except Exception as error:
                if "closed" in str(error):
                    raise
                return torch.zeros(3, 16)


class NeverCloses(Base):
    name = "never-closes"

    class session(Session):
        def close(self):
            return None


class OneBuffer(Base):
    name = "one-buffer"
    concurrent = True

    class session(Session):
        buffers = None

        def __call__(self, feed):
            found = super().__call__(feed)
            if not isinstance(found, torch.Tensor):
                return found
            if self.buffers is None or self.buffers.shape != found.shape:
                self.buffers = torch.empty_like(found)
            return self.buffers.copy_(found)


class MixesThreads(Base):
    name = "mixes-threads"
    concurrent = True

    class session(Session):
        def __call__(self, feed):
            self.feed = feed
            time.sleep(0.002)
            return super().__call__(self.feed)


class OneBatch(Base):
    name = "one-batch"

    class session(Session):
        def __init__(self, work, call):
            super().__init__(work, call)
            self.size = work.case.batch_size

        def __call__(self, feed):
            if len(harness.tensor_leaves((feed.args, feed.kwargs))[0]) != self.size:
                raise RuntimeError("another batch size than it was compiled for")
            return super().__call__(feed)


class Traces(Base):
    name = "traces"

    def supports(self, case):
        return "a trace has no int8" if case.precision.how == "quantised" else None

    def load(self, work):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            kwargs = dict(work.inputs.kwargs)
            traced = torch.jit.trace(
                work.module,
                None if kwargs else work.inputs.args,
                example_kwarg_inputs=kwargs or None,
                check_trace=False,
            )
        return Session(work, traced)


class SomeBatches(Base):
    name = "some-batches"
    batch = "some"


class Preloads(Base):
    name = "preloads"

    def preload(self, devices):
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()


class CannotBuild(Base):
    name = "cannot-build"

    def build(self, work):
        raise OSError("the compiler is not there")


@harness.hookimpl
def harness_runners():
    for one in Base.__subclasses__():
        yield one()

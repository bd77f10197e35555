"""The few calls of Ray that the engine makes; tasks run here while they are waited for."""

import sys
from collections import defaultdict
from contextlib import suppress
from types import ModuleType, SimpleNamespace

OURS = "equimodal.comparison.engines.on_ray."


class RayError(Exception):
    """As Ray's own."""


class Lost(BaseException):
    """The worker is gone."""


class Ray(ModuleType):
    """A cluster.

    ``lose[run]`` holds after how many messages each try of a run loses its worker; ``broken[run]``
    is an error of Ray itself in the place of a run's end.
    """

    def __init__(self):
        super().__init__("ray")
        self.machines = [{"Alive": True, "Resources": {"CPU": 2.0, "GPU": 1.0}}]
        self.lose, self.broken = defaultdict(list), {}
        self.began, self.ended, self.cancelled, self.options = [], 0, [], []
        self.addresses = {"local", "10.0.0.1:6379"}

    def is_initialized(self):
        return len(self.began) > self.ended

    def init(self, address, **given):
        if address not in self.addresses:
            raise ConnectionError("nobody answers")
        self.began.append({"address": address, **given})

    def shutdown(self):
        self.ended += 1

    def nodes(self):
        return self.machines

    def get_runtime_context(self):
        return SimpleNamespace(get_node_id=lambda: "head")

    def remote(self, function):
        return Task(self, function)

    def wait(self, references, *, num_returns, timeout):
        waiting = [r for r in references if r.end is None]
        done = [r for r in references if r.end is not None]
        if not done and waiting:
            waiting[0].step()
            done = [waiting[0]] if waiting[0].end is not None else []
        return done[:num_returns], [r for r in references if r not in done[:num_returns]]

    def get(self, reference):
        if isinstance(reference.end, RayError):
            raise reference.end
        return reference.end

    def cancel(self, reference, *, force):
        assert force
        self.cancelled.append(reference.run)


class Task:
    def __init__(self, ray, function):
        self.ray, self.function = ray, function

    def options(self, **given):
        self.ray.options.append(given)
        return self

    def remote(self, job, shared, table, news):
        return Reference(self.ray, self.function, job, shared, table, news)


class Reference:
    """A run that one try after the other is made of."""

    def __init__(self, ray, function, job, shared, table, news):
        self.ray, self.run, self.end, self._said = ray, job["run"], None, None
        self._call = lambda: function(job, shared, table, Told(self, news))

    def step(self):
        losses = self.ray.lose[self.run]
        self._left = losses.pop(0) if losses else None
        with suppress(Lost):  # Ray begins it again
            self.end = self.ray.broken.get(self.run) or self._call()

    def count(self):
        if self._left is not None:
            if self._left == 0:
                raise Lost
            self._left -= 1


class Told:
    """The queue as a task sees it."""

    def __init__(self, reference, news):
        self._reference, self._news = reference, news

    def put_nowait(self, message):
        self._reference.count()
        self._news.items.append(message)


class Queue:
    def __init__(self, actor_options):
        assert actor_options == {"num_cpus": 0, "scheduling_strategy": ("head", False)}
        self.items = []

    def qsize(self):
        return len(self.items)

    def get_nowait_batch(self, count):
        found, self.items = self.items[:count], self.items[count:]
        return found

    def shutdown(self, force):
        assert force


def install(monkeypatch):
    """Put a cluster in the place of Ray, whether that is installed or not."""
    ray = Ray()
    modules = {
        "ray": ray,
        "ray.exceptions": {"RayError": RayError},
        "ray.util": {},
        "ray.util.queue": {"Queue": Queue},
        "ray.util.scheduling_strategies": {
            "NodeAffinitySchedulingStrategy": lambda node, soft: (node, soft),
        },
    }
    for name, content in modules.items():
        module = content if isinstance(content, ModuleType) else ModuleType(name)
        vars(module).update({} if content is ray else content)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("cluster", "tasks"):
        monkeypatch.delitem(sys.modules, OURS + name, raising=False)
    monkeypatch.setattr("equimodal.comparison.engines.crews.find_spec", lambda name: ray)
    monkeypatch.setattr(f"{OURS}task.prepare", lambda: None)  # this process has its threads
    return ray

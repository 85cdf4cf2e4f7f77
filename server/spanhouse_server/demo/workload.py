"""A believable multi-agent workload, as plain trees of steps: the same seed gives the same trees.

A research desk: people ask questions in conversations; a planner splits each into tasks, researchers work on them side
by side with model calls and tools, a writer answers. Model calls hit rate limits and tools time out, are tried again,
and now and then a whole run fails. Names and attributes follow the OpenTelemetry GenAI conventions.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import NamedTuple

from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

QUESTIONS = (
    "Which of our suppliers changed their prices this quarter?",
    "Summarise what customers say about the new onboarding.",
    "Why did the Rotterdam deliveries run late in March?",
    "Compare the three candidates for the billing service.",
    "What does the new data act ask of us, and by when?",
    "Draft an answer to the auditor's question about access logs.",
)
TASKS = (
    "the contracts",
    "the tickets of the last month",
    "the public sources",
    "the figures",
    "what was decided before",
)
TOOLS = ("web_search", "read_document", "query_warehouse", "fetch_page")
_ATTEMPTS = 3


class Model(NamedTuple):
    """A model, and how fast it answers (output tokens a second)."""

    provider: str
    name: str
    server: str
    tokens_per_s: float


MODELS = (
    Model("openai", "gpt-5-mini", "api.openai.com", 110),
    Model("anthropic", "claude-sonnet-4-5", "api.anthropic.com", 70),
    Model("gcp.gemini", "gemini-2.5-flash", "generativelanguage.googleapis.com", 190),
)


class Failure(NamedTuple):
    """How a step failed: `error.type`, the message, and whether trying again may help."""

    type: str
    message: str
    retryable: bool = True


RATE_LIMIT = Failure("rate_limit_exceeded", "Rate limit reached for requests: try again in 2 s")
OVERLOADED = Failure("overloaded_error", "The model is overloaded")
TIMEOUT = Failure("TimeoutError", "the tool did not answer within 8 s")
REFUSED = Failure("PermissionError", "the warehouse refused the query: no grant on table payroll", retryable=False)
TOO_LONG = Failure("context_length_exceeded", "The prompt is longer than the model's context", retryable=False)


@dataclass
class Step:
    """One span to be. Times are seconds since its trace began; `service` is what reports it."""

    name: str
    service: str
    kind: SpanKind
    attributes: dict[str, AttributeValue]
    start_s: float
    end_s: float
    failure: Failure | None = None
    children: list["Step"] = field(default_factory=list)

    def walk(self) -> Iterator["Step"]:
        """Yield this step and all below it, each before its children."""
        yield self
        for child in self.children:
            yield from child.walk()


class Session(NamedTuple):
    """One person's conversation with the desk."""

    id: str
    user: str
    model: Model


class Workload:
    """An endless supply of traces, decided by `seed`."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed)  # noqa: S311  # a play, not a secret
        self._sessions = [self._open_session() for _ in range(8)]

    def trace(self) -> Step:
        """The next question that somebody asks, and everything done to answer it."""
        place = self._random.randrange(len(self._sessions))
        session = self._sessions[place]
        if self._random.random() < 0.3:
            self._sessions[place] = self._open_session()
        return self._answer(session, self._random.choice(QUESTIONS))

    def _open_session(self) -> Session:
        user = f"user-{self._random.randrange(1, 40):02d}"
        return Session(self._id("conv"), user, self._random.choice(MODELS))

    def _answer(self, session: Session, question: str) -> Step:
        run = self._agent("planner", "desk", session, 0.0)
        plan = self._until_it_works(partial(self._chat, session, "desk", question), 0.02)
        run.children = plan
        if plan[-1].failure is None:
            tasks = self._random.sample(TASKS, self._random.randint(1, 3))
            found = [self._research(session, task, plan[-1].end_s + 0.01) for task in tasks]
            run.children += found
            run.children.append(self._write(session, question, max(step.end_s for step in found) + 0.01))
        return _closed(run)

    def _research(self, session: Session, task: str, at: float) -> Step:
        run = self._agent("researcher", "researcher", session, at)
        at += 0.01
        for _ in range(self._random.randint(1, 3)):
            run.children += self._until_it_works(partial(self._chat, session, "researcher", task), at)
            if run.children[-1].failure:
                break
            use = partial(self._tool, self._random.choice(TOOLS), task)
            run.children += self._until_it_works(use, run.children[-1].end_s)
            at = run.children[-1].end_s + 0.005
        return _closed(run)

    def _write(self, session: Session, question: str, at: float) -> Step:
        run = self._agent("writer", "desk", session, at)
        run.children = self._until_it_works(partial(self._chat, session, "desk", question), at + 0.01)
        return _closed(run)

    def _until_it_works(self, attempt: Callable[[float], Step], at: float) -> list[Step]:
        steps: list[Step] = []
        for tried in range(_ATTEMPTS):
            steps.append(attempt(at))
            if steps[-1].failure is None or not steps[-1].failure.retryable:
                break
            at = steps[-1].end_s + 0.5 * 2**tried
        return steps

    def _agent(self, name: str, service: str, session: Session, at: float) -> Step:
        attributes: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": name,
            "gen_ai.agent.id": f"agent_{name}",
            "gen_ai.agent.version": "1.4.0",
            "gen_ai.conversation.id": session.id,
            "gen_ai.provider.name": session.model.provider,
            "gen_ai.request.model": session.model.name,
            "user.id": session.user,
        }
        return Step(f"invoke_agent {name}", service, SpanKind.INTERNAL, attributes, at, at)

    def _chat(self, session: Session, service: str, about: str, at: float) -> Step:
        model = session.model
        attributes: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": model.provider,
            "gen_ai.request.model": model.name,
            "gen_ai.request.temperature": 0.2,
            "gen_ai.request.max_tokens": 4096,
            "gen_ai.conversation.id": session.id,
            "gen_ai.input.messages": _messages("user", about),
            "server.address": model.server,
            "server.port": 443,
            "user.id": session.user,
        }
        step = Step(f"chat {model.name}", service, SpanKind.CLIENT, attributes, at, at)
        if self._random.random() < 0.06:
            failure = self._random.choice((RATE_LIMIT, RATE_LIMIT, OVERLOADED, OVERLOADED, TOO_LONG))
            return _failed(step, failure, self._random.uniform(0.1, 0.6))
        return self._reply(step, model, about)

    def _reply(self, step: Step, model: Model, about: str) -> Step:
        output = int(self._random.lognormvariate(5.2, 0.7))
        given = int(self._random.lognormvariate(7.2, 0.8))
        first_token_s = self._random.uniform(0.15, 0.9)
        step.end_s += first_token_s + output / model.tokens_per_s
        step.attributes |= {
            "gen_ai.response.id": self._id("resp"),
            "gen_ai.response.model": model.name,
            "gen_ai.response.finish_reasons": ["stop"],
            "gen_ai.response.time_to_first_chunk": round(first_token_s, 4),
            "gen_ai.usage.input_tokens": given,
            "gen_ai.usage.cache_read.input_tokens": int(given * self._random.choice((0, 0, 0.5, 0.9))),
            "gen_ai.usage.output_tokens": output,
            "gen_ai.output.messages": _messages("assistant", f"Looking at {about} I find {output // 12} points."),
        }
        return step

    def _tool(self, name: str, about: str, at: float) -> Step:
        attributes: dict[str, AttributeValue] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": name,
            "gen_ai.tool.type": "function",
            "gen_ai.tool.call.id": self._id("call"),
            "gen_ai.tool.call.arguments": json.dumps({"query": about, "limit": self._random.randint(3, 20)}),
        }
        step = Step(f"execute_tool {name}", "tools", SpanKind.INTERNAL, attributes, at, at)
        if self._random.random() < 0.05:
            return _failed(step, TIMEOUT, 8.0)
        if name == "query_warehouse" and self._random.random() < 0.03:
            return _failed(step, REFUSED, 0.03)
        step.end_s += self._random.lognormvariate(-1.2, 0.8)
        attributes["gen_ai.tool.call.result"] = json.dumps({"hits": self._random.randint(0, 40)})
        return step

    def _id(self, kind: str) -> str:
        return f"{kind}_{self._random.getrandbits(64):016x}"


def _closed(run: Step) -> Step:
    """End a run when its last child has ended; it failed if that child did."""
    run.end_s = max(step.end_s for step in run.children) + 0.005
    last = run.children[-1]
    if last.failure:
        _failed(run, last.failure, 0.0)
    return run


def _failed(step: Step, failure: Failure, after_s: float) -> Step:
    step.failure = failure
    step.end_s += after_s
    step.attributes["error.type"] = failure.type
    return step


def _messages(role: str, text: str) -> str:
    return json.dumps([{"role": role, "parts": [{"type": "text", "content": text}]}])

"""A model that runs offline, answers the same each time, and speaks OpenAI's chat completions and Responses API.

It calls each tool that it is offered once, in their order, one a turn, and then answers. `start()` serves it in the
background of an example and points every client of OpenAI at it.
"""

import json
import os
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any, Self, TypeAlias
from uuid import uuid4

Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One answer that the model gave: its tokens as the provider counts them, and the tool that it asked for.

    `input_tokens` include the `cached_tokens`, `output_tokens` the `reasoning_tokens`.
    """

    model: str
    turn: int
    tool: str | None

    @property
    def input_tokens(self) -> int:
        """A hundred for each turn of the conversation."""
        return 100 * self.turn

    @property
    def cached_tokens(self) -> int:
        """From the second turn on, a part of the input was seen before."""
        return 64 if self.turn > 1 else 0

    @property
    def output_tokens(self) -> int:
        """One more in each turn."""
        return 30 + self.turn

    @property
    def reasoning_tokens(self) -> int:
        """The same in each turn."""
        return 8


class FakeModel:
    """The model behind a port of the loopback interface; `url` is what clients call the base URL.

    What it has answered is in `calls`. Clear `answering` and it holds its answers back; set `failing` and it refuses
    to answer. A context manager: its end is the server's.
    """

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.asked = threading.Event()
        self.answering = threading.Event()
        self.answering.set()
        self.failing = False
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True, name="fake-model").start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.answering.set()
        self._server.shutdown()
        self._server.server_close()


def start() -> None:
    """Serve until the process ends, and point OpenAI's clients there; OPENAI_BASE_URL, where it is set, is kept."""
    if "OPENAI_BASE_URL" not in os.environ:
        os.environ["OPENAI_BASE_URL"] = FakeModel().url
    os.environ.setdefault("OPENAI_API_KEY", "not-needed")


@dataclass(frozen=True)
class _Question:
    """What a request asks, by whichever API it came: the first thing that was said, and what the model said since."""

    model: str
    said: str
    spoken: Sequence[str]
    tools: Sequence[tuple[str, Json]]
    schema: Json | None

    @property
    def subject(self) -> str:
        """The last word of what was said."""
        return (self.said.split() or ["nothing"])[-1].strip(".?!")

    def answer(self) -> tuple[Call, str]:
        """What the model says next: text, or a call's arguments as JSON."""
        turn = 1 + len(self.spoken)
        for name, schema in self.tools:
            # Some frameworks repeat to the model what it called as a text.
            if not any(re.search(rf"\b{name}\b", each) for each in self.spoken):
                return Call(self.model, turn, name), json.dumps(_example(schema, schema, self.subject))
        if self.schema:
            return Call(self.model, turn, None), json.dumps(_example(self.schema, self.schema, self.subject))
        return Call(self.model, turn, None), f"This is all there is to know about {self.subject}."


def _from_chat(request: Json) -> _Question:
    messages = request["messages"]
    return _Question(
        request["model"],
        next(_text(each["content"]) for each in messages if each["role"] == "user"),
        [_text(each.get("tool_calls") or each["content"]) for each in messages if each["role"] == "assistant"],
        [(each["function"]["name"], each["function"]["parameters"]) for each in request.get("tools") or ()],
        (request.get("response_format") or {}).get("json_schema", {}).get("schema"),
    )


def _from_response(request: Json) -> _Question:
    items = request["input"] if isinstance(request["input"], list) else [{"role": "user", "content": request["input"]}]
    return _Question(
        request["model"],
        next(_text(each["content"]) for each in items if each.get("role") == "user"),
        [
            each.get("name") or _text(each["content"])
            for each in items
            if each.get("type") == "function_call" or each.get("role") == "assistant"
        ],
        [(each["name"], each["parameters"]) for each in request.get("tools") or ()],
        ((request.get("text") or {}).get("format") or {}).get("schema"),
    )


def _text(content: object) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text") or part) for part in content)
    return str(content or "")


def _example(schema: Json, root: Json, text: str) -> Any:
    """Return the smallest value that the JSON schema allows, with `text` wherever it wants some."""
    if "$ref" in schema:
        return _example(root["$defs"][schema["$ref"].rpartition("/")[2]], root, text)
    if "anyOf" in schema:
        return _example(schema["anyOf"][0], root, text)
    if "enum" in schema:
        return schema["enum"][0]
    match schema.get("type"):
        case "object":
            properties = schema.get("properties", {})
            required = schema.get("required", list(properties))
            value: Any = {name: _example(properties[name], root, text) for name in required}
        case "array":
            value = [_example(schema["items"], root, text)]
        case "integer" | "number":
            value = schema.get("minimum", 1)
        case "boolean":
            value = True
        case _:
            value = text
    return value


def _chat_usage(call: Call) -> Json:
    return {
        "prompt_tokens": call.input_tokens,
        "completion_tokens": call.output_tokens,
        "total_tokens": call.input_tokens + call.output_tokens,
        "prompt_tokens_details": {"cached_tokens": call.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": call.reasoning_tokens},
    }


def _chat_message(call: Call, said: str) -> Json:
    if not call.tool:
        return {"role": "assistant", "content": said}
    tool_call = {"id": f"call_{uuid4().hex}", "type": "function", "function": {"name": call.tool, "arguments": said}}
    return {"role": "assistant", "content": None, "tool_calls": [tool_call]}


def _chat_completion(call: Call, said: str) -> Json:
    choice = {"index": 0, "message": _chat_message(call, said), "finish_reason": "tool_calls" if call.tool else "stop"}
    return {**_chat_head(call, "chat.completion"), "choices": [choice], "usage": _chat_usage(call)}


def _chat_head(call: Call, kind: str) -> Json:
    return {"id": f"chatcmpl-{uuid4().hex}", "object": kind, "created": int(time()), "model": call.model}


def _chat_chunks(call: Call, said: str, request: Json) -> Iterator[Json]:
    head = _chat_head(call, "chat.completion.chunk")
    message = _chat_message(call, said)
    for tool_call in message.get("tool_calls", ()):
        tool_call["index"] = 0
    deltas = [message] if call.tool else [{"role": "assistant", "content": ""}, *({"content": w} for w in _words(said))]
    for delta in deltas:
        yield {**head, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]}
    yield {**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls" if call.tool else "stop"}]}
    if (request.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": _chat_usage(call)}


def _words(text: str) -> list[str]:
    return [f"{word} " for word in text.split(" ")]


def _response(call: Call, said: str, request: Json) -> Json:
    item: Json
    if call.tool:
        item = {"type": "function_call", "id": f"fc_{uuid4().hex}", "call_id": f"call_{uuid4().hex}", "name": call.tool}
        item |= {"arguments": said, "status": "completed"}
    else:
        part: Json = {"type": "output_text", "text": said, "annotations": []}
        item = {"type": "message", "id": f"msg_{uuid4().hex}", "role": "assistant", "status": "completed"}
        item |= {"content": [part]}
    usage = {
        "input_tokens": call.input_tokens,
        "input_tokens_details": {"cached_tokens": call.cached_tokens},
        "output_tokens": call.output_tokens,
        "output_tokens_details": {"reasoning_tokens": call.reasoning_tokens},
        "total_tokens": call.input_tokens + call.output_tokens,
    }
    head = {"id": f"resp_{uuid4().hex}", "object": "response", "created_at": time(), "status": "completed"}
    settings = {"parallel_tool_calls": False, "tool_choice": "auto", "tools": request.get("tools") or []}
    return {**head, **settings, "model": call.model, "output": [item], "usage": usage, "error": None}


def _response_events(call: Call, said: str, request: Json) -> Iterator[Json]:
    whole = _response(call, said, request)
    (item,) = whole["output"]
    place = {"item_id": item["id"], "output_index": 0, "content_index": 0}
    yield {"type": "response.created", "response": {**whole, "status": "in_progress", "output": [], "usage": None}}
    empty: Json = {"arguments": ""} if call.tool else {"content": []}
    yield {"type": "response.output_item.added", "output_index": 0, "item": {**item, **empty, "status": "in_progress"}}
    if not call.tool:
        (part,) = item["content"]
        yield {"type": "response.content_part.added", **place, "part": {**part, "text": ""}}
        for word in _words(said):
            yield {"type": "response.output_text.delta", **place, "delta": word, "logprobs": []}
        yield {"type": "response.output_text.done", **place, "text": said, "logprobs": []}
        yield {"type": "response.content_part.done", **place, "part": part}
    yield {"type": "response.output_item.done", "output_index": 0, "item": item}
    yield {"type": "response.completed", "response": whole}


def _handler(model: FakeModel) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            model.asked.set()
            model.answering.wait()
            if model.failing:
                return self._send(400, {"error": {"message": "the model refuses", "type": "invalid_request_error"}})
            responses = self.path.endswith("/responses")
            call, said = (_from_response if responses else _from_chat)(request).answer()
            model.calls.append(call)
            if request.get("stream"):
                return self._stream((_response_events if responses else _chat_chunks)(call, said, request), responses)
            return self._send(200, _response(call, said, request) if responses else _chat_completion(call, said))

        def _send(self, status: int, answer: Mapping[str, object]) -> None:
            body = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self, events: Iterator[Json], named: bool) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.send_header("Connection", "close")
            self.end_headers()
            for number, event in enumerate(events):
                name = f"event: {event['type']}\n" if named else ""
                content = {**event, "sequence_number": number} if named else event
                self.wfile.write(f"{name}data: {json.dumps(content)}\n\n".encode())
            if not named:
                self.wfile.write(b"data: [DONE]\n\n")

        def handle(self) -> None:
            # Nobody waits for the answer any more.
            with suppress(ConnectionError):
                super().handle()

        def log_message(self, *_: object) -> None:
            """Say nothing: an example's output is its own."""

    return Handler

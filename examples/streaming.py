"""Streams: an agent that is a generator, and a model's answer of which the time to the first chunk is recorded."""

import json
import os
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import fake_model
import spanhouse

fake_model.start()
spanhouse.init(service="streaming")


def chunks_of(model: str, prompt: str) -> Iterator[dict[str, Any]]:
    """Yield what a model sends of its answer, while it comes."""
    body = {"model": model, "stream": True, "stream_options": {"include_usage": True}}
    body["messages"] = [{"role": "user", "content": prompt}]
    request = Request(f"{os.environ['OPENAI_BASE_URL']}/chat/completions", json.dumps(body).encode())
    with urlopen(request) as response:
        for line in response:
            if line.startswith(b"data: {"):
                yield json.loads(line.removeprefix(b"data: "))


@spanhouse.agent("writer")
def write(topic: str) -> Iterator[str]:
    """Write, a word at a time. The run lasts until the last word was taken, or nobody wants more."""
    with spanhouse.llm_call("gpt-5-mini", provider="openai") as call:
        for chunk in call.stream(chunks_of("gpt-5-mini", f"Write about {topic}")):
            for choice in chunk["choices"]:
                yield choice["delta"].get("content") or ""
            if usage := chunk.get("usage"):
                call.record_usage(input_tokens=usage["prompt_tokens"], output_tokens=usage["completion_tokens"])


for word in write("otters"):
    print(word, end="")
print()

# Nobody wants the second word: the run ends here, as cancelled.
abandoned = write("beavers")
print(next(word for word in abandoned if word))
abandoned.close()  # type: ignore[attr-defined]  # an Iterator to its readers, a generator all the same

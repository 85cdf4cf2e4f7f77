"""An agent written by hand: a tool, a call of a model, a typed result, and whose work it all is."""

import asyncio
import json
import os
from urllib.request import Request, urlopen

from pydantic import BaseModel

import fake_model
import spanhouse

fake_model.start()
spanhouse.init(service="by-hand")


class Report(BaseModel):
    """What the researcher found: recorded as the run's output, with the name of its schema."""

    topic: str
    summary: str


@spanhouse.tool
def search(query: str) -> list[str]:
    """Search the library."""
    return [f"All about {query}"]


def ask(model: str, prompt: str) -> str:
    """Ask a model that no instrumentation sees."""
    body = {"model": model, "messages": [{"role": "user", "content": prompt}]}
    request = Request(f"{os.environ['OPENAI_BASE_URL']}/chat/completions", json.dumps(body).encode())
    with spanhouse.llm_call(model, provider="openai") as call:
        call.input(body["messages"])
        with urlopen(request) as response:
            answer = json.load(response)
        call.output([answer["choices"][0]["message"]])
        call.record_response(id=answer["id"], model=answer["model"])
        usage = answer["usage"]
        call.record_usage(
            input_tokens=usage["prompt_tokens"],
            output_tokens=usage["completion_tokens"],
            cache_read_tokens=usage["prompt_tokens_details"]["cached_tokens"],
            reasoning_tokens=usage["completion_tokens_details"]["reasoning_tokens"],
        )
    text: str = answer["choices"][0]["message"]["content"]
    return text


@spanhouse.agent("researcher", model="gpt-5-mini")
async def research(topic: str) -> Report:
    """Read what there is, and sum it up."""
    run = spanhouse.execution.current()
    titles = search(topic)
    run.progress(0.5, message=f"read {len(titles)} titles")
    run.thinking(f"the titles are {titles}")
    summary = await asyncio.to_thread(ask, "gpt-5-mini", f"Sum up {topic}")
    run.confidence(0.9)
    return Report(topic=topic, summary=summary)


async def main() -> None:
    """Run the agent twice at once, for two users: nothing of the one gets into the other."""

    async def run(session: str, user: str, topic: str) -> Report:
        with spanhouse.session(session, user=user, client_account="acme"):
            return await research(topic)

    reports = await asyncio.gather(run("cycle-42", "u7", "otters"), run("cycle-43", "u8", "beavers"))
    print(*reports, sep="\n")


asyncio.run(main())

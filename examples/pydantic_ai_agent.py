"""Pydantic AI: an agent that asks a second one through a tool, and answers with a typed report.

Pydantic AI records itself once it is told to; `init()` tells it.
"""

from pydantic import BaseModel
from pydantic_ai import Agent

import fake_model
import spanhouse

fake_model.start()
spanhouse.init(service="pydantic-ai")


class Report(BaseModel):
    """What the researcher found."""

    topic: str
    findings: list[str]


librarian = Agent("openai-chat:gpt-5-mini", name="librarian")
researcher = Agent("openai-chat:gpt-5-mini", name="researcher", output_type=Report)


@librarian.tool_plain
def search(query: str) -> list[str]:
    """Search the library."""
    return [f"All about {query}"]


@researcher.tool_plain
async def ask_librarian(question: str) -> str:
    """Ask the librarian."""
    answer = await librarian.run(question)
    return answer.output


with spanhouse.session("reading-club", user="u7"):
    print(researcher.run_sync("What is known about otters?").output)

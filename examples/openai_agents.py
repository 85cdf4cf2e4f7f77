"""OpenAI's Agents SDK: an agent that uses a tool, and then hands the conversation over to another one."""

import asyncio

from agents import Agent, Runner, function_tool

import fake_model
import spanhouse

fake_model.start()
spanhouse.init(service="openai-agents")


@function_tool
def search(query: str) -> str:
    """Search the library."""
    return f"All about {query}"


editor = Agent(name="editor", model="gpt-5-mini", instructions="You write the answer.")
researcher = Agent(name="researcher", model="gpt-5-mini", tools=[search], handoffs=[editor])


async def main() -> None:
    """Ask one question."""
    with spanhouse.session("reading-club", user="u7"):
        result = await Runner.run(researcher, "What is known about otters?")
    print(result.final_output)


asyncio.run(main())

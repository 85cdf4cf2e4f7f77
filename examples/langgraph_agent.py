"""LangGraph: an agent, made by LangChain's `create_agent`, with two tools."""

from langchain.agents import create_agent
from langchain_core.tools import tool

import fake_model
import spanhouse

fake_model.start()
spanhouse.init(service="langgraph")


@tool
def search(query: str) -> list[str]:
    """Search the library."""
    return [f"All about {query}"]


@tool
def count_pages(title: str) -> int:
    """Count the pages of a book."""
    return len(title)


researcher = create_agent("openai:gpt-5-mini", [search, count_pages], name="researcher")

with spanhouse.session("reading-club", user="u7"):
    answer = researcher.invoke({"messages": [{"role": "user", "content": "What is known about otters?"}]})
    print(answer["messages"][-1].content)

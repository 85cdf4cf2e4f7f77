"""smolagents: an agent that calls tools, whose own spans repeat the tokens of its model calls. They count once."""

import os

from smolagents import OpenAIModel, Tool, ToolCallingAgent

import fake_model
import spanhouse

fake_model.start()
spanhouse.init(service="smolagents")


class Search(Tool):
    """Search the library."""

    name = "search"
    description = "Search the library."
    inputs = {"query": {"type": "string", "description": "what to look for"}}  # noqa: RUF012
    output_type = "string"

    def forward(self, query: str) -> str:
        """Return the title of a book."""
        return f"All about {query}"


model = OpenAIModel("gpt-5-mini", api_base=os.environ["OPENAI_BASE_URL"], api_key=os.environ["OPENAI_API_KEY"])
researcher = ToolCallingAgent(tools=[Search()], model=model, name="researcher", verbosity_level=0)

with spanhouse.session("reading-club", user="u7"):
    print(researcher.run("What is known about otters?"))

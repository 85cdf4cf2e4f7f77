"""A run with a call of a tool and one of a model, with every instrumentor. sys.argv: a service, a URL, a protocol."""

import sys

import spanhouse

service, url, protocol = sys.argv[1:]
spanhouse.init(service, endpoint=url, protocol=protocol)  # type: ignore[arg-type]  # a text that is one of the two
with spanhouse.agent("writer"):
    with spanhouse.tool("search"):
        pass
    with spanhouse.llm_call("gpt-5", provider="openai") as call:
        call.record_usage(input_tokens=7, output_tokens=3)

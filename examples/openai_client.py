"""OpenAI's client, by itself: each call is seen, streamed or not, through either API, with its tokens.

There is no agent here, so a trace's root stands for the run: an execution of kind `implicit`.
"""

from openai import OpenAI

import fake_model
import spanhouse

fake_model.start()
spanhouse.init(service="openai-client")
client = OpenAI()

completion = client.chat.completions.create(
    model="gpt-5-mini", messages=[{"role": "user", "content": "What is known about otters?"}]
)
print(completion.choices[0].message.content)

with spanhouse.session("reading-club", user="u7"):
    response = client.responses.create(model="gpt-5-mini", input="What is known about beavers?")
    print(response.output_text)

    chunks = client.chat.completions.create(
        model="gpt-5-mini",
        messages=[{"role": "user", "content": "What is known about voles?"}],
        stream=True,
        # Without it OpenAI sends no usage, and the tokens of a streamed call are unknown.
        stream_options={"include_usage": True},
    )
    for chunk in chunks:
        print(*(choice.delta.content or "" for choice in chunk.choices), end="")
    print()

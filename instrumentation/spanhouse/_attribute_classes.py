"""Which attributes hold content, and which say no more than what is needed to count and to attribute.

Content is what was said to or by models, tools and agents. Each convention spells it differently; the spellings that
are read are in `docs/conventions.md`, and a test holds these sets against that table.
"""

from functools import lru_cache

_CONTENT = """
    gen_ai.input.messages gen_ai.output.messages gen_ai.system_instructions gen_ai.tool.definitions
    gen_ai.tool.call.arguments gen_ai.tool.call.result gen_ai.retrieval.documents gen_ai.retrieval.query.text
    gen_ai.memory.query.text gen_ai.memory.records gen_ai.evaluation.explanation gen_ai.prompt gen_ai.completion
    gen_ai.event.content gen_ai.tool.json_schema gen_ai.agent.tools
    input.value output.value llm.prompts llm.function_call tool.parameters reranker.query embedding.text
    traceloop.entity.input traceloop.entity.output mcp.request.argument mcp.response.value
    ai.prompt ai.response.text ai.response.object ai.response.toolCalls ai.response.reasoning ai.response.files
    ai.result.text ai.result.object ai.result.toolCalls ai.toolCall.args ai.toolCall.result ai.value ai.values
    ai.embedding ai.embeddings ai.response.providerMetadata llm.invocation_parameters
    pydantic_ai.all_messages all_messages_events events final_result tool_arguments tool_response logfire.msg
    model_request_parameters
    gcp.vertex.agent.llm_request gcp.vertex.agent.llm_response gcp.vertex.agent.tool_call_args
    gcp.vertex.agent.tool_response gcp.vertex.agent.data
    langfuse.observation.input langfuse.observation.output langfuse.trace.input langfuse.trace.output
    langfuse.observation.status_message langfuse.observation.model.parameters
    haystack.agent.input haystack.agent.output haystack.agent.tools haystack.agent.step.llm.input
    haystack.agent.step.llm.output haystack.agent.step.tool.input haystack.agent.step.tool.output
    haystack.component.input haystack.component.output haystack.pipeline.input_data haystack.pipeline.output_data
    genkit:input genkit:output mlflow.spanInputs mlflow.spanOutputs
    input output raw_input response prompt prompt_text user_prompt message message_context content tool.result
    tool_parameters tool_input crew_agents crew_tasks
    exception.message exception.stacktrace error.message error otel.status_description
    spring.ai.tool.call.arguments spring.ai.tool.call.result
    gen_ai.request.messages gen_ai.response.text gen_ai.tool.input gen_ai.tool.output gen_ai.tool.args gen_ai.output
    langwatch.input langwatch.output braintrust.input_json braintrust.input braintrust.output_json braintrust.output
    gen_ai.entity.input gen_ai.entity.output
    lmnr.span.input lmnr.span.output agentops.entity.input agentops.entity.output input-json output-json
    mastra.agent_run.input mastra.agent_run.output mastra.workflow_run.input mastra.workflow_run.output tool.arguments
    lk.function_tool.arguments lk.pii.function_tool.arguments lk.function_tool.output lk.pii.function_tool.output
    spanhouse.output.json spanhouse.task.result
"""
_CONTENT_BELOW = (
    *("gen_ai.prompt.", "gen_ai.completion.", "gen_ai.memory.record."),
    *("llm.input_messages.", "llm.output_messages.", "llm.prompts.", "llm.completions.", "llm.choices.", "llm.tools."),
    *("llm.prompt_template.", "llm.request.functions.", "retrieval.documents.", "reranker.input_documents."),
    *("reranker.output_documents.", "embedding.embeddings.", "document.", "message.", "message_content."),
    *("ai.prompt.", "traceloop.prompt."),
)
# Of a message that is spread over attributes these say who spoke and what was called, not what was said.
_LABELS = frozenset(
    {"role", "id", "name", "type", "index", "score", "finish_reason", "mime_type", "tool_call_id", "version", "uuid"}
)

_STANDARD = """
    gen_ai.operation.name gen_ai.provider.name gen_ai.system gen_ai.request.model gen_ai.response.model
    gen_ai.response.id gen_ai.response.finish_reasons gen_ai.response.time_to_first_chunk gen_ai.request.stream
    gen_ai.conversation.id gen_ai.workflow.name gen_ai.agent.id gen_ai.agent.name gen_ai.agent.version
    gen_ai.tool.name gen_ai.tool.type gen_ai.tool.call.id gen_ai.tool.status gen_ai.user gen_ai.request.user
    session.id user.id enduser.id error.type exception.type event.name event_name
    openinference.span.kind agent.name graph.node.id graph.node.name llm.provider llm.system llm.request.model_name
    llm.model_name llm.response.model_name llm.request.model llm.response.model llm.request.type llm.user
    embedding.model_name tool.name tool.id tool.status tool_call.id
    traceloop.span.kind traceloop.entity.name traceloop.workflow.name traceloop.association.properties.session_id
    traceloop.association.properties.thread_id traceloop.association.properties.user_id
    ai.operationId ai.telemetry.functionId ai.telemetry.metadata.sessionId ai.telemetry.metadata.userId
    ai.model.provider ai.model.id ai.response.model ai.response.id ai.toolCall.name ai.toolCall.id
    openai.response.service_tier gen_ai.openai.response.service_tier gen_ai.response.service_tier
    openai.request.service_tier gen_ai.openai.request.service_tier gen_ai.request.service_tier llm.request.service_tier
    anthropic.response.service_tier
    agno.agent.id agno.team.id agent_name model_name operation.cost
    langsmith.span.kind langsmith.metadata.lc_agent_name langsmith.metadata.session_id langsmith.metadata.thread_id
    langsmith.metadata.conversation_id langsmith.metadata.user_id langsmith.metadata.ls_model_name
    langfuse.session.id langfuse.user.id langfuse.observation.type langfuse.observation.model.name
    langfuse.observation.usage_details langfuse.observation.cost_details
    gcp.vertex.agent.session_id haystack.tool.name haystack.tool.error haystack.component.type
    mcp.method.name mcp.tool.name genkit:name genkit:sessionId genkit:state genkit:metadata:subtype
    logfire.span_type logfire.msg_template span.type name model tool_name group_id response_id usage
    input_tokens output_tokens cache_read_tokens cache_creation_tokens
    ag2.usage.kind ag2.usage.total_tokens gen_ai.client.token.usage langsmith.metadata.usage_metadata
    spring.ai.kind spring.ai.tool.definition.name spring.ai.chat.client.conversation.id
    gen_ai.model_name gen_ai.session.id gen_ai.user.id gen_ai.thread.id gen_ai.thread.run.status gen_ai.tool.call_id
    gen_ai.tool.error gen_ai.span.kind gen_ai.span_kind_name gen_ai.operation.type gen_ai.request.type sentry.op op
    langwatch.span.type langwatch.thread.id langwatch.user.id braintrust.span_attributes.type
    braintrust.metadata.model ai.model_id
    lmnr.span.type lmnr.association.properties.session_id lmnr.association.properties.user_id
    agentops.span.kind agentops.entity.name operation.name agent.id copilot_chat.session_id conversation.id
    mastra.span.type mastra.metadata.sessionId mastra.metadata.threadId mastra.metadata.userId
    lk.agent_name lk.function_tool.name lk.function_tool.id lk.function_tool.is_error
    tool.function_name tool.call_id tool.result_status codex.usage.reasoning_output_tokens codex.usage.total_tokens
    ai.prompt_tokens.used ai.completion_tokens.used ai.total_tokens.used
    otel.status_code gen_ai.response.status mcp.tool.result.is_error langfuse.observation.level
    rpc.response.status_code rpc.connect_rpc.error_code rpc.grpc.status_code
    spanhouse.agent.id spanhouse.agent.type spanhouse.event.id spanhouse.cost_usd spanhouse.memory_mb
    spanhouse.client_account.id spanhouse.engagement.id spanhouse.case.id spanhouse.flow.id
    spanhouse.execution.id spanhouse.execution.parent_id spanhouse.execution.agent_name spanhouse.execution.status
    spanhouse.execution.waiting_for spanhouse.execution.progress spanhouse.execution.tasks_total
    spanhouse.execution.tasks_completed spanhouse.execution.expires_in spanhouse.execution.outcome
    spanhouse.execution.confidence spanhouse.output.schema spanhouse.output.schema_version
    spanhouse.task.id spanhouse.task.name spanhouse.task.type spanhouse.task.status spanhouse.session.phase
    spanhouse.session.outcome spanhouse.trigger.reason spanhouse.trigger.invoked spanhouse.trigger.skip_reason
    spanhouse.trigger.budget_used_usd spanhouse.trigger.budget_remaining_usd spanhouse.pattern.id
    spanhouse.pattern.type spanhouse.pattern.confidence spanhouse.session.gate_failed spanhouse.session.operation_id
    spanhouse.feedback.pattern_id spanhouse.feedback.score
    service.name service.namespace service.version service.instance.id
    deployment.environment deployment.environment.name
"""
_STANDARD_BELOW = (
    *(
        "gen_ai.usage.",
        "gen_ai.aggregated_usage.",
        "anthropic.usage.",
        "gen_ai.cost.",
        "llm.token_count.",
        "llm.usage.",
        "llm.cost.",
    ),
    *("ai.usage.", "codex.turn.token_usage.", "braintrust.metrics.", "telemetry.sdk.", "spanhouse.session.metric."),
)

CONTENT = frozenset(_CONTENT.split())
STANDARD = frozenset(_STANDARD.split())


@lru_cache(maxsize=4096)
def is_content(name: str) -> bool:
    """Whether an attribute of that name holds what was said to or by a model, a tool or an agent."""
    if name in CONTENT:
        return True
    below = name.startswith(_CONTENT_BELOW) and name not in STANDARD
    return below and name.rpartition(".")[2] not in _LABELS


@lru_cache(maxsize=4096)
def is_standard(name: str) -> bool:
    """Whether an attribute of that name is needed to tell what a span is, whose it is, and what it used."""
    return name in STANDARD or name.startswith(_STANDARD_BELOW)

"""From `init()` to SQL: a real collector, a real engine."""

from collections.abc import Iterator

import pytest

from tests.sdk.receiving import run
from tests.support.process import Spanhouse
from tests.support.waiting import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spanhouse]:
    with Spanhouse.start(data_dir=tmp_path_factory.mktemp("sdk") / "data") as up:
        yield up


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_run_is_there_with_its_calls_whatever_the_protocol(protocol: str, up: Spanhouse) -> None:
    service = f"by {protocol}"
    run("every_call", service, up.http if protocol == "http/protobuf" else f"http://{up.grpc}", protocol)
    runs = f"FROM spanhouse.agent_executions FINAL WHERE ServiceName = '{service}'"
    until(lambda: up.sql_text(f"SELECT AgentName, Status {runs}") == "writer\tcompleted", 60)
    calls = f"FROM spanhouse.llm_calls FINAL WHERE service_name = '{service}'"
    until(lambda: up.sql_text(f"SELECT count(), sum(input_tokens) {calls}") == "1\t7", 60)

"""Protos are written by one set of rules; what was released is understood for good."""

import copy

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tests.architecture.wire_descriptors import compiled, released
from tests.architecture.wire_rules import Lint, breaking_changes


@pytest.fixture(scope="module")
def contract() -> FileDescriptorSet:
    return compiled(with_comments=True)


def test_every_proto_keeps_the_rules(contract) -> None:
    problems = [problem for file in contract.file for problem in Lint(file).run()]
    assert not problems, "\n".join(problems)


def test_nothing_that_was_released_changes_its_meaning(contract) -> None:
    assert not breaking_changes(released(), contract)


def test_the_released_copy_knows_everything_that_there_is(contract) -> None:
    # Otherwise a field could be released, used and taken away again without a word.
    news = breaking_changes(contract, released())
    assert not news, "run: python -m tests.architecture.wire_descriptors"


def test_a_changed_type_and_a_missing_method_are_seen(contract) -> None:
    later = copy.deepcopy(contract)
    sync = next(file for file in later.file if file.name.endswith("sync.proto"))
    hello = next(message for message in sync.message_type if message.name == "Hello")
    hello.field[0].type = hello.field[0].TYPE_BYTES
    del sync.service[0].method[0]
    broken = breaking_changes(contract, later)
    assert len(broken) == 2
    assert "Hello.outbox_id" in broken[0]
    assert "StreamEvents" in broken[1]


def test_a_careless_proto_is_refused(contract) -> None:
    careless = copy.deepcopy(next(f for f in contract.file if f.name.endswith("sync.proto")))
    careless.package = "kyndof_wire.sync"
    careless.service[0].name = "EventSync"
    careless.enum_type[0].value[0].name = "UNKNOWN"
    assert len(Lint(careless).run()) >= 4

"""The marker is read from a coordinator that may not be ready. A real one is not to be made to say so on command."""

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from promotion.kafka.marker import committed_when_loaded

WHERE = [TopicPartition("portal-event", 0)]


class AConsumer:
    """Answers `committed` with what it was given, one after the other, the last for ever."""

    def __init__(self, *answers: int) -> None:
        self.answers = list(answers)
        self.asked = 0

    def committed(self, where: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if answer:
            raise KafkaException(KafkaError(answer))
        return [TopicPartition("portal-event", 0, 7)]


@pytest.mark.parametrize(
    "code", [KafkaError.NOT_COORDINATOR, KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.COORDINATOR_LOAD_IN_PROGRESS]
)
def test_a_coordinator_that_is_not_ready_is_asked_again(code):
    consumer = AConsumer(code, code, 0)
    assert committed_when_loaded(consumer, WHERE, 10)[0].offset == 7
    assert consumer.asked == 3


def test_a_coordinator_that_never_gets_ready_is_given_up_in_time():
    with pytest.raises(KafkaException):
        committed_when_loaded(AConsumer(KafkaError.NOT_COORDINATOR), WHERE, 0.3)


def test_another_error_is_raised_at_once():
    consumer = AConsumer(KafkaError.GROUP_AUTHORIZATION_FAILED, 0)
    with pytest.raises(KafkaException):
        committed_when_loaded(consumer, WHERE, 10)
    assert consumer.asked == 1

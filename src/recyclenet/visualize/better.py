"""The photos on which one model is right and another wrong."""

from recyclenet.data.splits import PhotoRecord
from recyclenet.evaluate import Evaluation


def better_than(first: Evaluation, second: Evaluation) -> list[PhotoRecord]:
    """Photos that `first` answers right and `second` wrong, those that `first` is surest of at the front.

    Args:
        first: of any split.
        second: of the same split of the same folder; its classes may stand in another order.
    """
    if first.records != second.records:
        raise ValueError("the two evaluations are of different photos")
    right, wrong = _answers(first), _answers(second)
    chosen = [
        (-prob, record)
        for record, (answer, prob), (other, _) in zip(first.records, right, wrong, strict=True)
        if answer == record.label != other
    ]
    return [record for _, record in sorted(chosen)]


def _answers(evaluation: Evaluation) -> list[tuple[str, float]]:
    """Each photo's answer and its probability."""
    classes = evaluation.model.description.classes
    return [(classes[int(probs.argmax())], float(probs.max())) for probs in evaluation.probs]

"""splits.csv: a list of photos from anywhere gives records that stay in their folder, or one error."""

from contextlib import suppress

from recyclenet.data.folder import open_photo_folder
from recyclenet.data.splits import SPLITS, is_inside, read_splits
from recyclenet.errors import RecycleNetError
from tests.fuzz.hostile import TEXT_TOKENS, Form, Target
from tests.fuzz.targets.scratch import scratch, scratch_file

_PHOTOS = ("glass/1.jpg", "glass/2.jpg", "paper/1.jpg", "paper/2.jpg")
_LINES = "".join(
    f"{path},{path.split('/')[0]},{split}\n" for path, split in zip(_PHOTOS, (*SPLITS, "train"), strict=True)
)
_TOKENS = (b"train", b"glass/1.jpg", b"..", b"a,b,train\n", b'"', b'"a\nb",c,test\n')


def _read(data: bytes) -> None:
    file = scratch_file("splits", "splits.csv", data)
    records = read_splits(file)
    assert list(records) == sorted(records)
    assert all(is_inside(record.path) and record.label.strip() and record.split in SPLITS for record in records)
    for path in _PHOTOS:
        (scratch("splits") / path).parent.mkdir(exist_ok=True)
        (scratch("splits") / path).touch()
    with suppress(RecycleNetError):  # photos that are not there
        open_photo_folder(scratch("splits")).fingerprint()


TARGET = Target(
    [Form(f"path,label,split\n{_LINES}".encode()), Form(f"\ufeffpath,label,split\r\n{_LINES}".encode())],
    _read,
    (*TEXT_TOKENS, *_TOKENS),
)

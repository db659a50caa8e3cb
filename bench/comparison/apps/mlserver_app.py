"""MLServer: a custom runtime behind the Open Inference Protocol; the number of workers is in settings.json."""

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse

from bench.comparison.apps.scoring import load


class Scorer(MLModel):
    async def load(self) -> bool:
        self.score = load()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        (body,) = StringCodec.decode_input(payload.inputs[0])
        answer = self.score(body.encode()).decode()
        return InferenceResponse(
            model_name=self.name, outputs=[StringCodec.encode_output("answer", [answer])]
        )

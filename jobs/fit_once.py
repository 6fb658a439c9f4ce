"""Value models fitted once to what they may see, however many ask: members of a pool also stand beside it."""

import hashlib
from dataclasses import dataclass, field

import pyarrow as pa

from jobs.ltv_configuration import configured
from jobs.past import Past
from ltv.model import LtvModel


@dataclass(slots=True)
class FitOnce:
    """Fits by name and past, remembered for as long as this is kept; one thread at a time."""

    seed: int
    _fitted: dict[tuple[str, str], LtvModel] = field(default_factory=dict)

    def model(self, name: str, past: Past) -> LtvModel:
        """The model of that name fitted by laplace.

        Raises:
            FarviewError: it cannot be fitted; whoever asks again is told again.
        """
        from jobs.known import Known
        from jobs.value_models import fit_configured

        key = (name, _fingerprint(past))
        if key not in self._fitted:
            self._fitted[key] = fit_configured(Known.of(past), configured(name, "laplace", None), self.seed)
        return self._fitted[key]


def _fingerprint(past: Past) -> str:
    """Of all that a fit sees."""
    digest = hashlib.sha256(f"{past.as_of} {past.zone}".encode())
    for table in (past.rfm, past.events):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        digest.update(sink.getvalue())
    return digest.hexdigest()

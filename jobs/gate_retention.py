"""Gates of laws of contracts: convergence, and foresight beside the champion's law on the candidate's own counts."""

from farview.evaluation import gates
from farview.evaluation.gates import BACKTEST, Check, Inference
from farview.store.store import Store
from farview.store.values import ModelVersion
from jobs.gate_terms import Examination, GateTerms, is_refit, protocol
from jobs.progress import Progress
from jobs.train_retention import foresight
from ltv.contract_model import ContractModel
from ltv.inference.laplace import DRAWS


def examine_retention(
    store: Store, candidate: ModelVersion, champion: ModelVersion | None, terms: GateTerms, watch: Progress
) -> Examination:
    """See jobs.gate.gate; `champion` None notes the convergence alone."""
    model = ContractModel.from_artifact(store.artifact(candidate))
    checks = gates.convergence(
        {
            f"cohort {name}": Inference(found.method, DRAWS, found.k_hat, found.r_hat, found.effective_size)
            for name, found in model.fits.items()
        }
    )
    refit = champion is not None and is_refit(candidate, champion)
    if champion is not None and not refit:
        watch.start("renewals foreseen one by one")
        ours, theirs = (foresight(law, model.renewals, candidate.lineage.seed) for law in (model.law, champion.model))
        checks.append(_not_worse(ours - theirs, model.law, champion.model, terms.margin))
    return Examination(checks, protocol((), refit=refit))


def _not_worse(gain: float, ours: str, theirs: str, margin: float) -> Check:
    passed = gain >= -margin
    said = (
        f"log score of a renewal foreseen from those before it, {ours} less {theirs}: {gain:+.4f}, at least {-margin:g}"
    )
    mend = "" if passed else f" (train with --model {theirs})"
    return Check(BACKTEST, "log score of renewals", gain, -margin, passed, said + mend)

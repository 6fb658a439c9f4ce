"""Fits every value model, compares them on earlier days, and registers the winner with what it won by."""

from dataclasses import dataclass
from datetime import date, datetime

from farview.core.errors import InvalidInput
from farview.store.store import Store
from farview.store.values import ModelVersion
from jobs.backtest_models import candidates
from jobs.choose_ltv import COMPARED, as_data, compare, in_words
from jobs.fit_combination import Pool, PoolTerms, combined
from jobs.known import Known
from jobs.ltv_configuration import DEFAULT_HORIZON_DAYS, MEMBERS, configured, pooling
from jobs.past import Past, past_of
from jobs.period_effect import with_period
from jobs.progress import Both, Progress, Silent
from jobs.snapshot import cut_of, require_unchanged
from jobs.train import Fitted, register
from jobs.value_models import MODELS, fit_configured
from ltv.combination_model import NAME as COMBINATION
from ltv.model import LtvModel

CHOICE = "choice"
"""Key of a version's metrics: the comparison that it won."""


@dataclass(frozen=True, slots=True)
class Contest:
    """What models compete over, and which."""

    as_of: date | None = None  # last day whose events are seen, business zone; by default the last event's day
    known_at: datetime | None = None  # events ingested after it are not seen; by default now
    horizon_days: int = DEFAULT_HORIZON_DAYS  # how far the comparison looks; at most a third of the history
    members: tuple[str, ...] = MEMBERS  # of the combination; beside COMPARED they compete, too
    seed: int = 0  # same seed and data, same model

    def __post_init__(self) -> None:
        """Checks the members.

        Raises:
            InvalidInput: none, one twice, or one that cannot be pooled.
        """
        known = [name for name in MODELS if name != COMBINATION]
        for name in self.members:
            if name not in known:
                raise InvalidInput.of("members", f"{name!r} cannot be pooled; use some of {', '.join(known)}")
        if not self.members or len(set(self.members)) < len(self.members):
            raise InvalidInput.of("members", "name at least one model, each once")


def train_best_ltv(
    store: Store,
    contest: Contest = Contest(),
    *,
    who: str,
    why: str = "",
    progress: Progress | None = None,
) -> ModelVersion:
    """Compares models and the combination on rolling origins by champion.RULE and registers the winner.

    Where the history is too short for an origin the first of COMPARED is registered, and its metrics say why. The
    version is the one that naming its model gives: it reproduces from its lineage.

    Args:
        store: where transactions come from and the model goes to.
        contest: which models, over which days.
        who: for the lineage.
        why: for the lineage; by default the paragraph that says why it won.
        progress: who watches.

    Raises:
        FailedPrecondition: there are no transactions.
        InvalidInput: nobody bought by then.
        Conflict: a file was being imported meanwhile.
    """
    cut, seed = cut_of(store, contest.as_of, contest.known_at), contest.seed
    names = dict.fromkeys((*COMPARED, *contest.members))
    request = {"as_of": cut.as_of.isoformat(), "models": [*names, COMBINATION], "seed": seed}
    with store.operation("train", request, who=who) as operation:
        watch = Both(progress or Silent(), operation)
        watch.start("reading transactions")
        snapshot = store.snapshot_hash(cut)
        known = Known(store.transactions(cut).read_all(), cut, store.business().time_zone)
        require_unchanged(store.snapshot_hash, cut, snapshot)
        past = past_of(known.table(), cut.as_of, known.zone)
        every = candidates(seed)
        models = {name: every[name] for name in names}
        found = compare(past, models, PoolTerms(contest.horizon_days, contest.members), watch)
        winner = found.winner or COMPARED[0]
        watch.start(f"fitting {winner}")
        configuration = configured(winner, "laplace", None)
        if winner == COMBINATION and found.combination is not None:
            configuration |= pooling(contest.horizon_days, found.pool)
            fit = _fitted(past, found.combination, seed)
        else:
            fit = fit_configured(known, configuration, seed)
        model = with_period(fit, known.table().to_reader, cut, known.zone, seed)
        watch.done()
        fitted = Fitted(cut, snapshot, configuration, seed)
        said = why or in_words(found)
        registered = register(store, model, fitted, who=who, why=said, told={CHOICE: as_data(found)})
        operation.finish({"model": registered.name})
    return registered


def _fitted(past: Past, pool: Pool, seed: int) -> LtvModel:
    return combined(past, pool, lambda name: fit_configured(Known.of(past), configured(name, "laplace", None), seed))
